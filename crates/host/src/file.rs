//! Component files.

use std::io;
use std::path::{Path, PathBuf};

/// A component's file cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the component {path}: {error}. `cargo xtask build` makes it")]
pub struct ReadError {
    /// The file, as an absolute path: a relative one says little without the directory it starts at.
    pub path: PathBuf,
    /// What the system says.
    pub error: io::Error,
}

/// Reads a component's file, for [`ClipHost::new`](crate::ClipHost::new) and
/// [`ClipHost::cached`](crate::ClipHost::cached).
///
/// # Errors
///
/// See [`ReadError`].
pub fn read(path: &Path) -> Result<Vec<u8>, ReadError> {
    std::fs::read(path).map_err(|error| ReadError {
        path: std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
        error,
    })
}
