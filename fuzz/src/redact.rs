//! A secret in a reply, compared with a naive search. And the reply tells secrets of one length apart only where the
//! whole secret is in it.

use arbitrary::Arbitrary;
use mv_clip_core::redact::hide;

/// A secret, another one of the same length, and a reply in pieces.
#[derive(Arbitrary, Debug)]
pub struct Reply {
    /// Each letter of both secrets.
    letters: Vec<(u8, u8)>,
    pieces: Vec<Piece>,
}

#[derive(Arbitrary, Debug)]
enum Piece {
    Secret,
    /// In the other case.
    OtherCase,
    /// The beginning of the first secret, whoever has it.
    Guess(u8),
    Bytes(Vec<u8>),
}

impl Reply {
    fn with(&self, secret: &[u8]) -> Vec<u8> {
        let first: Vec<u8> = self.letters.iter().map(|(first, _)| *first).collect();
        let piece = |piece: &Piece| match piece {
            Piece::Secret => secret.to_vec(),
            Piece::OtherCase => secret.iter().map(|byte| other_case(*byte)).collect(),
            Piece::Guess(length) => first.iter().take((*length).into()).copied().collect(),
            Piece::Bytes(bytes) => bytes.clone(),
        };
        self.pieces.iter().flat_map(piece).collect()
    }
}

fn other_case(byte: u8) -> u8 {
    match byte.is_ascii_alphabetic() {
        true => byte ^ 0x20,
        false => byte,
    }
}

/// Checks a reply with both secrets.
pub fn check(reply: Reply) {
    let (one, other): (Vec<u8>, Vec<u8>) = reply.letters.iter().copied().unzip();
    let [(first, found_first), (second, found_second)] =
        [one, other].map(|secret| hidden(reply.with(&secret), &secret));
    if found_first == found_second {
        assert_eq!(first, second);
    }
}

/// The reply without its secret, and where that was.
fn hidden(reply: Vec<u8>, secret: &[u8]) -> (Vec<u8>, Vec<usize>) {
    let mut found = Vec::new();
    let mut expected = reply.clone();
    for start in 0..reply.len() {
        let rest = reply.get(start..start + secret.len());
        if !secret.is_empty() && rest.is_some_and(|rest| rest.eq_ignore_ascii_case(secret)) {
            found.push(start);
            expected[start..start + secret.len()].fill(b'*');
        }
    }
    let mut bytes = reply;
    hide(&mut bytes, secret);
    assert_eq!(bytes, expected);
    (bytes, found)
}
