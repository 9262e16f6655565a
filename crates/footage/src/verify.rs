//! Verifies a folder against its log, and the log against its signature.

use std::path::Path;
use std::time::SystemTime;

use crate::blocking::blocking;
use crate::compare::compare;
use crate::difference::Difference;
use crate::folder::Folder;
use crate::footage::Footage;
use crate::keys::{KeyId, VerifyingKey};
use crate::log::{Point, Record};
use crate::manifest::ManifestError;
use crate::names::{LOG, MANIFEST, OF_FILE_MANAGERS, OWNER, REPORT, SIGNATURE, TIMESTAMP, of_part};
use crate::proofs::{self, Checked, Proofs};

/// The largest file in bytes that may lie beside the clips without being in the log.
const SMALL: u64 = 256 << 10;

/// The result of a verification.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// The number of clips and MP4s on record.
    pub files: usize,
    /// The number of lines of the log.
    pub lines: usize,
    /// The differences with their file names, by name; empty if there are none.
    pub differences: Vec<(String, Difference)>,
    /// The clips that a run asked for, and did not get to.
    pub unsaved: Vec<Footage>,
    /// The signature of the log. None if there is none, or if it does not hold.
    pub signature: Option<SignedLog>,
    /// The timestamp of the log. None if there is none, or if it is of something else.
    pub timestamp: Option<StampedLog>,
    /// The timestamps that newer ones replaced, by time.
    pub earlier_timestamps: Vec<EarlierTimestamp>,
}

/// A timestamp that is in a line of the log, because a newer one has its file. The authority's signature was not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EarlierTimestamp {
    /// What it is of.
    pub stamped: StampedLog,
    /// The line of the log that has it.
    pub line: usize,
}

/// A signature of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignedLog {
    /// The key that it names.
    pub key: KeyId,
    /// Whether it was verified, and with the key that the caller trusts.
    pub is_verified: bool,
    /// When it was made, by the clock of the machine that made it.
    pub signed_at: Option<SystemTime>,
    /// The number of lines that it is over, from the first one.
    pub lines: usize,
}

/// A timestamp of the log. The authority's signature was not verified: `openssl ts -verify` does that.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StampedLog {
    /// When the log existed, by the clock of the authority.
    pub at: SystemTime,
    /// The number of lines that it is over, from the first one.
    pub lines: usize,
}

/// Compares the files in `folder` with its log: size, SHA-256, missing files, extra files. Nothing is read but regular
/// files whose names follow from the footage on record. A clip whose failure is on record is no difference.
///
/// With a key, the log must also be signed with it, and to its end.
///
/// It can run beside a run that fills the folder, and then finds what is unfinished at that moment.
///
/// # Errors
///
/// See [`ManifestError`].
pub async fn verify(folder: &Path, key: Option<&VerifyingKey>) -> Result<Verified, ManifestError> {
    let (path, key) = (folder.to_owned(), key.cloned());
    blocking(move || verify_blocking(&path, key.as_ref())).await
}

fn verify_blocking(path: &Path, key: Option<&VerifyingKey>) -> Result<Verified, ManifestError> {
    let failed = |source| ManifestError::Read {
        path: path.to_owned(),
        source,
    };
    let folder = Folder::open(path).map_err(failed)?;
    let proofs = Proofs::read(&folder);
    let record = Record::read_watching(&folder, proofs.watch())?;
    let record = record.ok_or_else(|| ManifestError::NotFound {
        folder: path.to_owned(),
    })?;
    let mut differences = of_files(&folder, &record).map_err(failed)?;
    if let Some(line) = record.changed_before {
        differences.push((LOG.to_owned(), Difference::Log { line }));
    }
    if let Some(line) = record.garbage {
        differences.push((LOG.to_owned(), Difference::Garbage { line }));
    }
    for (name, proof) in [
        (SIGNATURE, &proofs.signature),
        (TIMESTAMP, &proofs.timestamp),
    ] {
        if let Err(error) = proof {
            let unreadable = Difference::Unreadable(error.to_string());
            differences.push((name.to_owned(), unreadable));
        }
    }
    let end = record.point();
    let signature = match key {
        _ if proofs.signature.is_err() => None,
        Some(key) => {
            let checked = proofs.check(&folder, &record, key).map_err(failed)?;
            of_signature(checked, key, &record, &mut differences)
        }
        None if matches!(proofs.signature, Ok(None)) => {
            let signers = record.signers.iter();
            if let Some((signer, _)) = signers.max_by_key(|(_, line)| **line) {
                let signer = signer.clone();
                differences.push((SIGNATURE.to_owned(), Difference::SignatureGone { signer }));
            }
            None
        }
        None => match proofs.watch().signed {
            Some(_) => record.signed.clone(),
            None => Some(end.clone()),
        },
    };
    let signature = signature.and_then(|point| {
        let signature = proofs.signature()?;
        Some(SignedLog {
            key: signature.key(),
            is_verified: key.is_some(),
            signed_at: signature.signed_at.map(Into::into),
            lines: point.lines,
        })
    });
    let timestamp = of_timestamp(&proofs, &record, &mut differences);
    differences.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(Verified {
        files: record.manifest.expected().len(),
        lines: end.lines,
        differences,
        unsaved: record.manifest.pending.iter().cloned().collect(),
        signature,
        timestamp,
        earlier_timestamps: earlier_timestamps(&record),
    })
}

fn earlier_timestamps(record: &Record) -> Vec<EarlierTimestamp> {
    let earlier = proofs::earlier_timestamps(record).into_iter();
    let earlier = earlier.map(|(at, lines, line)| EarlierTimestamp {
        stamped: StampedLog {
            at: at.into(),
            lines,
        },
        line,
    });
    earlier.collect()
}

fn of_files(folder: &Folder, record: &Record) -> std::io::Result<Vec<(String, Difference)>> {
    let expected = record.expected();
    let mut differences = Vec::new();
    for (name, (size, sha256)) in &expected {
        if let Some(difference) = compare(folder, name, *size, sha256) {
            differences.push(((*name).to_owned(), difference));
        }
    }
    for name in folder.names()? {
        let is_known = [LOG, MANIFEST, REPORT, SIGNATURE, TIMESTAMP].contains(&&*name)
            || expected.contains_key(&*name)
            || is_of_others(folder, &name)?;
        if !is_known {
            let difference = match of_part(&name) {
                Some(_) => Difference::Unfinished,
                None => Difference::Extra,
            };
            differences.push((name, difference));
        }
    }
    Ok(differences)
}

/// Whether a file is one that file managers leave in every folder, or says who writes to this one. Footage does not fit
/// into it.
fn is_of_others(folder: &Folder, name: &str) -> std::io::Result<bool> {
    if name != OWNER && !OF_FILE_MANAGERS.contains(&name) {
        return Ok(false);
    }
    let found = folder.look(name)?;
    Ok(found.is_none_or(|found| found.is_file() && found.len() <= SMALL))
}

/// What is signed, and how the rest differs from it.
fn of_signature(
    checked: Checked,
    key: &VerifyingKey,
    record: &Record,
    differences: &mut Vec<(String, Difference)>,
) -> Option<Point> {
    let end = record.point();
    let difference = match checked {
        Checked::Signed(point) => {
            if point.bytes < end.bytes {
                let added = Difference::AddedLines {
                    first: point.lines + 1,
                    last: end.lines,
                    runs: end.runs - point.runs,
                };
                differences.push((LOG.to_owned(), added));
            }
            for (name, sha256) in &end.files {
                if point.files.get(name) != Some(sha256) {
                    differences.push((name.clone(), Difference::AddedFile));
                }
            }
            return Some(point);
        }
        Checked::Missing => match key.id().to_string() {
            signer if record.signers.contains_key(&signer) => Difference::SignatureGone { signer },
            _ => Difference::NotSigned,
        },
        Checked::Malformed => Difference::NotASignature,
        Checked::OtherKey(found) => Difference::OtherKey {
            found,
            expected: key.id(),
        },
        Checked::OtherLog { signed, intact } => Difference::NotAsSigned {
            signed: signed.map(|extent| extent.lines),
            found: end.lines,
            intact,
        },
    };
    differences.push((SIGNATURE.to_owned(), difference));
    None
}

fn of_timestamp(
    proofs: &Proofs,
    record: &Record,
    differences: &mut Vec<(String, Difference)>,
) -> Option<StampedLog> {
    match proofs.timestamp {
        Ok(Some(_)) => {}
        Ok(None) => {
            if record.was_to_be_stamped {
                differences.push((TIMESTAMP.to_owned(), Difference::NoTimestamp));
            }
            return None;
        }
        // Reported already.
        Err(_) => return None,
    }
    match (proofs.timestamp(), &record.stamped) {
        (Some(timestamp), Some(point)) => Some(StampedLog {
            at: timestamp.at.into(),
            lines: point.lines,
        }),
        (found, _) => {
            let difference = match found {
                Some(_) => Difference::OtherTimestamp,
                None => Difference::NotATimestamp,
            };
            differences.push((TIMESTAMP.to_owned(), difference));
            None
        }
    }
}
