//! A server that repeats parts of the request in its reply.

use std::sync::{Arc, Mutex};

use tokio::io::AsyncWriteExt as _;

use crate::outbound::server::{Server, read_head};

/// A part of a reply.
#[derive(Clone, Debug)]
pub enum Part {
    Text(Vec<u8>),
    /// The key of the request.
    Key,
    /// The letters of the key from one place to another.
    Letters(usize, usize),
    /// The key in upper case.
    UpperKey,
    /// What the guest chooses: as if the API repeated what the guest asked it before.
    Guess,
    /// A chunk of a chunked body, or the last one.
    Chunk(Vec<Part>),
    /// The rest is in another packet.
    Flush,
}

pub fn text(text: &str) -> Part {
    Part::Text(text.as_bytes().to_vec())
}

/// Sends the current script to each request, and then closes the connection. Scripts have to say so in the head, or the
/// client could take the connection for another request.
pub struct Echo {
    pub server: Server,
    script: Arc<Mutex<Vec<Part>>>,
    guess: Arc<Mutex<String>>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Echo {
    pub async fn start() -> Self {
        let script = Arc::<Mutex<Vec<Part>>>::default();
        let guess = Arc::<Mutex<String>>::default();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let (next, guessed, seen) = (Arc::clone(&script), Arc::clone(&guess), Arc::clone(&heads));
        let server = Server::start(move |mut stream| {
            let (next, seen) = (Arc::clone(&next), Arc::clone(&seen));
            let guessed = Arc::clone(&guessed);
            async move {
                let Some(head) = read_head(&mut stream).await else {
                    return;
                };
                let parts = next.lock().unwrap().clone();
                let guess = guessed.lock().unwrap().clone();
                seen.lock().unwrap().push(head.clone());
                let mut bytes = Vec::new();
                for part in &parts {
                    match part {
                        Part::Flush => {
                            let packet = std::mem::take(&mut bytes);
                            if stream.write_all(&packet).await.is_err() {
                                break;
                            }
                            tokio::task::yield_now().await;
                        }
                        part => write(&mut bytes, part, &head, &guess),
                    }
                }
                // The client may have seen enough.
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
            }
        });
        Self {
            server: server.await,
            script,
            guess,
            heads,
        }
    }

    /// What the guest chooses from now on.
    pub fn guess(&self, guess: &str) {
        guess.clone_into(&mut self.guess.lock().unwrap());
    }

    pub fn script(&self, parts: Vec<Part>) {
        *self.script.lock().unwrap() = parts;
    }

    /// The heads of the requests since the last call.
    pub fn heads(&self) -> Vec<String> {
        std::mem::take(&mut self.heads.lock().unwrap())
    }
}

fn write(bytes: &mut Vec<u8>, part: &Part, head: &str, guess: &str) {
    let key = value(head, "authorization: Bearer ");
    match part {
        Part::Text(text) => bytes.extend(text),
        Part::Key => bytes.extend(key.bytes()),
        Part::Letters(start, end) => bytes.extend(key.bytes().take(*end).skip(*start)),
        Part::UpperKey => bytes.extend(key.to_uppercase().bytes()),
        Part::Guess => bytes.extend(guess.bytes()),
        Part::Chunk(parts) => {
            let mut chunk = Vec::new();
            parts
                .iter()
                .for_each(|part| write(&mut chunk, part, head, guess));
            bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
            // The last chunk has no data, and the trailers may follow.
            if !chunk.is_empty() {
                bytes.extend(chunk);
                bytes.extend(b"\r\n");
            }
        }
        Part::Flush => {}
    }
}

fn value<'a>(head: &'a str, field: &str) -> &'a str {
    let mut lines = head.lines();
    lines
        .find_map(|line| line.strip_prefix(field))
        .unwrap_or_default()
}
