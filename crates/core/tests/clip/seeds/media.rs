//! A media host and a destination: the bytes of one transfer are drawn from the seed.

use std::time::Duration;

use mv_clip_core::transfer::{Digest, Get, Head, Peer, Put, PutError, StreamChecker};
use mv_clip_core::transport::TransportError;
use proptest::prelude::*;
use proptest::test_runner::TestRng;

use super::draw::pick;
use super::rules::{RuleResult, rule};

/// The tables of a stream, and the start of a picture.
const PICTURE: &[u8] = include_bytes!("../../../src/transfer/picture.ts");

pub struct Media {
    pub rng: TestRng,
    body: Vec<u8>,
    whole: bool,
    /// The body of each PUT, and whether it was complete.
    pub stored: Vec<(Vec<u8>, bool)>,
    pub broken_rule: RuleResult,
    verbose: bool,
}

impl Media {
    pub fn new(rng: TestRng, verbose: bool) -> Self {
        Self {
            rng,
            body: Vec::new(),
            whole: false,
            stored: Vec::new(),
            broken_rule: Ok(()),
            verbose,
        }
    }

    pub fn head(&mut self, now: Duration, get: &Get) -> (Duration, Result<Head, TransportError>) {
        let rng = &mut self.rng;
        let takes = Duration::from_millis(match rng.random_bool(0.1) {
            true => rng.random_range(0..40_000),
            false => rng.random_range(0..300),
        });
        if get.url.expose().starts_with("http://") {
            self.broken_rule = Err(format!("without TLS: {:?}", get.url));
        }
        let mut head = Head {
            status: pick(
                rng,
                &[200, 200, 200, 200, 206, 302, 404, 403, 410, 429, 500, 503],
            ),
            location: Some(
                pick(
                    rng,
                    &[
                        "/x",
                        "https://cdn.example/t0ken",
                        "http://cdn.example/x",
                        "https://u:s3cret@h/x",
                    ],
                )
                .into(),
            ),
            retry_after: pick(rng, &[None, None, Some("3"), Some("soon"), Some("900")])
                .map(str::to_owned),
            length: None,
        };
        self.body = clip(rng, &mut head.length);
        self.whole = is_whole(&self.body)
            && head
                .length
                .is_none_or(|length| length == self.body.len() as u64);
        let broken = [
            TransportError::Connection("refused"),
            TransportError::TimedOut,
            TransportError::Denied,
            TransportError::Certificate,
        ];
        let outcome = match rng.random_bool(0.1) {
            true => Err(pick(rng, &broken)),
            false => Ok(head),
        };
        if self.verbose {
            println!("{now:?}: the media host at {:?}", get.url);
            println!("    {takes:?}: {outcome:?}");
        }
        (takes, outcome)
    }

    /// As the driver in `mv-clip-guest`: each piece is checked, then sent; the body ends after the last.
    pub fn store(&mut self, now: Duration, put: &Put) -> (Duration, Result<Digest, PutError>) {
        let takes = Duration::from_millis(self.rng.random_range(0..20_000));
        let (mut arrived, mut ended) = (Vec::new(), false);
        let outcome = self.deliver(put, &mut arrived, &mut ended);
        if !ends_as_footage(&arrived) {
            self.broken_rule = Err(format!(
                "forwarded {} bytes of an invalid stream",
                arrived.len()
            ));
        }
        if ended && !self.whole {
            self.broken_rule = Err("completed the upload of an incomplete clip".into());
        }
        if self.verbose {
            println!("{now:?}: {} bytes, ended: {ended}", arrived.len());
            println!("    {takes:?}: {outcome:?}");
        }
        self.stored.push((arrived, ended));
        (takes, outcome)
    }

    fn deliver(
        &mut self,
        put: &Put,
        arrived: &mut Vec<u8>,
        ended: &mut bool,
    ) -> Result<Digest, PutError> {
        let rng = &mut self.rng;
        let mut footage = StreamChecker::new(put.length);
        let breaks = rng.random_bool(0.1).then(|| rng.random_range(0..4_u32));
        let size = rng.random_range(1..500);
        for (number, piece) in self.body.chunks(size).enumerate() {
            if breaks == u32::try_from(number).ok() {
                let side = pick(rng, &[Peer::Media, Peer::Destination]);
                return Err(PutError::Transport(
                    side,
                    TransportError::Connection("gone"),
                ));
            }
            footage.push(piece)?;
            arrived.extend_from_slice(piece);
        }
        let digest = footage.finish()?;
        *ended = true;
        match rng.random_bool(0.3) {
            true => Err(PutError::Status {
                status: pick(rng, &[302, 400, 403, 411, 429, 500, 501, 503, 507]),
                retry_after: None,
                body: b"<Error><Code>No</Code><Message>s3cret-s3cret k3y-0f-s0mebody</Message></Error>".to_vec(),
            }),
            false => Ok(digest),
        }
    }

    /// The result is the digest of what was stored last.
    pub fn check(&self, reported: Option<&Digest>) -> RuleResult {
        self.broken_rule.clone()?;
        if let Some(reported) = reported {
            let (bytes, ended) = self.stored.last().ok_or("saved without a PUT")?;
            use sha2::Digest as _;
            let sha256 = hex::encode(sha2::Sha256::digest(bytes));
            rule!(
                *ended && sha256 == reported.sha256,
                "hash: not that of the stored clip"
            );
            rule!(
                reported.bytes == bytes.len() as u64,
                "size: not that of the stored clip"
            );
        }
        Ok(())
    }
}

/// A clip, most of them whole, and its announced length. Its third packet has a picture.
fn clip(rng: &mut TestRng, length: &mut Option<u64>) -> Vec<u8> {
    let packets = rng.random_range(0..12_usize);
    let mut body = vec![rng.random(); packets * 188];
    body.iter_mut().step_by(188).for_each(|byte| *byte = 0x47);
    if let Some(start) = body.get_mut(..PICTURE.len()) {
        start.copy_from_slice(PICTURE);
    }
    *length = rng.random_bool(0.5).then_some(body.len() as u64);
    if !body.is_empty() {
        match rng.random_range(0..12) {
            0 => {
                let packet = rng.random_range(0..packets);
                body[packet * 188] = b'<';
            }
            1 | 2 => body.truncate(rng.random_range(0..body.len())),
            3 => *length = Some(rng.random_range(0..3_000)),
            _ => {}
        }
    }
    body
}

fn ends_as_footage(bytes: &[u8]) -> bool {
    bytes.iter().step_by(188).all(|byte| *byte == 0x47)
}

fn is_whole(bytes: &[u8]) -> bool {
    bytes.starts_with(PICTURE) && bytes.len().is_multiple_of(188) && ends_as_footage(bytes)
}
