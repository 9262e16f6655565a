//! A file during its download: hashed and checked while it grows, and renamed when it is complete.

use std::io::{self, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;

use mv_clip_host::MediaClient;
use mv_clip_mpegts::{NotMpegTs, Scanner, Summary};
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use crate::blocking::blocking;
use crate::digest;
use crate::names;
use crate::store::Store;

/// The number of bytes that a resumed download fetches again, to compare them: Meraki may produce a different
/// file for every URL.
const OVERLAP: u64 = 64 << 10;

/// `NAME.part`, which becomes `NAME`.
pub(crate) struct PartFile {
    store: Arc<Store>,
    name: String,
    file: File,
    length: u64,
    hash: Sha256,
    scanner: Scanner,
}

impl PartFile {
    /// Opens the unfinished file of `target`. It keeps the bytes of an earlier run if they are the start of a clip.
    pub(crate) async fn open(store: &Arc<Store>, target: &str) -> io::Result<Self> {
        let name = names::part(target);
        let file = {
            let (store, name) = (Arc::clone(store), name.clone());
            blocking(move || open(&store, &name)).await?
        };
        let mut part = Self {
            store: Arc::clone(store),
            name,
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
                Some(bytes) if self.fits(bytes) && self.scanner.push(bytes).is_ok() => {
                    self.hash.update(bytes);
                    self.length += bytes.len() as u64;
                }
                Some(_) => return self.restart().await,
            }
        }
    }

    fn fits(&self, bytes: &[u8]) -> bool {
        self.length + bytes.len() as u64 <= MediaClient::LARGEST as u64
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

    /// Makes the file durable, and returns its size and SHA-256.
    pub(crate) async fn finish(mut self) -> io::Result<(u64, String)> {
        // Without this, an error of the last write is lost.
        self.file.flush().await?;
        let file = self.file.into_std().await;
        let store = self.store;
        blocking(move || store.folder.sync_file(&file)).await?;
        Ok((self.length, digest::text(self.hash)))
    }

    /// Closes the file. Removes it if it is empty.
    pub(crate) fn close(self) -> io::Result<()> {
        if self.length == 0 {
            self.store.folder.remove(&self.name)?;
        }
        Ok(())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.store.folder.path_of(&self.name)
    }
}

/// Opens the file. What has its name and is no file of its own, such as a link, is removed.
fn open(store: &Store, name: &str) -> io::Result<std::fs::File> {
    match store.folder.write(name) {
        Ok(file) => Ok(file),
        Err(_) if store.folder.is_refused(name)? => {
            store.folder.remove(name)?;
            store.folder.write(name)
        }
        Err(error) => Err(error),
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
