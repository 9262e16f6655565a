//! The API, the media host and the destination of one cell, behind TLS, with its fault.

use std::io;
use std::sync::Arc;

use rustls::ServerConnection;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::cell::{Place, What};
use super::injection::{DRIP, End, Injection, Sent, garbage, inject};
use super::reply::{self, Reply};
use super::state::{Action, State};
use crate::outbound::server::{read_head, read_until};

pub async fn accept(listener: TcpListener, acceptor: TlsAcceptor, state: Arc<State>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (acceptor, state) = (acceptor.clone(), Arc::clone(&state));
        // A disconnected client is not an error here.
        tokio::spawn(async move { drop(serve(stream, acceptor, state).await) });
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, state: Arc<State>) -> io::Result<()> {
    if state.cell.place == Place::Handshake && state.arrive() == Action::Faulty {
        return inject_into_handshake(stream, &acceptor, state.cell.what).await;
    }
    let mut stream = acceptor.accept(stream).await?;
    let healthy = state.healthy();
    while let Some(next) = read(&mut stream, &state).await? {
        match next {
            Next::Reply(reply) => stream.write_all(&reply.whole()).await?,
            Next::Injection(injection) => {
                drop(healthy);
                return inject(stream, injection).await;
            }
        }
    }
    Ok(())
}

/// Injects the fault into the server's first flight: its hello, its certificate, and the rest.
async fn inject_into_handshake(
    mut stream: TcpStream,
    acceptor: &TlsAcceptor,
    what: What,
) -> io::Result<()> {
    let mut tls = ServerConnection::new(Arc::clone(acceptor.config())).map_err(io::Error::other)?;
    let mut hello = [0; 1 << 12];
    while !tls.wants_write() {
        let count = stream.read(&mut hello).await?;
        tls.read_tls(&mut &hello[..count])?;
        tls.process_new_packets().map_err(io::Error::other)?;
    }
    let mut flight = Vec::new();
    while tls.wants_write() {
        tls.write_tls(&mut flight)?;
    }
    let injection = reply::handshake(flight).injection(what);
    inject(stream, injection).await
}

/// What the server does after a request.
enum Next {
    /// Sends a reply and keeps the connection open.
    Reply(Reply),
    Injection(Injection),
}

/// Reads one request. Returns `None` if the client has closed the connection.
async fn read(stream: &mut TlsStream<TcpStream>, state: &State) -> io::Result<Option<Next>> {
    let cell = state.cell;
    if cell.place == Place::Request {
        // The first byte shows that a request has started.
        let Ok(_) = stream.read_u8().await else {
            return Ok(None);
        };
        if state.arrive() == Action::Faulty {
            return inject_into_request(stream, cell.what).await.map(Some);
        }
    }
    let Some(head) = read_head(stream).await else {
        return Ok(None);
    };
    let place = place(&head, cell.place);
    let action = match cell.place {
        Place::Lookup | Place::Connect | Place::Handshake | Place::Request => {
            state.current_action()
        }
        with_fault if with_fault == place => state.arrive(),
        _ => Action::Healthy,
    };
    if place == Place::Destination && !(action == Action::Faulty && is_early(cell.what)) {
        let clip = read_body(stream, &head).await?;
        state.store(if action == Action::Busy {
            Vec::new()
        } else {
            clip
        });
    }
    Ok(Some(match action {
        Action::Faulty => {
            Next::Injection(reply::forms(place, &state.clip_url).injection(cell.what))
        }
        // Closes, so that the next attempt opens a new connection.
        Action::Busy if cell.place.is_before_http() => Next::Injection(Injection {
            sent: Sent::AtOnce(Reply::busy().closing().whole()),
            end: End::Close,
        }),
        Action::Busy => Next::Reply(Reply::busy()),
        Action::Healthy => Next::Reply(reply::healthy(place, &state.clip_url)),
    }))
}

/// The place that a request is for: the media host, the destination, or the API with the place of the cell.
fn place(head: &str, of_cell: Place) -> Place {
    if head.starts_with("PUT ") {
        Place::Destination
    } else if head.starts_with("GET /media/") {
        Place::Media
    } else if of_cell.is_transfer() || of_cell.is_before_http() {
        Place::Body
    } else {
        of_cell
    }
}

/// Whether the fault is in the middle of the clip, not at its end.
fn is_early(what: What) -> bool {
    matches!(what, What::Reset | What::Close | What::Stall)
}

async fn read_body(stream: &mut TlsStream<TcpStream>, head: &str) -> io::Result<Vec<u8>> {
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    match length {
        Some(length) => {
            let mut body = vec![0; length.parse().unwrap()];
            stream.read_exact(&mut body).await?;
            Ok(body)
        }
        None => {
            let chunks = read_until(stream, b"\r\n0\r\n\r\n").await;
            chunks.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
        }
    }
}

/// Injects the fault while the request is read.
async fn inject_into_request(stream: &mut TlsStream<TcpStream>, what: What) -> io::Result<Next> {
    let refusal = |status| Reply::new(status, "", b"").closing().whole();
    let (sent, end) = match what {
        What::Refuse => (refusal("408 Request Timeout"), End::Close),
        What::WrongLength => (refusal("411 Length Required"), End::Close),
        What::Oversize => (refusal("431 Request Header Fields Too Large"), End::Close),
        What::Garbage => (garbage(64), End::Close),
        What::Reset => (Vec::new(), End::Reset),
        What::Close => (Vec::new(), End::Close),
        What::Stall => (Vec::new(), End::Stay),
        What::Truncation => {
            read_until(stream, b"\r\n").await;
            (Vec::new(), End::Cut)
        }
        What::Drip => {
            while stream.read_u8().await.is_ok() {
                sleep(DRIP).await;
            }
            (Vec::new(), End::Close)
        }
    };
    let sent = Sent::AtOnce(sent);
    Ok(Next::Injection(Injection { sent, end }))
}
