//! Makes the MP4 of a clip: the same video and audio in a container that browsers play.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use mv_clip_mpegts::{Error, Indexer, Mp4Writer};
use sha2::{Digest, Sha256};

use crate::blocking::blocking;
use crate::digest;
use crate::folder::Folder;
use crate::footage::Footage;
use crate::log::Entry;
use crate::manifest::Mp4;
use crate::names;
use crate::store::Store;

/// Why there is no MP4.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemuxError {
    #[error("{clip} has no MP4")]
    Clip { clip: String, source: Error },
    #[error("{clip} has no MP4: its file is not as it was saved; run the same command again")]
    Changed { clip: String },
    #[error("cannot write the MP4 of {clip}")]
    Io { clip: String, source: io::Error },
}

/// Copies the video and the audio of a saved clip into its MP4, and records it.
pub(crate) async fn remux(store: &Arc<Store>, footage: &Footage) -> Result<(), RemuxError> {
    let (store, footage) = (Arc::clone(store), footage.clone());
    blocking(move || {
        let clip = footage.to_string();
        match remux_blocking(&store, footage) {
            Ok(()) => Ok(()),
            Err(Failed::Clip(source)) => Err(RemuxError::Clip { clip, source }),
            Err(Failed::Changed) => Err(RemuxError::Changed { clip }),
            Err(Failed::Io(source)) => Err(RemuxError::Io { clip, source }),
        }
    })
    .await
}

fn remux_blocking(store: &Store, footage: Footage) -> Result<(), Failed> {
    let (clip, name) = names_of(&footage)?;
    let part = names::unique_part(&name);
    let unfinished = Unfinished {
        folder: &store.folder,
        name: &part,
    };
    let recorded = store.record(|record| {
        let file = record.manifest.file(&footage);
        file.map(|file| file.sha256.clone())
    });
    let clip = Source {
        file: store.folder.read(&clip)?,
        sha256: recorded.ok_or(Failed::Changed)?,
    };
    let (size, sha256) = write(&store.folder, clip, &part)?;
    let mp4 = Mp4 {
        name: name.clone(),
        size,
        sha256,
    };
    store.commit(&part, &name, Entry::Mp4 { footage, mp4 })?;
    drop(unfinished);
    Ok(())
}

fn names_of(footage: &Footage) -> io::Result<(String, String)> {
    let names = footage
        .clip_name()
        .and_then(|clip| Ok((clip, footage.mp4_name()?)));
    names.map_err(io::Error::other)
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Clip(#[from] Error),
    #[error("the clip is not as it was saved")]
    Changed,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A file that is removed unless it got another name.
struct Unfinished<'a> {
    folder: &'a Folder,
    name: &'a str,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        // After a success the file no longer exists.
        let _ = self.folder.remove(self.name);
    }
}

/// Writes the MP4 in two passes over the clip, and returns its size and SHA-256.
fn write(folder: &Folder, mut clip: Source, part: &str) -> Result<(u64, String), Failed> {
    let mut indexer = Indexer::new();
    clip.each_piece(|piece| Ok(indexer.push(piece)?))?;
    let index = indexer.finish()?;

    let mut output = Output {
        file: folder.create_new(part)?,
        hash: Sha256::new(),
        writer: index.writer(),
        buffer: Vec::new(),
    };
    clip.each_piece(|piece| output.push(piece))?;
    let hash = output.finish(folder)?;
    Ok((index.size(), digest::text(hash)))
}

/// A clip, open for both passes, and the SHA-256 with which it was saved.
struct Source {
    file: File,
    sha256: String,
}

impl Source {
    /// Reads the clip once, and checks that its bytes are those that were saved.
    fn each_piece(
        &mut self,
        mut take: impl FnMut(&[u8]) -> Result<(), Failed>,
    ) -> Result<(), Failed> {
        self.file.seek(SeekFrom::Start(0))?;
        let mut hash = Sha256::new();
        let mut piece = vec![0; 256 << 10];
        let mut taken = Ok(());
        loop {
            let read = self.file.read(&mut piece)?;
            match piece.get(..read) {
                None | Some([]) => break,
                Some(bytes) => {
                    hash.update(bytes);
                    taken = taken.and_then(|()| take(bytes));
                }
            }
        }
        if digest::text(hash) != self.sha256 {
            return Err(Failed::Changed);
        }
        taken
    }
}

/// The MP4 that is being written.
struct Output {
    file: File,
    hash: Sha256,
    writer: Mp4Writer,
    buffer: Vec<u8>,
}

impl Output {
    fn push(&mut self, piece: &[u8]) -> Result<(), Failed> {
        self.writer.push(piece, &mut self.buffer)?;
        Ok(self.flush()?)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.buffer)?;
        self.hash.update(&self.buffer);
        self.buffer.clear();
        Ok(())
    }

    /// Makes the file durable.
    fn finish(mut self, folder: &Folder) -> Result<Sha256, Failed> {
        self.writer.finish(&mut self.buffer)?;
        self.file.write_all(&self.buffer)?;
        self.hash.update(&self.buffer);
        folder.sync_file(&self.file)?;
        Ok(self.hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIP: &[u8] = include_bytes!("../../meraki-mock/fixtures/clip.ts");

    fn sources() -> (tempfile::TempDir, Folder, Source) {
        let temporary = tempfile::tempdir().unwrap();
        std::fs::write(temporary.path().join("a.ts"), CLIP).unwrap();
        let folder = Folder::open(temporary.path()).unwrap();
        let source = Source {
            file: folder.read("a.ts").unwrap(),
            sha256: digest::of_bytes(CLIP).1,
        };
        (temporary, folder, source)
    }

    #[test]
    fn a_clip_that_changes_before_or_between_the_passes_has_no_mp4() {
        let (_kept, folder, clip) = sources();
        assert!(write(&folder, clip, "whole").is_ok());
        // Inside a picture, so that the index stays the same.
        let mut other = CLIP.to_vec();
        let last = other.len() - 40;
        other[last] ^= 1;

        let (_kept, folder, clip) = sources();
        std::fs::write(folder.path_of("a.ts"), &other).unwrap();
        assert!(matches!(write(&folder, clip, "part"), Err(Failed::Changed)));
        assert!(!folder.path_of("part").exists());

        let (_kept, folder, mut clip) = sources();
        clip.each_piece(|_| Ok(())).unwrap();
        std::fs::write(folder.path_of("a.ts"), &other).unwrap();
        assert!(matches!(clip.each_piece(|_| Ok(())), Err(Failed::Changed)));
    }

    #[test]
    fn both_passes_read_the_same_file() {
        let (_temporary, folder, mut clip) = sources();
        std::fs::rename(folder.path_of("a.ts"), folder.path_of("b.ts")).unwrap();
        std::fs::write(folder.path_of("a.ts"), "another file").unwrap();
        for _ in 0..2 {
            let mut read = Vec::new();
            let all = clip.each_piece(|piece| {
                read.extend_from_slice(piece);
                Ok(())
            });
            all.unwrap();
            assert!(read == CLIP);
        }
    }
}
