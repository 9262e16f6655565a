//! A file during its download: hashed and checked while it grows, and renamed when it is complete.

use std::fs::TryLockError;
use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};

use mv_clip_mpegts::{NotMpegTs, Scanner, Summary};
use sha2::{Digest, Sha256};
use tokio::fs::{self, File};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use crate::names::PART;
use crate::{digest, disk};

/// The number of bytes that a resumed download fetches again, to compare them: Meraki may produce a different
/// file for every URL.
const OVERLAP: u64 = 64 << 10;

/// `NAME.part`, which becomes `NAME`.
pub(crate) struct PartFile {
    target: PathBuf,
    path: PathBuf,
    file: File,
    length: u64,
    hash: Sha256,
    scanner: Scanner,
}

impl PartFile {
    /// Opens the unfinished file of `target`. It keeps the bytes of an earlier run if they are the start of a clip.
    pub(crate) async fn open(target: PathBuf) -> io::Result<Self> {
        let path = target.with_added_extension(PART);
        let mut options = std::fs::OpenOptions::new();
        let file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)?;
        disk::require_itself(&file, &path)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::other("another run is writing this file"),
            TryLockError::Error(error) => error,
        })?;
        let mut part = Self {
            target,
            path,
            file: File::from_std(file),
            length: 0,
            hash: Sha256::new(),
            scanner: Scanner::new(),
        };
        part.replay().await?;
        Ok(part)
    }

    async fn replay(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; 256 << 10];
        loop {
            let read = self.file.read(&mut buffer).await?;
            match buffer.get(..read) {
                None | Some([]) => return Ok(()),
                Some(bytes) if self.scanner.push(bytes).is_ok() => {
                    self.hash.update(bytes);
                    self.length += bytes.len() as u64;
                }
                Some(_) => return self.restart().await,
            }
        }
    }

    /// The number of bytes.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// The last bytes, for comparison.
    pub(crate) async fn tail(&mut self) -> io::Result<Vec<u8>> {
        let start = self.length.saturating_sub(OVERLAP);
        self.file.flush().await?;
        self.file.seek(SeekFrom::Start(start)).await?;
        let mut tail = Vec::new();
        self.file.read_to_end(&mut tail).await?;
        Ok(tail)
    }

    /// Appends bytes.
    pub(crate) async fn append(&mut self, bytes: &[u8]) -> Result<(), AppendError> {
        self.scanner.push(bytes)?;
        self.file.write_all(bytes).await?;
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Discards all bytes.
    pub(crate) async fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0).await?;
        self.file.seek(SeekFrom::Start(0)).await?;
        self.length = 0;
        self.hash = Sha256::new();
        self.scanner = Scanner::new();
        Ok(())
    }

    /// Checks the complete file.
    pub(crate) fn check(&mut self) -> Result<Summary, NotMpegTs> {
        std::mem::take(&mut self.scanner).finish()
    }

    /// Makes the file durable, renames it, and returns its size and SHA-256.
    pub(crate) async fn keep(mut self) -> io::Result<(u64, String)> {
        // Without this, an error of the last write is lost.
        self.file.flush().await?;
        self.file.sync_all().await?;
        fs::rename(&self.path, &self.target).await?;
        if let Some(folder) = self.target.parent() {
            disk::sync_folder(folder).await?;
        }
        Ok((self.length, digest::text(self.hash)))
    }

    /// Closes the file. Removes it if it is empty.
    pub(crate) async fn close(self) -> io::Result<()> {
        if self.length == 0 {
            fs::remove_file(&self.path).await?;
        }
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Why bytes cannot be appended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppendError {
    #[error(transparent)]
    Form(#[from] NotMpegTs),
    #[error(transparent)]
    Io(#[from] io::Error),
}
