//! Why a folder cannot be filled.

use mv_clip_host::TlsError;

use crate::folder::WriteError;
use crate::footage::{Footage, InvalidFootage};
use crate::manifest::ManifestError;

/// Why a folder cannot be filled. The failure of a single clip goes to the log instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CollectError {
    /// The log of an earlier run cannot be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The folder, the log or a summary cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Client(#[from] TlsError),
    /// A request has no valid window.
    #[error(transparent)]
    Footage(#[from] InvalidFootage),
    /// Another run writes to the folder.
    #[error("the folder is in use by {who}; wait until that run ends, or use another folder")]
    Busy {
        /// What is known of the other run.
        who: String,
    },
    /// The folder is signed with the key of this run, and the signature does not hold. Nothing was asked for.
    #[error(
        "{problem}. Nothing was requested. Use another folder; `mv-clip verify --key` shows what changed"
    )]
    NotAsSigned {
        /// What is wrong.
        problem: &'static str,
    },
    /// The order does not name the footage.
    #[error("{0} is not part of the order of this run")]
    NotOrdered(Footage),
}
