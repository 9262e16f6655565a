//! `manifest.json`: the clips in a folder, and the missing ones.

use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::fs::{self, File};
use tokio::io::AsyncReadExt;

use crate::disk::{self, WriteError};
use crate::footage::{self, Footage, milliseconds};
use crate::names::{MANIFEST, PART};

/// The version of the format of `manifest.json`.
const FORMAT: u32 = 1;

/// That of a hundred thousand clips.
const LARGEST: u64 = 64 << 20;

/// The content of a folder: each file with its size and hash, and each requested window without a file. Its JSON
/// is `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the format: 1.
    pub format: u32,
    #[serde(with = "milliseconds")]
    pub(crate) updated_at: DateTime<Utc>,
    /// The saved clips, by camera and time.
    pub files: Vec<SavedFile>,
    /// The missing clips, by camera and time.
    pub failures: Vec<Missing>,
}

/// A saved clip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedFile {
    /// The file's name in the folder.
    pub name: String,
    /// The camera and the window.
    #[serde(flatten)]
    pub footage: Footage,
    /// Its size in bytes.
    pub size: u64,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// How much of the time has pictures, in milliseconds. Shorter than the window if the camera recorded less, or
    /// pictures are missing in between.
    pub footage_ms: u64,
    /// A summary of the content, such as `297 packets, program 1: H.264, AAC; 4.0 s missing in 1 hole`. It names what
    /// the MP4 does not have.
    pub content: String,
    /// Identifies the request to Meraki's support. Null if Meraki sent none.
    pub request_id: Option<String>,
    #[serde(with = "milliseconds")]
    pub(crate) retrieved_at: DateTime<Utc>,
    /// The same footage as MP4. Null if there is no MP4.
    pub mp4: Option<Mp4>,
}

/// The MP4 of a clip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mp4 {
    /// Its name in the folder.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

/// A missing clip: a requested window without a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// The camera and the window.
    #[serde(flatten)]
    pub footage: Footage,
    /// Whether another run may succeed.
    pub transient: bool,
    /// One of the kinds of `wit/clips.wit`, or `download-failed`, `component-failed` or `shutting-down`.
    pub kind: String,
    /// The cause, and what to do.
    pub message: String,
    /// The status of the last reply of the API or the media host.
    pub status: Option<u16>,
    /// Identifies the request to Meraki's support.
    pub request_id: Option<String>,
    /// The time to wait before another try.
    pub retry_after_seconds: Option<u32>,
    #[serde(with = "milliseconds")]
    pub(crate) failed_at: DateTime<Utc>,
}

impl SavedFile {
    /// When the file was complete.
    #[must_use]
    pub fn retrieved_at(&self) -> SystemTime {
        self.retrieved_at.into()
    }
}

impl Missing {
    /// The time of the failure.
    #[must_use]
    pub fn failed_at(&self) -> SystemTime {
        self.failed_at.into()
    }
}

/// Why a manifest cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The file, or the folder, cannot be read.
    #[error("cannot read {path}; check that it exists and that you have permission to read it")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The folder has no manifest.
    #[error(
        "{folder} has no manifest.json; `mv-clip incident`, `mv-clip range` and `mv-clip coverage` write one"
    )]
    NotFound {
        /// The folder.
        folder: PathBuf,
    },
    /// The file is not a manifest.
    #[error(
        "{path} is damaged, or from another version of mv-clip; restore it from a backup, or use another folder"
    )]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl Manifest {
    /// A manifest without entries.
    pub(crate) fn empty() -> Self {
        Self {
            format: FORMAT,
            updated_at: footage::now(),
            files: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Reads `manifest.json`; `None` if `folder` has none.
    ///
    /// # Errors
    ///
    /// See [`ManifestError`].
    pub async fn read(folder: &Path) -> Result<Option<Self>, ManifestError> {
        read(folder.join(MANIFEST)).await
    }

    /// Reads the manifest of the last run in `folder`, also if the run was interrupted.
    pub(crate) async fn resume(folder: &Path) -> Result<Self, ManifestError> {
        match read(unfinished(folder)).await? {
            Some(manifest) => Ok(manifest),
            None => Ok(Self::read(folder).await?.unwrap_or_else(Self::empty)),
        }
    }

    /// Writes `manifest.json.part`, from which the next run resumes.
    pub(crate) async fn keep(&mut self, folder: &Path) -> Result<(), WriteError> {
        self.updated_at = footage::now();
        let path = unfinished(folder);
        let json = serde_json::to_vec_pretty(self).map_err(io::Error::from);
        let mut json = json.map_err(WriteError::at(&path))?;
        json.push(b'\n');
        disk::write(&path, &json).await
    }

    /// Writes `manifest.json`, against which the folder is verified from now on.
    pub(crate) async fn finish(&mut self, folder: &Path) -> Result<(), WriteError> {
        self.keep(folder).await?;
        let path = folder.join(MANIFEST);
        let renamed = match fs::rename(unfinished(folder), &path).await {
            Ok(()) => disk::sync_folder(folder).await,
            error => error,
        };
        renamed.map_err(WriteError::at(&path))
    }

    /// The time of the last change.
    #[must_use]
    pub fn updated_at(&self) -> SystemTime {
        self.updated_at.into()
    }

    /// The file of a clip.
    #[must_use]
    pub fn file(&self, footage: &Footage) -> Option<&SavedFile> {
        self.files.iter().find(|file| file.footage == *footage)
    }

    /// Adds a saved clip in place of earlier entries for the same footage.
    pub(crate) fn saved(&mut self, file: SavedFile) {
        self.remove(&file.footage);
        let at = self
            .files
            .partition_point(|other| other.footage < file.footage);
        self.files.insert(at, file);
    }

    /// Adds a missing clip in place of earlier entries for the same footage.
    pub(crate) fn failed(&mut self, missing: Missing) {
        self.remove(&missing.footage);
        let before = |other: &Missing| other.footage < missing.footage;
        let at = self.failures.partition_point(before);
        self.failures.insert(at, missing);
    }

    fn remove(&mut self, footage: &Footage) {
        self.files.retain(|file| file.footage != *footage);
        self.failures.retain(|missing| missing.footage != *footage);
    }

    /// The name, size and SHA-256 of each listed file.
    pub(crate) fn expected(&self) -> BTreeMap<&str, (u64, &str)> {
        let clips = self.files.iter();
        let clips = clips.map(|file| (&*file.name, (file.size, &*file.sha256)));
        let mp4s = self.files.iter().filter_map(|file| file.mp4.as_ref());
        let mp4s = mp4s.map(|mp4| (&*mp4.name, (mp4.size, &*mp4.sha256)));
        clips.chain(mp4s).collect()
    }
}

fn unfinished(folder: &Path) -> PathBuf {
    folder.join(MANIFEST).with_added_extension(PART)
}

async fn content(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut file = File::open(path).await?.take(LARGEST + 1);
    file.read_to_end(&mut bytes).await?;
    match bytes.len() as u64 > LARGEST {
        true => Err(io::Error::other("it is larger than 64 MiB")),
        false => Ok(bytes),
    }
}

async fn read(path: PathBuf) -> Result<Option<Manifest>, ManifestError> {
    let bytes = match content(&path).await {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ManifestError::Read { path, source }),
    };
    let manifest: Manifest =
        serde_json::from_slice(&bytes).map_err(|source| ManifestError::Invalid {
            path: path.clone(),
            source: source.into(),
        })?;
    if manifest.format == FORMAT {
        Ok(Some(manifest))
    } else {
        let source = format!("the format is {}, not {FORMAT}", manifest.format).into();
        Err(ManifestError::Invalid { path, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_manifest_without_an_end_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = std::fs::File::create(folder.path().join(MANIFEST)).unwrap();
        manifest.set_len(LARGEST + 1).unwrap();
        let error = Manifest::read(folder.path()).await.unwrap_err();
        let cause = error.source().unwrap().to_string();
        assert!(cause.contains("larger than 64 MiB"), "{cause}");
    }
}
