//! How a fault is injected: which bytes are sent, how fast, and how the connection ends.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::server::TlsStream;

use super::cell::What;

/// At this rate the 17 bytes of a status line take twice the timeout of an attempt.
pub const DRIP: Duration = Duration::from_millis(500);

/// Fast enough to count as progress, and slow enough to leave the CPU to the other cells.
const FLOOD: Duration = Duration::from_millis(50);

pub enum Sent {
    AtOnce(Vec<u8>),
    /// The first bytes at once, then one of the others every [`DRIP`].
    Slowly(Vec<u8>, Vec<u8>),
    /// The first bytes at once, then the others repeatedly.
    Endlessly(Vec<u8>, Vec<u8>),
}

#[derive(Clone, Copy)]
pub enum End {
    /// With `close_notify`, if the connection has TLS.
    Close,
    /// Without `close_notify`.
    Cut,
    Reset,
    /// The connection stays open.
    Stay,
}

pub struct Injection {
    pub sent: Sent,
    pub end: End,
}

/// The parts of a healthy message of one place, and its faulty forms.
pub struct Forms {
    /// The data before the fault.
    pub before: Vec<u8>,
    /// The part with the fault.
    pub part: Vec<u8>,
    /// The data after that part.
    pub after: Vec<u8>,
    /// Replaces the whole message.
    pub refusal: Vec<u8>,
    /// Replaces the whole message.
    pub wrong_length: Vec<u8>,
    /// Replaces the whole message.
    pub oversize: Sent,
}

impl Forms {
    pub fn injection(self, what: What) -> Injection {
        let Self {
            before,
            part,
            after,
            ..
        } = self;
        let until = |bytes: &[u8]| Sent::AtOnce([&before, bytes].concat());
        let half = &part[..part.len() / 2];
        let (sent, end) = match what {
            What::Refuse => (Sent::AtOnce(self.refusal), End::Close),
            What::Reset => (until(half), End::Reset),
            What::Close => (until(&[]), End::Close),
            What::Stall => (until(half), End::Stay),
            What::Drip => (Sent::Slowly(before, [part, after].concat()), End::Close),
            What::Garbage => (
                until(&[&garbage(part.len()), &after[..]].concat()),
                End::Close,
            ),
            What::Truncation => (until(half), End::Cut),
            What::WrongLength => (Sent::AtOnce(self.wrong_length), End::Close),
            What::Oversize => (self.oversize, End::Close),
        };
        Injection { sent, end }
    }
}

/// Bytes that are not valid TLS, HTTP, JSON or MPEG-TS.
pub fn garbage(length: usize) -> Vec<u8> {
    let bytes = b"\x00\xff\xfe220 mail.example ESMTP\r\n";
    bytes.iter().copied().cycle().take(length).collect()
}

/// A connection with or without TLS.
pub trait Connection: AsyncRead + AsyncWrite + Unpin {
    fn tcp(&mut self) -> &mut TcpStream;
}

impl Connection for TcpStream {
    fn tcp(&mut self) -> &mut TcpStream {
        self
    }
}

impl Connection for TlsStream<TcpStream> {
    fn tcp(&mut self) -> &mut TcpStream {
        self.get_mut().0
    }
}

/// Injects a fault, and then waits for the client to close its side, so that a client that keeps a dead connection is
/// detected.
pub async fn inject(mut stream: impl Connection, injection: Injection) -> io::Result<()> {
    match injection.sent {
        Sent::AtOnce(bytes) => stream.write_all(&bytes).await?,
        Sent::Slowly(first, bytes) => {
            stream.write_all(&first).await?;
            for byte in bytes {
                sleep(DRIP).await;
                stream.write_all(&[byte]).await?;
                stream.flush().await?;
            }
        }
        Sent::Endlessly(first, again) => {
            stream.write_all(&first).await?;
            loop {
                stream.write_all(&again).await?;
                stream.flush().await?;
                sleep(FLOOD).await;
            }
        }
    }
    stream.flush().await?;
    match injection.end {
        End::Close => stream.shutdown().await?,
        End::Cut => stream.tcp().shutdown().await?,
        End::Reset => {
            // Closing a socket with a linger time of zero sends RST.
            return stream.tcp().set_zero_linger();
        }
        End::Stay => {}
    }
    let tcp = stream.tcp();
    while tcp.read(&mut [0; 1 << 10]).await? > 0 {}
    Ok(())
}
