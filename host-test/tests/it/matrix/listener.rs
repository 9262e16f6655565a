//! The listener whose connections fail.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use super::cell::What;
use super::injection::{End, Injection, Sent, garbage, inject};

/// Held for its drop, which ends it.
pub enum Listener {
    /// Nobody listens, and nobody else can.
    Nobody {
        _reserved: TcpSocket,
    },
    /// It listens, but its queue is full, so nobody gets in.
    Full {
        _listener: TcpListener,
        queue: Vec<TcpStream>,
    },
    Accepting(JoinHandle<()>),
}

impl Listener {
    /// None where something else has the port.
    pub async fn open(address: SocketAddr, what: Option<What>) -> Option<Self> {
        let socket = TcpSocket::new_v6().unwrap();
        socket.bind(address).ok()?;
        Some(match what {
            None | Some(What::Refuse) => Self::Nobody { _reserved: socket },
            Some(What::Stall) => {
                let listener = socket.listen(0).unwrap();
                // A backlog of none has room for one.
                let queue = vec![TcpStream::connect(address).await.unwrap()];
                Self::Full {
                    _listener: listener,
                    queue,
                }
            }
            Some(what) => {
                let listener = socket.listen(16).unwrap();
                Self::Accepting(tokio::spawn(accept(listener, what)))
            }
        })
    }

    /// The addresses of the clients that only fill the queue.
    pub fn fillers(&self) -> Vec<SocketAddr> {
        match self {
            Self::Full { queue, .. } => queue
                .iter()
                .map(|stream| stream.local_addr().unwrap())
                .collect(),
            Self::Nobody { .. } | Self::Accepting(_) => Vec::new(),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Accepting(task) = self {
            task.abort();
        }
    }
}

async fn accept(listener: TcpListener, what: What) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (sent, end) = match what {
            What::Reset => (Vec::new(), End::Reset),
            What::Close => (Vec::new(), End::Close),
            What::Garbage => (garbage(64), End::Close),
            What::Oversize => (garbage(1 << 20), End::Close),
            other => panic!("connecting does not {other:?}"),
        };
        let injection = Injection {
            sent: Sent::AtOnce(sent),
            end,
        };
        // The client may be gone before it is over.
        tokio::spawn(async move { drop(inject(stream, injection).await) });
    }
}
