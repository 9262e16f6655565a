//! Why one clip has no file, as the manifest says it.

use std::error::Error;

use mv_clip_host::CallError;

use crate::download::DownloadError;
use crate::footage::{self, BadFootage, Footage};
use crate::manifest::Missing;

/// Why one clip has no file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Download(#[from] DownloadError),
    #[error(transparent)]
    Name(BadFootage),
}

impl Failed {
    /// What the manifest says of it.
    pub(crate) fn missing(self, wanted: Footage) -> Missing {
        let (transient, kind) = match &self {
            Self::Call(error) => (error.is_transient(), kind(error)),
            Self::Download(error) => (!error.is_final(), "download-failed"),
            Self::Name(_) => (false, "component-failed"),
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
            message: with_causes(&self),
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

/// An error's words and those of what caused it.
fn with_causes(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}
