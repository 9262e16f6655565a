//! A server whose connections a test handles itself.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Listens on a free port of 127.0.0.1 until the test's runtime ends.
pub struct Server {
    pub address: SocketAddr,
    /// The client addresses of the connections.
    accepted: Arc<Mutex<Vec<SocketAddr>>>,
}

impl Server {
    /// Calls `handler` with each connection.
    pub async fn start<F, Fut>(handler: F) -> Self
    where
        F: Fn(TcpStream) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = Arc::<Mutex<Vec<_>>>::default();
        let peers = Arc::clone(&accepted);
        tokio::spawn(async move {
            loop {
                let (stream, peer) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                peers.lock().unwrap().push(peer);
                tokio::spawn(handler(stream));
            }
        });
        Self { address, accepted }
    }

    /// Answers every request and keeps connections open.
    pub async fn well_behaved() -> Self {
        Self::start(|mut stream| async move {
            while read_head(&mut stream).await.is_some() {
                stream.write_all(OK.as_bytes()).await.unwrap();
            }
        })
        .await
    }

    /// Reads a request, sends `reply` and closes.
    pub async fn replying(reply: &'static str) -> Self {
        Self::start(move |mut stream| async move {
            read_head(&mut stream).await;
            stream.write_all(reply.as_bytes()).await.unwrap();
        })
        .await
    }

    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The number of accepted connections. It includes each connection that got a response.
    pub fn accepted(&self) -> usize {
        self.accepted.lock().unwrap().len()
    }

    /// The number of connections, including those that are not accepted yet. Use it to check that there is none.
    pub async fn connected(&self) -> usize {
        // Connections are accepted in order.
        let last = TcpStream::connect(self.address).await.unwrap();
        let last = last.local_addr().unwrap();
        loop {
            {
                let mut accepted = self.accepted.lock().unwrap();
                if let Some(place) = accepted.iter().position(|peer| *peer == last) {
                    accepted.remove(place);
                    return accepted.len();
                }
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Reads the head of a request, or returns `None` if the client has closed the connection.
pub async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let head = read_until(stream, b"\r\n\r\n").await?;
    Some(String::from_utf8(head).unwrap())
}

/// Reads up to and including these bytes, or returns `None` if the client has closed the connection.
pub async fn read_until(stream: &mut (impl AsyncRead + Unpin), end: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end) {
        bytes.push(stream.read_u8().await.ok()?);
    }
    Some(bytes)
}

/// Waits until the client has closed or reset the connection.
pub async fn closed(stream: &mut (impl AsyncRead + Unpin)) {
    while let Ok(1..) = stream.read(&mut [0; 1024]).await {}
}
