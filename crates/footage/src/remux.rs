//! Makes the MP4 of a clip: the same video and audio in a container that browsers play.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use mv_clip_mpegts::{Error, Indexer, Mp4Writer};
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;

use crate::manifest::Mp4;
use crate::names::PART;
use crate::{digest, disk};

/// Why there is no MP4.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemuxError {
    #[error("{clip} has no MP4")]
    Clip { clip: String, source: Error },
    #[error("cannot write the MP4 of {clip}")]
    Io { clip: String, source: io::Error },
}

/// Copies the video and the audio of `STEM.ts` in `folder` into `STEM.mp4`.
pub(crate) async fn remux(folder: &Path, stem: &str) -> Result<Mp4, RemuxError> {
    let clip = format!("{stem}.ts");
    let name = format!("{stem}.mp4");
    let (source, unfinished) = (folder.join(&clip), folder.join(format!("{name}.{PART}")));
    let write = spawn_blocking(move || write(&source, Unfinished(unfinished)));
    let written = write
        .await
        .unwrap_or_else(|panic| Err(io::Error::other(panic).into()));
    let written = written.and_then(|(unfinished, size, sha256)| {
        // If the command ended meanwhile, the file does not get here.
        fs::rename(&unfinished.0, folder.join(&name))?;
        Ok((size, sha256))
    });
    match written {
        Ok((size, sha256)) => Ok(Mp4 { name, size, sha256 }),
        Err(Failed::Clip(source)) => Err(RemuxError::Clip { clip, source }),
        Err(Failed::Io(source)) => Err(RemuxError::Io { clip, source }),
    }
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Clip(#[from] Error),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A file that is removed unless it gets another name.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After a success the file no longer exists.
        let _ = fs::remove_file(&self.0);
    }
}

/// Writes the MP4 in two passes over the clip, and returns its size and SHA-256.
fn write(clip: &Path, unfinished: Unfinished) -> Result<(Unfinished, u64, String), Failed> {
    let mut indexer = Indexer::new();
    each_piece(clip, |piece| Ok(indexer.push(piece)?))?;
    let index = indexer.finish()?;

    disk::make_way(&unfinished.0)?;
    let mut output = Output {
        file: File::create_new(&unfinished.0)?,
        hash: Sha256::new(),
        writer: index.writer(),
        buffer: Vec::new(),
    };
    each_piece(clip, |piece| output.push(piece))?;
    let hash = output.finish()?;
    Ok((unfinished, index.size(), digest::text(hash)))
}

fn each_piece(
    path: &Path,
    mut take: impl FnMut(&[u8]) -> Result<(), Failed>,
) -> Result<(), Failed> {
    let mut file = File::open(path)?;
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
    fn finish(mut self) -> Result<Sha256, Failed> {
        self.writer.finish(&mut self.buffer)?;
        self.file.write_all(&self.buffer)?;
        self.hash.update(&self.buffer);
        self.file.sync_all()?;
        Ok(self.hash)
    }
}
