//! Writes files that survive a crash.

use std::io;
use std::path::{Path, PathBuf};

use tokio::fs;
use tokio::io::AsyncWriteExt;

/// A file or folder that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}; check that the folder is writable and has free space")]
#[non_exhaustive]
pub struct WriteError {
    /// The file or folder.
    pub path: PathBuf,
    /// The error of the operating system.
    pub source: io::Error,
}

impl WriteError {
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { path, source }
    }
}

/// Replaces a file atomically.
pub(crate) async fn write(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    replace(path, bytes).await.map_err(WriteError::at(path))
}

async fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_added_extension("new.part");
    let mut file = fs::File::create(&new).await?;
    file.write_all(bytes).await?;
    // Without this, an error of the last write is lost.
    file.flush().await?;
    file.sync_all().await?;
    fs::rename(&new, path).await?;
    match path.parent() {
        Some(folder) => sync_folder(folder).await,
        None => Ok(()),
    }
}

/// Makes a rename in the folder durable.
pub(crate) async fn sync_folder(folder: &Path) -> io::Result<()> {
    // Other systems cannot open a folder, and do not need this.
    if cfg!(unix) {
        fs::File::open(folder).await?.sync_all().await?;
    }
    Ok(())
}
