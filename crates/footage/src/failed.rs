//! Turns the failure of a clip into its entry in the manifest.

use mv_clip_core::text::error_chain;
use mv_clip_host::CallError;

use crate::download::DownloadError;
use crate::footage::{self, Footage, InvalidFootage};
use crate::manifest::Missing;

/// Why a clip has no file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Download(#[from] DownloadError),
    #[error(transparent)]
    Name(InvalidFootage),
    #[error("the component returned a clip of {0}, which nobody asked for; update mv-clip")]
    Other(Footage),
}

impl Failed {
    /// The entry in the manifest.
    pub(crate) fn missing(self, wanted: Footage) -> Missing {
        let (transient, kind) = match &self {
            Self::Call(error) => (error.is_transient(), kind(error)),
            Self::Download(error) => (!error.is_final(), "download-failed"),
            Self::Name(_) | Self::Other(_) => (false, "component-failed"),
        };
        let failure = match &self {
            Self::Call(error) => error.failure(),
            _ => None,
        };
        let status = match &self {
            Self::Download(error) => error.status(),
            _ => failure.and_then(|failure| failure.status),
        };
        Missing {
            footage: wanted,
            transient,
            kind: kind.to_owned(),
            message: error_chain(&self),
            status,
            request_id: failure.and_then(|failure| failure.request_id.clone()),
            retry_after_seconds: failure.and_then(|failure| failure.retry_after_seconds),
            failed_at: footage::now(),
        }
    }
}

fn kind(error: &CallError) -> &'static str {
    match error {
        CallError::ShuttingDown => "shutting-down",
        error => error
            .failure()
            .map_or("component-failed", |failure| failure.kind.name()),
    }
}
