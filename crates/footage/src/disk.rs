//! Writes files that survive a crash.

use std::fs::Metadata;
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
    make_way(&new)?;
    let mut file = fs::File::create_new(&new).await?;
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

/// Removes what is left of an earlier run. With `create_new` after it, a file is never written through a link, which
/// another user of the folder could have made.
pub(crate) fn make_way(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
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

/// Fails unless `path` itself is this regular file, and no link to it: another user of the folder could have made a link,
/// or a pipe.
pub(crate) fn require_itself(file: &std::fs::File, path: &Path) -> io::Result<()> {
    let named = std::fs::symlink_metadata(path)?;
    match named.is_file() && is_same(&file.metadata()?, &named) {
        true => Ok(()),
        false => Err(io::Error::other("it is not a regular file; remove it")),
    }
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn is_same(one: &Metadata, _: &Metadata) -> bool {
    one.is_file()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::part::PartFile;

    /// What another user of a shared folder could plant, so that this user's own file is overwritten.
    #[tokio::test]
    async fn nothing_is_written_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let mine = folder.path().join("mine");
        std::fs::write(&mine, "mine").unwrap();
        for (name, link) in [
            ("manifest.json", "manifest.json.new.part"),
            ("clip.ts", "clip.ts.part"),
        ] {
            symlink(&mine, folder.path().join(link)).unwrap();
            let target = folder.path().join(name);
            match name {
                "clip.ts" => {
                    let refused = PartFile::open(target).await.map(drop).unwrap_err();
                    assert!(refused.to_string().contains("not a regular file"));
                }
                _ => write(&target, b"new").await.unwrap(),
            }
            assert_eq!(std::fs::read_to_string(&mine).unwrap(), "mine", "{name}");
        }
        let written = std::fs::symlink_metadata(folder.path().join("manifest.json"));
        assert!(written.unwrap().is_file());
    }
}
