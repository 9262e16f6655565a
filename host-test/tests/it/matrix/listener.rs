//! The listener whose connections fail.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use super::cell::What;
use super::injection::{End, Injection, Sent, garbage, inject};

/// Ends when it is dropped.
pub enum Listener {
    /// The port is reserved, but not listening.
    Closed {
        _reserved: TcpSocket,
    },
    /// The port is listening, but its accept queue is full.
    Full {
        _listener: TcpListener,
        queue: Vec<TcpStream>,
    },
    Accepting(JoinHandle<()>),
}

impl Listener {
    /// Returns `None` if the port is in use.
    pub async fn open(address: SocketAddr, what: Option<What>) -> Option<Self> {
        let socket = TcpSocket::new_v6().unwrap();
        socket.bind(address).ok()?;
        Some(match what {
            None | Some(What::Refuse) => Self::Closed { _reserved: socket },
            Some(What::Stall) => {
                let listener = socket.listen(0).unwrap();
                // A backlog of zero has room for one connection.
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
            Self::Closed { .. } | Self::Accepting(_) => Vec::new(),
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
            other => panic!("connecting has no {other:?}"),
        };
        let injection = Injection {
            sent: Sent::AtOnce(sent),
            end,
        };
        // The client may disconnect early.
        tokio::spawn(async move { drop(inject(stream, injection).await) });
    }
}
