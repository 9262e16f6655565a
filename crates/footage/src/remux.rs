//! Makes the MP4 of a clip: the same video and audio in a container that browsers play.

use std::fs::File;
use std::io::{self, Read, Write};
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
    let (size, sha256) = write(&store.folder, &clip, &part)?;
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
fn write(folder: &Folder, clip: &str, part: &str) -> Result<(u64, String), Failed> {
    let mut indexer = Indexer::new();
    each_piece(folder, clip, |piece| Ok(indexer.push(piece)?))?;
    let index = indexer.finish()?;

    let mut output = Output {
        file: folder.create_new(part)?,
        hash: Sha256::new(),
        writer: index.writer(),
        buffer: Vec::new(),
    };
    each_piece(folder, clip, |piece| output.push(piece))?;
    let hash = output.finish(folder)?;
    Ok((index.size(), digest::text(hash)))
}

fn each_piece(
    folder: &Folder,
    name: &str,
    mut take: impl FnMut(&[u8]) -> Result<(), Failed>,
) -> Result<(), Failed> {
    let mut file = folder.read(name)?;
    let mut piece = vec![0; 256 << 10];
    loop {
        let read = file.read(&mut piece)?;
        match piece.get(..read) {
            None | Some([]) => return Ok(()),
            Some(bytes) => take(bytes)?,
        }
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
