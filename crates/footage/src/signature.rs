//! The signature of the log, in the format of minisign.
//!
//! It is over the whole log, as it is at the end of a run. Its trusted comment says how long the log was, so that lines
//! which a later run added are told from a change.

use std::io::{self, Read, Seek, SeekFrom};

use chrono::{DateTime, Utc};
use data_encoding::BASE64;
use minisign::SignatureBox;
use sha2::{Digest, Sha256};

use crate::digest;
use crate::footage;
use crate::keys::{KeyId, SigningKey, VerifyingKey};
use crate::names::LOG;

/// The largest signature file in bytes. minisign's comments have at most 1 KiB and 8 KiB.
pub(crate) const LARGEST: u64 = 16 << 10;

/// The length of a signature by Ed25519, in bytes.
const ED25519: usize = 64;

/// How long the signed log was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) bytes: u64,
    pub(crate) lines: usize,
}

/// A signature of minisign's.
pub(crate) struct Signature {
    signature: SignatureBox,
    /// What its trusted comment says; `None` in one that minisign itself made, which is over the whole file.
    pub(crate) extent: Option<Extent>,
    pub(crate) signed_at: Option<DateTime<Utc>>,
}

/// Why a signature does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Invalid {
    /// Another key made it.
    OtherKey(KeyId),
    /// It is not over these bytes, or its comment has changed.
    Content,
}

impl Signature {
    /// Signs the log, which `log` reads and which has this extent. Gives the file's content, and the SHA-256 of what was
    /// signed.
    pub(crate) fn sign(
        key: &SigningKey,
        log: impl Read,
        extent: Extent,
    ) -> io::Result<(String, String)> {
        let now = footage::now().timestamp();
        let Extent { bytes, lines } = extent;
        // As minisign writes its own.
        let trusted = format!("timestamp:{now}\tfile:{LOG}\tbytes:{bytes}\tlines:{lines}");
        let untrusted = format!("signature of {LOG} by mv-clip, key {}", key.public().id());
        let mut log = Hashed::new(log, bytes);
        let public = Some(&key.public().0);
        let made = minisign::sign(
            public,
            &key.secret,
            &mut log,
            Some(&trusted),
            Some(&untrusted),
        );
        let made = made.map_err(|error| io::Error::other(error.to_string()))?;
        Ok((made.into_string(), log.sha256()))
    }

    /// Reads a signature file; `None` if it is not one, or one of minisign's legacy kind, which is not over a hash.
    pub(crate) fn parse(file: &[u8]) -> Option<Self> {
        let text = str::from_utf8(file).ok()?;
        // The library expects that this has the right length.
        let comment = BASE64.decode(text.lines().nth(3)?.trim().as_bytes()).ok()?;
        if comment.len() != ED25519 {
            return None;
        }
        let signature = SignatureBox::from_string(text).ok()?;
        if !signature.is_prehashed() {
            return None;
        }
        let comment = signature.trusted_comment().ok()?;
        let extent = number(&comment, "bytes").zip(number(&comment, "lines"));
        let signed_at = number(&comment, "timestamp");
        Some(Self {
            extent: extent.map(|(bytes, lines)| Extent { bytes, lines }),
            signed_at: signed_at.and_then(|seconds| DateTime::from_timestamp(seconds, 0)),
            signature,
        })
    }

    /// The key that is said to have made it.
    pub(crate) fn key(&self) -> KeyId {
        KeyId::of(self.signature.keynum())
    }

    /// Verifies it with the bytes that it covers, and gives their SHA-256.
    pub(crate) fn verify(
        &self,
        key: &VerifyingKey,
        log: impl Read,
    ) -> io::Result<Result<String, Invalid>> {
        if self.key() != key.id() {
            return Ok(Err(Invalid::OtherKey(self.key())));
        }
        let most = self.extent.map_or(u64::MAX, |extent| extent.bytes);
        let mut log = Hashed::new(log, most);
        let verified = minisign::verify(&key.0, &self.signature, &mut log, true, false, false);
        if let Some(error) = log.failed {
            return Err(error);
        }
        Ok(match verified {
            Ok(()) => Ok(log.sha256()),
            Err(_) => Err(Invalid::Content),
        })
    }
}

/// A number in a trusted comment: fields with tabs between them, each a name, a colon and a value.
fn number<T: std::str::FromStr>(comment: &str, name: &str) -> Option<T> {
    let mut fields = comment
        .split('\t')
        .filter_map(|field| field.split_once(':'));
    let (_, value) = fields.find(|(found, _)| *found == name)?;
    value.parse().ok()
}

/// Hashes what is read, up to a number of bytes.
struct Hashed<R> {
    inner: io::Take<R>,
    hash: Sha256,
    failed: Option<io::Error>,
}

impl<R: Read> Hashed<R> {
    fn new(inner: R, most: u64) -> Self {
        Self {
            inner: inner.take(most),
            hash: Sha256::new(),
            failed: None,
        }
    }

    fn sha256(self) -> String {
        digest::text(self.hash)
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buffer) {
            Ok(read) => {
                self.hash.update(buffer.get(..read).unwrap_or_default());
                Ok(read)
            }
            Err(error) => {
                let kind = error.kind();
                self.failed = Some(error);
                Err(kind.into())
            }
        }
    }
}

// The library asks for it, and uses it only to print the data.
impl<R> Seek for Hashed<R> {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
mod tests;
