//! `manifest.json`: what is in a folder, and what is not.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::fs;
use tokio::io::AsyncWriteExt;

use crate::PART;
use crate::footage::{self, Footage, milliseconds};

pub(crate) const MANIFEST: &str = "manifest.json";

/// The version of the form of `manifest.json`.
const FORMAT: u32 = 1;

/// What a folder holds: every file with what it takes to check it, and every window that was asked for
/// and has no file. As JSON, this is `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this form: 1.
    pub format: u32,
    /// When it was last changed.
    #[serde(with = "milliseconds")]
    pub updated_at: DateTime<Utc>,
    /// The clips that are there, by camera and time.
    pub files: Vec<SavedFile>,
    /// The windows that are not there, by camera and time.
    pub failures: Vec<Missing>,
}

/// A clip in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedFile {
    /// The file's name in the folder.
    pub name: String,
    /// What it shows.
    #[serde(flatten)]
    pub footage: Footage,
    /// Its size in bytes.
    pub size: u64,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// How much footage it holds by its own clock, in milliseconds; 0 if it carries none. Less than
    /// the window where the camera recorded less.
    pub footage_ms: u64,
    /// What is in it, as in `297 packets, program 1: H.264, AAC`.
    pub content: String,
    /// By this, Meraki's support finds the request. Null where Meraki gave none.
    pub request_id: Option<String>,
    /// When it was on disk.
    #[serde(with = "milliseconds")]
    pub retrieved_at: DateTime<Utc>,
    /// The same footage as MP4. Null where ffmpeg made none.
    pub mp4: Option<Mp4>,
}

/// The MP4 beside a clip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mp4 {
    /// Its name in the folder.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

/// A window without a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// What there is no file of.
    #[serde(flatten)]
    pub footage: Footage,
    /// Whether another run may get it.
    pub transient: bool,
    /// One of the kinds of `wit/clips.wit`, or `download-failed`, `component-failed` or `shutting-down`.
    pub kind: String,
    /// What happened, and what to do.
    pub message: String,
    /// The status of the last reply of the API or of the media server.
    pub status: Option<u16>,
    /// By this, Meraki's support finds the request.
    pub request_id: Option<String>,
    /// After how long another try is worth it.
    pub retry_after_seconds: Option<u32>,
    /// When it was given up.
    #[serde(with = "milliseconds")]
    pub failed_at: DateTime<Utc>,
}

/// Why a manifest cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file cannot be read or written.
    #[error("cannot read or write {path}: take a folder that you may write to, with room in it")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is none.
    #[error("{folder} has no manifest.json: host-test's incident, range and coverage write one")]
    None {
        /// Where it is not.
        folder: PathBuf,
    },
    /// The file is not a manifest.
    #[error("{path} is not a manifest of this version; take another folder")]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
}

impl Manifest {
    /// One with nothing in it.
    pub(crate) fn empty() -> Self {
        Self {
            format: FORMAT,
            updated_at: footage::now(),
            files: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Reads `manifest.json`; `None` if there is none in `folder`.
    ///
    /// # Errors
    ///
    /// See [`ManifestError`].
    pub async fn read(folder: &Path) -> Result<Option<Self>, ManifestError> {
        read(folder.join(MANIFEST)).await
    }

    /// Reads what runs in `folder` have saved so far, the last one too if it was broken off.
    pub(crate) async fn resume(folder: &Path) -> Result<Self, ManifestError> {
        match read(unfinished(folder)).await? {
            Some(manifest) => Ok(manifest),
            None => Ok(Self::read(folder).await?.unwrap_or_else(Self::empty)),
        }
    }

    /// Keeps what is saved so far, as `manifest.json.part`.
    pub(crate) async fn keep(&mut self, folder: &Path) -> Result<(), ManifestError> {
        self.updated_at = footage::now();
        let path = unfinished(folder);
        let mut json = serde_json::to_vec_pretty(self).map_err(|source| ManifestError::Form {
            path: path.clone(),
            source,
        })?;
        json.push(b'\n');
        write(&path, &json)
            .await
            .map_err(|source| ManifestError::Io { path, source })
    }

    /// Writes `manifest.json`: from now on, it is what the folder is checked against.
    pub(crate) async fn finish(&mut self, folder: &Path) -> Result<(), ManifestError> {
        self.keep(folder).await?;
        let path = folder.join(MANIFEST);
        let renamed = match fs::rename(unfinished(folder), &path).await {
            Ok(()) => sync_folder(folder).await,
            error => error,
        };
        renamed.map_err(|source| ManifestError::Io { path, source })
    }

    /// The file of some footage.
    #[must_use]
    pub fn file(&self, footage: &Footage) -> Option<&SavedFile> {
        self.files.iter().find(|file| file.footage == *footage)
    }

    pub(crate) fn saved(&mut self, file: SavedFile) {
        self.forget(&file.footage);
        let at = self
            .files
            .partition_point(|other| other.footage < file.footage);
        self.files.insert(at, file);
    }

    pub(crate) fn failed(&mut self, missing: Missing) {
        self.forget(&missing.footage);
        let before = |other: &Missing| other.footage < missing.footage;
        let at = self.failures.partition_point(before);
        self.failures.insert(at, missing);
    }

    fn forget(&mut self, footage: &Footage) {
        self.files.retain(|file| file.footage != *footage);
        self.failures.retain(|missing| missing.footage != *footage);
    }

    /// Every file that is to be there, by name, with its size and SHA-256.
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

async fn read(path: PathBuf) -> Result<Option<Manifest>, ManifestError> {
    let bytes = match fs::read(&path).await {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ManifestError::Io { path, source }),
    };
    let manifest: Manifest =
        serde_json::from_slice(&bytes).map_err(|source| ManifestError::Form {
            path: path.clone(),
            source,
        })?;
    if manifest.format == FORMAT {
        Ok(Some(manifest))
    } else {
        let other = format!("format {} in place of {FORMAT}", manifest.format);
        let source = serde::de::Error::custom(other);
        Err(ManifestError::Form { path, source })
    }
}

/// Replaces a file as a whole, or not at all.
pub(crate) async fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_added_extension("new.part");
    let mut file = fs::File::create(&new).await?;
    file.write_all(bytes).await?;
    // Without this, the error of the last write is lost.
    file.flush().await?;
    file.sync_all().await?;
    fs::rename(&new, path).await?;
    match path.parent() {
        Some(folder) => sync_folder(folder).await,
        None => Ok(()),
    }
}

/// Makes a rename last.
pub(crate) async fn sync_folder(folder: &Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened, and needs no such thing.
    if cfg!(unix) {
        fs::File::open(folder).await?.sync_all().await?;
    }
    Ok(())
}
