//! Faults below HTTP, as networks, proxies and failing servers cause them.

use std::io;
use std::time::Duration;

use axum::response::Response;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::response::Parts;
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufWriter};
use tokio::net::TcpStream;

/// A fault in sending the mock's reply.
///
/// The request has arrived completely. The connection carries nothing after the fault. A fault without an end
/// lasts until the client closes the connection or the mock is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WireFault {
    /// No reply at all; the connection stays open.
    Silent,
    /// The reply, byte by byte.
    Drip {
        /// The pause before each byte.
        interval: Duration,
    },
    /// A status line, then headers without end.
    EndlessHeaders {
        /// The pause before each extra header; zero for as fast as the client reads.
        interval: Duration,
    },
    /// The headers and half of the body, then nothing; the connection stays open.
    StallInBody,
    /// The connection is closed (FIN).
    Close(Point),
    /// The connection is reset (RST).
    Reset(Point),
    /// Bytes that are not HTTP, then the connection is closed.
    Garbage,
    /// The reply's body, padded at the start with spaces to this length. JSON stays valid, so a client that
    /// reads without a limit finds a good reply at the end.
    LargeBody {
        /// The body's length in bytes.
        bytes: u64,
        /// Whether `Content-Length` announces it. If not, the body ends with the connection.
        announced: bool,
    },
    /// The reply's body, padded at the start with spaces to this length, each byte in its own HTTP chunk.
    /// This is expensive for a client that allocates memory for each chunk.
    TinyChunks {
        /// The body's length in bytes, without the framing of the chunks.
        bytes: u64,
    },
}

/// How much of the reply is sent before the connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// Nothing.
    BeforeReply,
    /// Half of the headers.
    InHeaders,
    /// The headers and half of the body.
    InBody,
}

/// A reply in bytes, split where faults interrupt it.
struct Raw {
    head: Vec<u8>,
    body: Bytes,
}

impl Raw {
    /// The bytes sent up to `point`.
    fn until(&self, point: Point) -> Vec<u8> {
        let half = |bytes: &[u8]| bytes.get(..bytes.len() / 2).unwrap_or_default().to_vec();
        match point {
            Point::BeforeReply => Vec::new(),
            Point::InHeaders => half(&self.head),
            Point::InBody => [self.head.as_slice(), &half(&self.body)].concat(),
        }
    }
}

/// Sends `reply` on `stream` with `fault`, and returns at the end of the fault.
///
/// # Errors
///
/// A write fails if the client has closed the connection.
pub(crate) async fn send_with_fault(
    fault: WireFault,
    reply: Response,
    mut stream: TcpStream,
) -> io::Result<()> {
    let (parts, body) = reply.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let head = |framing| head(&parts, framing);
    let raw = Raw {
        head: head(Framing::Length(body.len() as u64)),
        body,
    };
    match fault {
        WireFault::Silent => until_closed(&mut stream).await,
        WireFault::Drip { interval } => {
            for byte in raw.head.iter().chain(&raw.body) {
                tokio::time::sleep(interval).await;
                stream.write_u8(*byte).await?;
            }
            stream.shutdown().await
        }
        WireFault::EndlessHeaders { interval } => {
            let unfinished = raw.head.strip_suffix(b"\r\n").unwrap_or(&raw.head);
            stream.write_all(unfinished).await?;
            for number in 0_u64.. {
                if !interval.is_zero() {
                    tokio::time::sleep(interval).await;
                }
                stream
                    .write_all(format!("X-Flood-{number}: {number}\r\n").as_bytes())
                    .await?;
            }
            Ok(())
        }
        WireFault::StallInBody => {
            stream.write_all(&raw.until(Point::InBody)).await?;
            until_closed(&mut stream).await
        }
        WireFault::Close(point) => {
            stream.write_all(&raw.until(point)).await?;
            stream.shutdown().await
        }
        WireFault::Reset(point) => {
            stream.write_all(&raw.until(point)).await?;
            // Closing without lingering sends RST.
            stream.set_zero_linger()
        }
        WireFault::Garbage => {
            stream
                .write_all(b"220 mail.example ESMTP\r\n\x00\xff\xfe\r\n\r\n")
                .await?;
            stream.shutdown().await
        }
        WireFault::LargeBody { bytes, announced } => {
            let framing = if announced {
                Framing::Length(bytes)
            } else {
                Framing::UntilClose
            };
            stream.write_all(&head(framing)).await?;
            let spaces = bytes.saturating_sub(raw.body.len() as u64);
            tokio::io::copy(&mut tokio::io::repeat(b' ').take(spaces), &mut stream).await?;
            stream.write_all(&raw.body).await?;
            stream.shutdown().await
        }
        WireFault::TinyChunks { bytes } => {
            let mut stream = BufWriter::new(stream);
            stream.write_all(&head(Framing::Chunked)).await?;
            for _ in 0..bytes.saturating_sub(raw.body.len() as u64) {
                stream.write_all(b"1\r\n \r\n").await?;
            }
            for byte in &raw.body {
                stream
                    .write_all(&[b'1', b'\r', b'\n', *byte, b'\r', b'\n'])
                    .await?;
            }
            stream.write_all(b"0\r\n\r\n").await?;
            stream.shutdown().await
        }
    }
}

/// How a client finds the end of a body.
enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

/// Status line and headers in HTTP/1.1 syntax.
fn head(parts: &Parts, framing: Framing) -> Vec<u8> {
    let reason = parts.status.canonical_reason().unwrap_or_default();
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", parts.status.as_str()).into_bytes();
    for (name, value) in &parts.headers {
        if name != CONTENT_LENGTH && name != TRANSFER_ENCODING {
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
    }
    let framing = match framing {
        Framing::Length(length) => format!("content-length: {length}\r\n"),
        Framing::Chunked => "transfer-encoding: chunked\r\n".to_owned(),
        Framing::UntilClose => String::new(),
    };
    head.extend_from_slice(format!("connection: close\r\n{framing}\r\n").as_bytes());
    head
}

async fn until_closed(stream: &mut TcpStream) -> io::Result<()> {
    let mut ignored = [0; 1024];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}
