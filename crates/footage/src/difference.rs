//! How a folder differs from its log, in words.

use std::fmt;

use crate::keys::KeyId;

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
    /// The lines of the log before this one have changed.
    Log {
        /// The line that says so.
        line: usize,
    },
    /// A line of the log is not a record, nor the part of one that a crash leaves.
    Garbage {
        /// The line.
        line: usize,
    },
    /// The log has no signature.
    NotSigned,
    /// The signature is missing, and the log says that a run made one.
    SignatureGone {
        /// The key, as the log has it.
        signer: String,
    },
    /// The file is not a signature of minisign's.
    NotASignature,
    /// The signature is by another key.
    OtherKey {
        /// The key that made it.
        found: KeyId,
        /// The key that is trusted.
        expected: KeyId,
    },
    /// The signature does not hold for the log: signed lines were removed, changed or put in another order, or it is the
    /// signature of another log.
    NotAsSigned {
        /// How many lines were signed, as the signature's comment says.
        signed: Option<usize>,
        /// How many lines the log has.
        found: usize,
        /// How many lines from the first one are as an earlier signature has them, which is in the log.
        intact: usize,
    },
    /// The log goes on after what is signed.
    AddedLines {
        /// The first line that is not signed.
        first: usize,
        /// The last line of the log.
        last: usize,
        /// How many runs began in between.
        runs: usize,
    },
    /// The file is as the log says, and that line of the log is not signed.
    AddedFile,
    /// The timestamp is missing, and the log says that a run was to get one.
    NoTimestamp,
    /// The file is not a timestamp.
    NotATimestamp,
    /// The timestamp is of other bytes than the log, or a part of it from its start.
    OtherTimestamp,
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
            Self::Log { .. } => "log",
            Self::Garbage { .. } => "garbage",
            Self::NotSigned => "not-signed",
            Self::SignatureGone { .. } => "signature-gone",
            Self::NotASignature => "not-a-signature",
            Self::OtherKey { .. } => "other-key",
            Self::NotAsSigned { .. } => "not-as-signed",
            Self::AddedLines { .. } => "added-lines",
            Self::AddedFile => "added-file",
            Self::NoTimestamp => "no-timestamp",
            Self::NotATimestamp => "not-a-timestamp",
            Self::OtherTimestamp => "other-timestamp",
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
            Self::Log { line } => write!(f, "has changed before line {line}"),
            Self::Garbage { line } => write!(f, "line {line} is not a record of mv-clip"),
            Self::NotSigned => f.write_str("is missing: the log has no signature"),
            Self::SignatureGone { signer } => write!(
                f,
                "is missing: the log says that a run signed it with the key {signer}"
            ),
            Self::NotASignature => {
                f.write_str("is not a signature of minisign, or one of its legacy kind")
            }
            Self::OtherKey { found, expected } => {
                write!(f, "was made with the key {found}, and not with {expected}")
            }
            Self::NotAsSigned {
                signed,
                found,
                intact,
            } => {
                not_as_signed(f, *signed, *found)?;
                match intact {
                    0 => Ok(()),
                    intact => write!(
                        f,
                        ". Lines 1 to {intact} are as an earlier signature has them"
                    ),
                }
            }
            Self::AddedLines { first, last, runs } => {
                let runs = match runs {
                    0 => "the end of a run that was interrupted".to_owned(),
                    1 => "1 run".to_owned(),
                    runs => format!("{runs} runs"),
                };
                let lines = match first == last {
                    true => format!("line {first} was added"),
                    false => format!("lines {first} to {last} were added"),
                };
                write!(
                    f,
                    "goes on after what is signed: {lines}, {runs}; a run with --sign signs them"
                )
            }
            Self::AddedFile => {
                f.write_str("was saved after the signature: its line in the log is not signed")
            }
            Self::NoTimestamp => f.write_str(
                "is missing: the log says that a run was to get a timestamp. The authority failed, or the file was removed",
            ),
            Self::NotATimestamp => f.write_str("is not a timestamp (RFC 3161) with SHA-256"),
            Self::OtherTimestamp => f.write_str("is a timestamp of other data, not of this log"),
        }
    }
}

fn not_as_signed(f: &mut fmt::Formatter<'_>, signed: Option<usize>, found: usize) -> fmt::Result {
    f.write_str("does not hold for the log: ")?;
    match signed {
        None => f.write_str("lines were removed, changed, added or put in another order, or it is that of another log"),
        Some(signed) if found < signed => write!(
            f,
            "{found} lines are there, and {signed} were signed. Lines were removed, or it is the signature of another log"
        ),
        Some(signed) => write!(
            f,
            "of its first {signed} lines, some were changed, replaced or put in another order, or it is the signature of \
             another log"
        ),
    }
}
