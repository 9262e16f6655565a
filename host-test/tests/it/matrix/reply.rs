//! Healthy replies, and their faulty forms.

use meraki_mock::CLIP;

use super::cell::Place;
use super::injection::{Forms, Sent};

/// Above the client's limits for a status line, a header section and an API response.
const HUGE: usize = 2 << 20;

/// A reply, split into three parts.
pub struct Reply {
    status_line: Vec<u8>,
    headers: Vec<u8>,
    body: Vec<u8>,
}

impl Reply {
    /// `fields` contains complete header lines.
    pub fn new(status: &str, fields: &str, body: &[u8]) -> Self {
        Self {
            status_line: format!("HTTP/1.1 {status}\r\n").into(),
            headers: format!("{fields}content-length: {}\r\n\r\n", body.len()).into(),
            body: body.to_vec(),
        }
    }

    pub fn busy() -> Self {
        Self::new("503 Service Unavailable", "", b"")
    }

    pub fn closing(self) -> Self {
        let headers = [b"connection: close\r\n", &self.headers[..]].concat();
        Self { headers, ..self }
    }

    pub fn whole(&self) -> Vec<u8> {
        [&self.status_line[..], &self.headers, &self.body].concat()
    }

    fn with_headers(&self, headers: &str) -> Vec<u8> {
        [&self.status_line[..], headers.as_bytes(), &self.body].concat()
    }
}

/// The healthy reply of this place.
pub fn healthy(place: Place, clip_url: &str) -> Reply {
    match place {
        Place::Media => Reply::new("200 OK", "content-type: video/mp2t\r\n", CLIP),
        Place::Destination => Reply::new("200 OK", "", b""),
        _ => Reply::new(
            "200 OK",
            "content-type: application/json\r\n",
            format!(r#"{{"url": "{clip_url}"}}"#).as_bytes(),
        ),
    }
}

/// The reply of this place, and its form for each fault.
pub fn forms(place: Place, clip_url: &str) -> Forms {
    let reply = healthy(place, clip_url);
    match place {
        Place::StatusLine => status_line(reply),
        Place::Headers => headers(reply),
        Place::Body => body(reply),
        Place::Media => media(reply),
        Place::Destination => destination(reply),
        other => panic!("{other:?} is not in a reply"),
    }
}

/// `flight` is the server's first flight.
pub fn handshake(flight: Vec<u8>) -> Forms {
    // A record starts with a type, a version of two bytes, and a length of two bytes (RFC 8446, section 5.1).
    let mut wrong_length = flight.clone();
    wrong_length[4] ^= 1;
    let longest = [22, 3, 3, 0xff, 0xff];
    Forms {
        before: Vec::new(),
        after: Vec::new(),
        part: flight,
        // A fatal alert: handshake_failure.
        refusal: vec![21, 3, 3, 0, 2, 2, 40],
        wrong_length,
        oversize: Sent::AtOnce([&longest[..], &vec![0; 0xffff]].concat()),
    }
}

fn status_line(reply: Reply) -> Forms {
    let rest = [&reply.headers[..], &reply.body].concat();
    let beginning_with = |line: &[u8]| [line, b"\r\n", &rest].concat();
    let long = [b"HTTP/1.1 200 ", &vec![b'O'; HUGE][..]].concat();
    Forms {
        before: Vec::new(),
        refusal: Reply::busy().whole(),
        // A status has three digits.
        wrong_length: beginning_with(b"HTTP/1.1 20 OK"),
        oversize: Sent::AtOnce(beginning_with(&long)),
        part: reply.status_line,
        after: rest,
    }
}

fn headers(reply: Reply) -> Forms {
    let length = reply.body.len();
    let twice = format!("content-length: {length}\r\ncontent-length: 1\r\n\r\n");
    Forms {
        refusal: Reply::new("429 Too Many Requests", "retry-after: 1\r\n", b"").whole(),
        wrong_length: reply.with_headers(&twice),
        oversize: Sent::AtOnce(reply.with_headers(&padded(length))),
        before: reply.status_line,
        part: reply.headers,
        after: reply.body,
    }
}

fn body(reply: Reply) -> Forms {
    let padded = [vec![b' '; HUGE], reply.body.clone()].concat();
    Forms {
        refusal: Reply::new("200 OK", "", br#"{"errors": ["There is no clip"]}"#).whole(),
        wrong_length: with_half_the_length(&reply),
        oversize: Sent::AtOnce(Reply::new("200 OK", "", &padded).whole()),
        before: [reply.status_line, reply.headers].concat(),
        part: reply.body,
        after: Vec::new(),
    }
}

fn media(reply: Reply) -> Forms {
    let without_length = [&reply.status_line[..], b"\r\n"].concat();
    Forms {
        refusal: Reply::new("403 Forbidden", "", b"Request has expired").whole(),
        wrong_length: with_half_the_length(&reply),
        oversize: Sent::Endlessly(without_length, reply.body.clone()),
        before: [reply.status_line, reply.headers].concat(),
        part: reply.body,
        after: Vec::new(),
    }
}

fn destination(reply: Reply) -> Forms {
    Forms {
        before: Vec::new(),
        refusal: Reply::new("403 Forbidden", "", b"AccessDenied").whole(),
        wrong_length: reply.with_headers("content-length: 10\r\n\r\n"),
        oversize: Sent::AtOnce(reply.with_headers(&padded(0))),
        part: reply.status_line,
        after: [reply.headers, reply.body].concat(),
    }
}

fn padded(length: usize) -> String {
    format!(
        "x-padding: {}\r\ncontent-length: {length}\r\n\r\n",
        "a".repeat(HUGE)
    )
}

fn with_half_the_length(reply: &Reply) -> Vec<u8> {
    let half = reply.body.len() / 2;
    reply.with_headers(&format!("content-length: {half}\r\n\r\n"))
}
