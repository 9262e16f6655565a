//! The signature and the timestamp beside a log.
//!
//! Both are over the log from its start to the end of a run, so a newer one covers all that an older one did. What a newer
//! one does not say is that the lines existed earlier. So the older ones are not lost: before they are replaced, the log
//! gets them.

use std::io::{self, ErrorKind, Read};

use chrono::{DateTime, Utc};
use data_encoding::BASE64;

use crate::folder::Folder;
use crate::keys::{KeyId, SigningKey, VerifyingKey};
use crate::log::{Entry, Point, Record, Watch};
use crate::names::{LOG, SIGNATURE, TIMESTAMP};
use crate::signature::{Extent, Invalid, Signature};
use crate::{signature, timestamp};

/// A file that may be there.
type Found = io::Result<Option<Vec<u8>>>;

/// The files of the signature and of the timestamp.
pub(crate) struct Proofs {
    pub(crate) signature: Found,
    pub(crate) timestamp: Found,
}

/// A signature of the log, in `log.jsonl.minisig`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Signed {
    /// The key.
    pub key: KeyId,
    /// How many lines the log has. A record of this elsewhere shows later that the folder was not set back.
    pub lines: usize,
    /// The SHA-256 of the log, in hexadecimal.
    pub sha256: String,
}

/// What is known of a log by its signature.
pub(crate) enum Checked {
    /// It is signed up to this point.
    Signed(Point),
    /// There is no signature.
    Missing,
    /// The file is no signature.
    Malformed,
    /// Another key signed it.
    OtherKey(KeyId),
    /// The signature is over another log.
    OtherLog {
        /// How long that is, as the comment of the signature says.
        signed: Option<Extent>,
        /// How many lines from the first one are as an earlier signature has them.
        intact: usize,
    },
}

/// How many earlier signatures are tried, the newest first. For each, the log is read once more. Whoever wrote to the
/// folder may have put many into the log that do not hold.
const EARLIER: usize = 5;

impl Proofs {
    pub(crate) fn read(folder: &Folder) -> Self {
        let read = |name, most| match folder.read_bounded(name, most) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        };
        Self {
            signature: read(SIGNATURE, signature::LARGEST),
            timestamp: read(TIMESTAMP, timestamp::LARGEST),
        }
    }

    /// The signature, if the file is one.
    pub(crate) fn signature(&self) -> Option<Signature> {
        Signature::parse(self.signature.as_ref().ok()?.as_ref()?)
    }

    /// The timestamp, if the file is one.
    pub(crate) fn timestamp(&self) -> Option<timestamp::Timestamp> {
        timestamp::Timestamp::parse(self.timestamp.as_ref().ok()?.as_ref()?).ok()
    }

    /// The places that they are about.
    pub(crate) fn watch(&self) -> Watch {
        let signature = self.signature();
        let timestamp = self.timestamp();
        Watch {
            signed: signature.and_then(|signature| Some(signature.extent?.bytes)),
            stamped: timestamp.map(|timestamp| hex::encode(timestamp.sha256)),
        }
    }

    /// Compares the log with its signature. `record` has been read with [`Proofs::watch`].
    pub(crate) fn check(
        &self,
        folder: &Folder,
        record: &Record,
        key: &VerifyingKey,
    ) -> io::Result<Checked> {
        if let Ok(None) = self.signature {
            return Ok(Checked::Missing);
        }
        let Some(signature) = self.signature() else {
            return Ok(Checked::Malformed);
        };
        let point = match signature.extent {
            Some(_) => record.signed.clone(),
            None => Some(record.point()),
        };
        let log: Box<dyn Read> = match folder.read(LOG) {
            Err(error) if error.kind() == ErrorKind::NotFound => Box::new(io::empty()),
            log => Box::new(log?),
        };
        Ok(match (signature.verify(key, log)?, point) {
            (Err(Invalid::OtherKey(found)), _) => Checked::OtherKey(found),
            // What was verified is what was read as the record, also if somebody writes to the file meanwhile.
            (Ok(sha256), Some(point)) if sha256 == point.sha256 => Checked::Signed(point),
            _ => Checked::OtherLog {
                signed: signature.extent,
                intact: intact(folder, record, key),
            },
        })
    }

    /// The lines that keep what is about to be replaced, unless the log has them.
    pub(crate) fn archive(self, record: &Record, signs: bool, stamps: bool) -> Vec<Entry> {
        let files = [
            (SIGNATURE, self.signature, signs),
            (TIMESTAMP, self.timestamp, stamps),
        ];
        let replaced = files.into_iter().filter(|(.., is_replaced)| *is_replaced);
        let entry = |(name, file, _): (&str, Found, _)| {
            let content = BASE64.encode(&file.ok()??);
            let name = name.to_owned();
            (!record.has_replaced(&content)).then_some(Entry::Replaced { name, content })
        };
        replaced.filter_map(entry).collect()
    }
}

/// The timestamps in the log, which newer ones replaced: the time, how many lines each covers, and its own line.
pub(crate) fn earlier_timestamps(record: &Record) -> Vec<(DateTime<Utc>, usize, usize)> {
    let replaced = record.replaced().filter_map(|(proof, line)| {
        let file = BASE64.decode(proof.as_bytes()).ok()?;
        let timestamp = timestamp::Timestamp::parse(&file).ok()?;
        let lines = record.lines_before_run(&hex::encode(timestamp.sha256))?;
        Some((timestamp.at, lines, line))
    });
    let mut earlier: Vec<_> = replaced.collect();
    earlier.sort_unstable();
    earlier
}

/// How many lines of the log are as the newest of the earlier signatures has them that holds. Zero also if the log
/// cannot be read: what the caller reports does not depend on it.
pub(crate) fn intact(folder: &Folder, record: &Record, key: &VerifyingKey) -> usize {
    let end = record.point().bytes;
    let earlier = record.replaced().filter_map(|(proof, _)| {
        let signature = Signature::parse(&BASE64.decode(proof.as_bytes()).ok()?)?;
        let extent = signature.extent.filter(|extent| extent.bytes <= end)?;
        (signature.key() == key.id()).then_some((extent, signature))
    });
    let mut earlier: Vec<_> = earlier.collect();
    earlier.sort_by_key(|(extent, _)| std::cmp::Reverse(extent.bytes));
    for (extent, signature) in earlier.iter().take(EARLIER) {
        let verified = folder.read(LOG).and_then(|log| signature.verify(key, log));
        if matches!(verified, Ok(Ok(_))) {
            return extent.lines;
        }
    }
    0
}

/// Signs the log up to this point. Gives the content of the signature's file.
pub(crate) fn sign(folder: &Folder, point: &Point, key: &SigningKey) -> io::Result<String> {
    let extent = Extent {
        bytes: point.bytes,
        lines: point.lines,
    };
    let (signature, sha256) = Signature::sign(key, folder.read(LOG)?, extent)?;
    if sha256 != point.sha256 {
        let message = "another process has changed the log, so it is not signed";
        return Err(io::Error::other(message));
    }
    Ok(signature)
}
