//! Reports the progress of downloads.

use crate::footage::Footage;

/// Observes the download of one clip. It is dropped at the end of the download.
pub trait Progress: Send + Sync {
    /// `bytes` of the clip are on disk; `total` is its size, if known.
    fn update(&self, bytes: u64, total: Option<u64>);
}

/// Makes the observer of each download that starts.
pub type ProgressFactory = dyn Fn(&Footage) -> Box<dyn Progress> + Send + Sync;
