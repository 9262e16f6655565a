//! Faults below HTTP: what networks, proxies and dying servers do to a reply.

use std::io;
use std::time::Duration;

use axum::response::Response;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::response::Parts;
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufWriter};
use tokio::net::TcpStream;

/// What happens on the wire to the reply that the mock would have sent.
///
/// The request has arrived whole, and its connection sees nothing after the fault. Where a fault has
/// no end of its own, it lasts until the client closes the connection or the mock is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireFault {
    /// No byte of a reply, on a connection that stays open.
    Silent,
    /// The reply, one byte at a time.
    Drip {
        /// The pause before each byte.
        interval: Duration,
    },
    /// A status line and headers, and more headers, without an end.
    EndlessHeaders {
        /// The pause before each header of the flood; zero for as fast as the client reads.
        interval: Duration,
    },
    /// The headers and half of the body; then nothing, on a connection that stays open.
    StallInBody,
    /// The connection is closed in good order (FIN).
    Close(Point),
    /// The connection is reset (RST).
    Reset(Point),
    /// Bytes that are not HTTP; then the connection is closed.
    Garbage,
    /// The reply's body behind as many spaces as make it this long; so JSON stays JSON, and a client
    /// that reads without a bound finds a good reply at the end.
    LargeBody {
        /// The body's length in bytes.
        bytes: u64,
        /// Whether `Content-Length` says so beforehand. If not, the body ends with the connection.
        announced: bool,
    },
    /// The reply's body behind as many spaces as make it this long, each byte in an HTTP chunk of its
    /// own: a client that keeps what it reads piece by piece pays for each piece.
    TinyChunks {
        /// The body's length in bytes, without the chunks' framing.
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

/// A reply in bytes, split where faults strike.
struct Raw {
    head: Vec<u8>,
    body: Bytes,
}

impl Raw {
    /// All that is sent up to `point`.
    fn until(&self, point: Point) -> Vec<u8> {
        let half = |bytes: &[u8]| bytes.get(..bytes.len() / 2).unwrap_or_default().to_vec();
        match point {
            Point::BeforeReply => Vec::new(),
            Point::InHeaders => half(&self.head),
            Point::InBody => [self.head.as_slice(), &half(&self.body)].concat(),
        }
    }
}

/// Does `fault` to `reply` on `stream`, and returns when it is over.
///
/// # Errors
///
/// The client closing the connection shows as an error of the write that finds out.
pub(crate) async fn inflict(
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
            // Closing with nothing to linger for is what sends RST.
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

/// Status line and headers as HTTP/1.1 writes them.
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
