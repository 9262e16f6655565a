//! Compares a file with its record.

use std::fmt;
use std::io;

use crate::digest;
use crate::folder::Folder;

/// How a file differs from its record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// The file does not exist.
    Missing,
    /// The file cannot be read, for this reason.
    Unreadable(String),
    /// The file has another size.
    Size {
        /// The size on record, in bytes.
        expected: u64,
        /// The size of the file, in bytes.
        found: u64,
    },
    /// The file has the expected size but another SHA-256.
    Content,
    /// The log does not list the file.
    Extra,
    /// The file is the rest of an interrupted run.
    Unfinished,
    /// A run asked for the clip, and ended before there was an outcome.
    Pending,
    /// The lines of the log before this one have changed.
    Log {
        /// The line that says so.
        line: usize,
    },
}

impl Difference {
    /// An identifier for programs, such as `content`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unreadable(_) => "unreadable",
            Self::Size { .. } => "size",
            Self::Content => "content",
            Self::Extra => "extra",
            Self::Unfinished => "unfinished",
            Self::Pending => "pending",
            Self::Log { .. } => "log",
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("missing"),
            Self::Unreadable(words) => write!(f, "cannot be read: {words}"),
            Self::Size { expected, found } => {
                write!(f, "has {found} bytes instead of {expected}")
            }
            Self::Content => f.write_str("has changed: its SHA-256 differs"),
            Self::Extra => f.write_str("is not in the log"),
            Self::Unfinished => f.write_str("is unfinished; run the same command again to resume"),
            Self::Pending => f.write_str(
                "was asked for by a run that ended early; run the same command again to get it",
            ),
            Self::Log { line } => write!(f, "has changed before line {line}"),
        }
    }
}

/// Compares the file with this name. Reads it only if it is a regular file of the expected size.
pub(crate) fn compare(folder: &Folder, name: &str, size: u64, sha256: &str) -> Option<Difference> {
    let unreadable = |error: io::Error| Some(Difference::Unreadable(error.to_string()));
    match folder.look(name) {
        Ok(None) => return Some(Difference::Missing),
        Ok(Some(found)) if !found.is_file() => {
            return Some(Difference::Unreadable("not a regular file".to_owned()));
        }
        Ok(Some(found)) if found.len() != size => {
            return Some(Difference::Size {
                expected: size,
                found: found.len(),
            });
        }
        Ok(Some(_)) => {}
        Err(error) => return unreadable(error),
    }
    match folder.read(name).and_then(digest::of_file) {
        Ok((_, found)) if found == sha256 => None,
        Ok(_) => Some(Difference::Content),
        Err(error) => unreadable(error),
    }
}
