//! A file during its download: hashed and checked while it grows, and renamed when it is complete.
//!
//! When a download ends early, the log gets the length and the SHA-256 of its bytes. The next run continues with these
//! bytes and no others, so nothing that somebody else wrote to the file passes for footage.

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
use crate::footage::Footage;
use crate::log::{Entry, Unfinished};
use crate::names;
use crate::store::Store;

/// The number of bytes that a resumed download fetches again, to compare them: Meraki may produce a different
/// file for every URL.
const OVERLAP: u64 = 64 << 10;

/// `NAME.part`, which becomes `NAME`.
pub(crate) struct PartFile {
    store: Arc<Store>,
    footage: Footage,
    name: String,
    /// None if the file is complete.
    file: Option<File>,
    length: u64,
    hash: Sha256,
    scanner: Scanner,
}

impl PartFile {
    /// Opens the unfinished file of a clip. It keeps the bytes of an earlier run if they are those that the log names.
    pub(crate) async fn open(
        store: &Arc<Store>,
        footage: &Footage,
        target: &str,
    ) -> io::Result<Self> {
        let name = names::part(target);
        let (file, recorded) = {
            let (store, name, footage) = (Arc::clone(store), name.clone(), footage.clone());
            blocking(move || {
                let recorded = store.record(|record| record.unfinished(&footage).cloned());
                Ok::<_, io::Error>((open(&store, &name)?, recorded))
            })
            .await?
        };
        let mut part = Self {
            store: Arc::clone(store),
            footage: footage.clone(),
            name,
            file: Some(File::from_std(file)),
            length: 0,
            hash: Sha256::new(),
            scanner: Scanner::new(),
        };
        let is_as_recorded = match recorded {
            Some(recorded) => part.replay(&recorded).await?,
            None => false,
        };
        if !is_as_recorded {
            part.restart().await?;
        }
        Ok(part)
    }

    /// Reads the bytes that are on record, and cuts off what follows them. Whether they are there.
    async fn replay(&mut self, recorded: &Unfinished) -> io::Result<bool> {
        if recorded.size > MediaClient::LARGEST as u64 {
            return Ok(false);
        }
        let mut buffer = vec![0; 256 << 10];
        while self.length < recorded.size {
            let wanted = usize::try_from(recorded.size - self.length).unwrap_or(usize::MAX);
            let wanted = wanted.min(buffer.len());
            let room = buffer.get_mut(..wanted).unwrap_or_default();
            let read = self.file()?.read(room).await?;
            match buffer.get(..read) {
                Some(bytes @ [_, ..]) if self.scanner.push(bytes).is_ok() => {
                    self.hash.update(bytes);
                    self.length += bytes.len() as u64;
                }
                _ => return Ok(false),
            }
        }
        let length = self.length;
        self.file()?.set_len(length).await?;
        Ok(digest::text(self.hash.clone()) == recorded.sha256)
    }

    fn file(&mut self) -> io::Result<&mut File> {
        let closed = || io::Error::other("the file is closed");
        self.file.as_mut().ok_or_else(closed)
    }

    /// The number of bytes.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// The last bytes, for comparison.
    pub(crate) async fn tail(&mut self) -> io::Result<Vec<u8>> {
        let start = self.length.saturating_sub(OVERLAP);
        let length = self.length - start;
        let file = self.file()?;
        file.seek(SeekFrom::Start(start)).await?;
        let mut tail = Vec::new();
        file.take(length).read_to_end(&mut tail).await?;
        Ok(tail)
    }

    /// Appends bytes.
    pub(crate) async fn append(&mut self, bytes: &[u8]) -> Result<(), AppendError> {
        self.scanner.push(bytes)?;
        let file = self.file()?;
        file.write_all(bytes).await?;
        // Without this, an error of the last write is lost, and the record names bytes that are not in the file.
        file.flush().await?;
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Discards all bytes.
    pub(crate) async fn restart(&mut self) -> io::Result<()> {
        let file = self.file()?;
        file.set_len(0).await?;
        file.seek(SeekFrom::Start(0)).await?;
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
        let file = self.file()?.try_clone().await?.into_std().await;
        let store = Arc::clone(&self.store);
        blocking(move || store.folder.sync_file(&file)).await?;
        self.file = None;
        Ok((self.length, digest::text(self.hash.clone())))
    }

    /// Records what there is of the clip. An empty file is removed.
    fn end_early(&self) -> io::Result<()> {
        if self.length == 0 {
            return self.store.folder.remove(&self.name);
        }
        let unfinished = Unfinished {
            size: self.length,
            sha256: digest::text(self.hash.clone()),
        };
        let footage = self.footage.clone();
        self.store.try_append(vec![Entry::Unfinished {
            footage,
            unfinished,
        }])
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.store.folder.path_of(&self.name)
    }
}

/// The command may be about to end: it does not wait for a download that it gives up.
impl Drop for PartFile {
    fn drop(&mut self) {
        if self.file.is_some()
            && let Err(error) = self.end_early()
        {
            tracing::info!(%error, "the next run downloads this clip from the start");
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::WhileBusy;

    const CLIP: &[u8] = include_bytes!("../../meraki-mock/fixtures/clip.ts");
    const START: &[u8] = CLIP.split_at(188 * 100).0;

    fn footage() -> Footage {
        let (start, end) = ("2026-03-12T14:30:00Z", "2026-03-12T14:32:00Z");
        Footage::new("Q2XX-ABCD-1234", None, start, end).unwrap()
    }

    async fn open_in(folder: &tempfile::TempDir) -> PartFile {
        let store = Store::take(folder.path(), WhileBusy::End).await.unwrap();
        PartFile::open(&store, &footage(), "a.ts").await.unwrap()
    }

    /// What a run keeps of bytes that an earlier one got, and somebody changed.
    async fn kept(change: impl FnOnce(&mut Vec<u8>)) -> u64 {
        let folder = tempfile::tempdir().unwrap();
        let mut part = open_in(&folder).await;
        part.append(START).await.unwrap();
        drop(part);
        let path = folder.path().join("a.ts.part");
        let mut bytes = std::fs::read(&path).unwrap();
        assert!(bytes == START);
        change(&mut bytes);
        std::fs::write(&path, &bytes).unwrap();
        let part = open_in(&folder).await;
        let length = std::fs::metadata(&path).unwrap().len();
        assert_eq!(part.length(), length);
        length
    }

    #[tokio::test]
    async fn a_run_continues_with_the_bytes_that_the_log_names() {
        let all = START.len() as u64;
        assert_eq!(kept(|_| ()).await, all);
        assert_eq!(kept(|bytes| bytes[188 * 3 + 90] ^= 1).await, 0);
        assert_eq!(kept(|bytes| bytes.truncate(188 * 50)).await, 0);
        assert_eq!(kept(|bytes| bytes.extend(&CLIP[..188])).await, all);
    }

    #[tokio::test]
    async fn a_file_that_the_log_does_not_name_is_discarded() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.ts.part"), START).unwrap();
        let part = open_in(&folder).await;
        assert_eq!(part.length(), 0);
        drop(part);
        assert!(!folder.path().join("a.ts.part").exists());
    }
}
