//! `manifest.json`: the clips in a folder, and the missing ones. It sums up the log.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::footage::{self, Footage, milliseconds, optional_milliseconds};
use crate::list::{List, Listed};

/// The version of the format of `manifest.json`.
pub(crate) const FORMAT: u32 = 1;

/// The content of a folder: each file with its size and hash, and each requested window without a file. Its JSON
/// is `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the format: 1.
    pub format: u32,
    #[serde(with = "milliseconds")]
    pub(crate) updated_at: DateTime<Utc>,
    /// The runs that filled the folder, in order.
    #[serde(default)]
    pub runs: Vec<Run>,
    /// The saved clips, by camera and time.
    pub files: List<SavedFile>,
    /// The clips that could not be had when they were last asked for, by camera and time. A clip that was saved before
    /// is still in `files`.
    pub failures: List<Missing>,
    /// The files that were found missing or changed, or that no run had saved, and could not be replaced yet.
    #[serde(default)]
    pub lost: List<Lost>,
    /// The footage that was asked for by a run that ended early; run the same command again to get it.
    #[serde(default)]
    pub pending: List<Footage>,
    /// The cameras that the last run asked for.
    #[serde(skip)]
    asked: BTreeSet<(String, Option<u32>)>,
}

/// A run of a command that filled the folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    #[serde(with = "milliseconds")]
    pub(crate) started_at: DateTime<Utc>,
    /// The program and its version.
    pub tool: String,
    /// The command and its arguments.
    pub command: String,
    /// The time of the event that the footage is about. Null for a range.
    #[serde(default, with = "optional_milliseconds")]
    pub(crate) event: Option<DateTime<Utc>>,
    /// The SHA-256 of the component, in hexadecimal. Null if it is not known.
    pub component: Option<String>,
    /// The origins that the component could send requests to.
    pub policy: Vec<String>,
    /// The identifier of the key that signs the log at the end of the run. Null if the run does not sign it.
    #[serde(default)]
    pub signer: Option<String>,
    /// The time-stamping authority that dates the log at the end of the run: scheme, host and port. Null if none does.
    #[serde(default)]
    pub authority: Option<String>,
}

/// A file that is missing, not as it was saved, or was never saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// The file's name in the folder.
    pub name: String,
    /// The camera and the window.
    #[serde(flatten)]
    pub footage: Footage,
    /// What is wrong with the file.
    pub message: String,
    #[serde(with = "milliseconds")]
    pub(crate) found_at: DateTime<Utc>,
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

impl Listed for SavedFile {
    type Key = Footage;

    fn key(&self) -> Footage {
        self.footage.clone()
    }
}

impl Listed for Missing {
    type Key = Footage;

    fn key(&self) -> Footage {
        self.footage.clone()
    }
}

impl Listed for Footage {
    type Key = Self;

    fn key(&self) -> Self {
        self.clone()
    }
}

impl Listed for Lost {
    type Key = String;

    fn key(&self) -> String {
        self.name.clone()
    }
}

impl Run {
    /// The time of the event that the footage is about.
    #[must_use]
    pub fn event(&self) -> Option<SystemTime> {
        self.event.map(Into::into)
    }

    /// The time of its start.
    #[must_use]
    pub fn started_at(&self) -> SystemTime {
        self.started_at.into()
    }
}

impl Lost {
    /// When the loss was found.
    #[must_use]
    pub fn found_at(&self) -> SystemTime {
        self.found_at.into()
    }
}

/// A file is listed under a name that is not that of its footage.
#[derive(Debug, thiserror::Error)]
#[error("it lists a file as {found:?} that must be named after its footage")]
pub(crate) struct WrongName {
    found: String,
}

impl SavedFile {
    /// Checks the names, so that no name comes from a file on disk.
    pub(crate) fn with_names_of_footage(mut self) -> Result<Self, WrongName> {
        let named = |name: Result<String, _>, found: &str| match name {
            Ok(name) if name == found => Ok(name),
            _ => Err(WrongName {
                found: found.to_owned(),
            }),
        };
        self.name = named(self.footage.clip_name(), &self.name)?;
        if let Some(mp4) = &mut self.mp4 {
            mp4.name = named(self.footage.mp4_name(), &mp4.name)?;
        }
        Ok(self)
    }

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
    /// No run has written to the folder.
    #[error(
        "{folder} has no log.jsonl; `mv-clip incident`, `mv-clip range` and `mv-clip coverage` write one"
    )]
    NotFound {
        /// The folder.
        folder: PathBuf,
    },
    /// The file is not what this version writes.
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
            runs: Vec::new(),
            files: List::default(),
            failures: List::default(),
            lost: List::default(),
            pending: List::default(),
            asked: BTreeSet::new(),
        }
    }

    /// The failures that can be set aside: there is no such camera, nothing was ever saved of it, and the last run did not
    /// ask for it. Most likely an earlier run had a mistyped serial number. They do not count as missing.
    ///
    /// A manifest that was read from `manifest.json` does not know the last run's cameras, and sets nothing aside.
    pub(crate) fn set_aside(&self) -> Vec<&Missing> {
        // Of an earlier version it is not known what was asked for.
        if self.asked.is_empty() {
            return Vec::new();
        }
        let files = self.files.iter().map(|file| &file.footage);
        let saved: BTreeSet<_> = files.map(Footage::source).collect();
        let is_asked = |footage: &Footage| {
            let (serial, imager_id) = footage.source();
            self.asked.contains(&(serial.to_owned(), imager_id))
        };
        let is_unknown =
            |missing: &&Missing| ["not-found", "invalid-serial"].contains(&&*missing.kind);
        let failures = self.failures.iter().filter(is_unknown);
        failures
            .filter(|Missing { footage, .. }| {
                !saved.contains(&footage.source()) && !is_asked(footage)
            })
            .collect()
    }

    /// The time of the last change.
    #[must_use]
    pub fn updated_at(&self) -> SystemTime {
        self.updated_at.into()
    }

    /// The file of a clip.
    #[must_use]
    pub fn file(&self, footage: &Footage) -> Option<&SavedFile> {
        self.files.get(footage)
    }

    /// Whether the file with this name is not as it was saved.
    #[must_use]
    pub fn is_lost(&self, name: &str) -> bool {
        self.lost.get(&name.to_owned()).is_some()
    }

    /// Adds a saved clip in place of earlier entries for the same footage.
    pub(crate) fn saved(&mut self, file: SavedFile) {
        self.answered(&file.footage);
        for name in [file.footage.clip_name(), file.footage.mp4_name()] {
            self.lost.remove(&name.unwrap_or_default());
        }
        self.files.insert(file);
    }

    /// Adds the MP4 of a saved clip.
    pub(crate) fn converted(&mut self, footage: &Footage, mp4: Mp4) {
        self.lost.remove(&mp4.name);
        if let Some(file) = self.files.get_mut(footage) {
            file.mp4 = Some(mp4);
        }
    }

    /// Whether it changes anything that the clip is there.
    pub(crate) fn is_changed_by_kept(&self, footage: &Footage) -> bool {
        self.failures.get(footage).is_some()
            || self.pending.get(footage).is_some()
            || self
                .file(footage)
                .is_some_and(|file| self.is_lost(&file.name))
    }

    /// The clip is there, so earlier failures no longer matter.
    pub(crate) fn kept(&mut self, footage: &Footage) {
        self.answered(footage);
        if let Some(file) = self.files.get(footage) {
            self.lost.remove(&file.name);
        }
    }

    /// Adds a failure in place of an earlier one for the same footage. A saved clip stays on record.
    pub(crate) fn failed(&mut self, missing: Missing) {
        self.answered(&missing.footage);
        self.failures.insert(missing);
    }

    /// Marks a file that is not as it was saved.
    pub(crate) fn mark_lost(&mut self, lost: Lost) {
        self.lost.insert(lost);
    }

    /// Adds a run. The footage that it asks for is pending until there is an outcome.
    pub(crate) fn started(&mut self, run: Run, asked: &[Footage]) {
        self.runs.push(run);
        let asked_for = asked.iter().map(Footage::source);
        self.asked = asked_for
            .map(|(serial, imager_id)| (serial.to_owned(), imager_id))
            .collect();
        for footage in asked {
            if self.files.get(footage).is_none() && self.failures.get(footage).is_none() {
                self.pending.insert(footage.clone());
            }
        }
    }

    /// The same with the cameras that the last run of `other` asked for.
    pub(crate) fn asked_by(mut self, other: &mut Self) -> Self {
        self.asked = std::mem::take(&mut other.asked);
        self
    }

    fn answered(&mut self, footage: &Footage) {
        self.failures.remove(footage);
        self.pending.remove(footage);
    }

    /// Sets the names of all files to those of their footage, and checks that they were these.
    pub(crate) fn with_names_of_footage(mut self) -> Result<Self, WrongName> {
        let Self {
            files, failures, ..
        } = std::mem::replace(&mut self, Self::empty());
        for file in files {
            self.saved(file.with_names_of_footage()?);
        }
        for missing in failures {
            if self.file(&missing.footage).is_none() {
                self.failed(missing);
            }
        }
        Ok(self)
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
