//! Many clips into one folder.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use mv_clip_host::{CallError, Clip, ClipHost, ClipRequest, MediaClient, Settings, TlsError};
use tokio::fs;
use tokio::sync::{Mutex, Semaphore};

use crate::download::{DownloadError, download};
use crate::failed::Failed;
use crate::footage::{self, BadFootage, Footage};
use crate::manifest::{self, Manifest, ManifestError, Missing, Mp4, SavedFile};
use crate::part::PartFile;
use crate::remux::{RemuxError, remux};
use crate::{REPORT, digest, report};

/// How many clips are downloaded at once.
const DOWNLOADS: usize = 4;

/// Learns how the download of one clip goes. It is dropped when that is over.
pub trait Progress: Send + Sync {
    /// So many bytes are there, of so many where that is known.
    fn at(&self, bytes: u64, length: Option<u64>);
}

/// Makes what watches a download, for each one that starts.
pub type Watch = dyn Fn(&Footage) -> Box<dyn Progress> + Send + Sync;

/// Why a folder cannot be filled. What goes wrong with one clip is none of this: it goes to the
/// manifest.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The manifest cannot be read or written.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The folder or the report cannot be written.
    #[error("cannot write {path}: take a folder that you may write to, with room in it")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// HTTPS cannot be set up.
    #[error(transparent)]
    Client(#[from] TlsError),
    /// A window that is none.
    #[error(transparent)]
    Footage(#[from] BadFootage),
}

/// What a run came to.
#[derive(Debug)]
pub struct Collected {
    /// All that is in the folder, earlier runs included.
    pub manifest: Manifest,
    /// How many clips this run downloaded.
    pub fetched: usize,
    /// How many clips that this run was given were there already, and whole.
    pub kept: usize,
    /// The windows of this run that have no file.
    pub failures: Vec<Missing>,
    /// Why clips of this run have no MP4 beside them, in sentences.
    pub notes: Vec<String>,
}

/// Takes clips into a folder.
///
/// [`Collector::save`] can be called for many clips side by side; at most four are downloaded at once.
/// Dropping its future leaves nothing that looks whole: the next run continues.
pub struct Collector<'a> {
    folder: PathBuf,
    host: &'a ClipHost,
    settings: &'a Settings,
    client: MediaClient,
    turns: Semaphore,
    watch: Box<Watch>,
    /// What has been given to this run; a camera may be named twice.
    given: Mutex<BTreeSet<Footage>>,
    run: Mutex<Collected>,
}

impl<'a> Collector<'a> {
    /// Opens a folder, or makes it. What its manifest lists stays listed.
    ///
    /// `host` and `settings` are there for clips whose URL expires before its turn comes: they are
    /// asked for again.
    ///
    /// # Errors
    ///
    /// See [`CollectError`].
    pub async fn new(
        folder: &Path,
        host: &'a ClipHost,
        settings: &'a Settings,
        watch: Box<Watch>,
    ) -> Result<Self, CollectError> {
        let folder = folder.to_owned();
        if let Err(source) = fs::create_dir_all(&folder).await {
            return Err(CollectError::Io {
                path: folder,
                source,
            });
        }
        let manifest = Manifest::resume(&folder).await?;
        Ok(Self {
            folder,
            host,
            settings,
            client: host.media_client()?,
            turns: Semaphore::new(DOWNLOADS),
            watch,
            given: Mutex::default(),
            run: Mutex::new(Collected {
                manifest,
                fetched: 0,
                kept: 0,
                failures: Vec::new(),
                notes: Vec::new(),
            }),
        })
    }

    /// Saves what became of a request: the clip's file, or why there is none. A clip that is there and
    /// whole is not fetched again, and one that is given twice is saved once.
    ///
    /// # Errors
    ///
    /// See [`CollectError`].
    pub async fn save(
        &self,
        request: &ClipRequest,
        outcome: Result<Clip, CallError>,
    ) -> Result<(), CollectError> {
        let footage = match &outcome {
            Ok(clip) => Footage::try_from(clip)?,
            Err(_) => Footage::try_from(request)?,
        };
        if !self.given.lock().await.insert(footage.clone()) {
            return Ok(());
        }
        // The semaphore is never closed, so there is always a turn to wait for.
        let _turn = self.turns.acquire().await.ok();
        let (file, is_new) = match self.already(&footage).await {
            Some(file) => (Ok(file), false),
            None => (self.fetch(&footage, outcome).await, true),
        };
        match file {
            Ok(file) => self.enter(file, is_new).await,
            Err(failed) => {
                let mut run = self.run.lock().await;
                let missing = failed.missing(footage);
                run.failures.push(missing.clone());
                run.manifest.failed(missing);
                Ok(run.manifest.keep(&self.folder).await?)
            }
        }
    }

    /// Writes the report and, last, the manifest.
    ///
    /// # Errors
    ///
    /// See [`CollectError`].
    pub async fn finish(self) -> Result<Collected, CollectError> {
        let mut run = self.run.into_inner();
        let path = self.folder.join(REPORT);
        let page = report::page(&run.manifest);
        if let Err(source) = manifest::write(&path, page.as_bytes()).await {
            return Err(CollectError::Io { path, source });
        }
        run.manifest.finish(&self.folder).await?;
        Ok(run)
    }

    /// The file of this footage, if it is there as the manifest says.
    async fn already(&self, footage: &Footage) -> Option<SavedFile> {
        let file = self.run.lock().await.manifest.file(footage)?.clone();
        self.is_whole(&file.name, file.size, &file.sha256)
            .await
            .then_some(file)
    }

    async fn is_whole(&self, name: &str, size: u64, sha256: &str) -> bool {
        let found = digest::of_file(&self.folder.join(name)).await;
        found.is_ok_and(|found| found == (size, sha256.to_owned()))
    }

    async fn fetch(
        &self,
        wanted: &Footage,
        outcome: Result<Clip, CallError>,
    ) -> Result<SavedFile, Failed> {
        let clip = match outcome? {
            clip if is_expired(&clip) => self.renew(wanted).await?,
            clip => clip,
        };
        let mut request_id = clip.request_id;
        let stem = wanted.file_stem().map_err(Failed::Name)?;
        let name = format!("{stem}.ts");
        let target = self.folder.join(&name);
        let path = target.clone();
        let not_written = |source| DownloadError::File { path, source };
        let mut part = match PartFile::open(target).await {
            Ok(part) => part,
            Err(error) => return Err(not_written(error).into()),
        };

        let progress = (self.watch)(wanted);
        let mut got = download(&self.client, &clip.url, &mut part, &*progress).await;
        if got.as_ref().is_err_and(DownloadError::url_is_spent) {
            tracing::info!(footage = %wanted, "the URL works no more: asking for another");
            let clip = self.renew(wanted).await?;
            request_id = clip.request_id;
            got = download(&self.client, &clip.url, &mut part, &*progress).await;
        }
        let summary = match got {
            Ok(summary) => summary,
            Err(error) => {
                part.leave().await.map_err(not_written)?;
                return Err(error.into());
            }
        };
        let (size, sha256) = part.keep().await.map_err(not_written)?;
        Ok(SavedFile {
            name,
            footage: wanted.clone(),
            size,
            sha256,
            footage_ms: u64::try_from(summary.duration.as_millis()).unwrap_or(u64::MAX),
            content: summary.to_string(),
            request_id,
            retrieved_at: footage::now(),
            mp4: None,
        })
    }

    async fn renew(&self, footage: &Footage) -> Result<Clip, CallError> {
        self.host
            .request_clip(self.settings, &footage.request())
            .await
    }

    /// Enters a file that is on disk, and sees to its MP4.
    async fn enter(&self, mut file: SavedFile, is_new: bool) -> Result<(), CollectError> {
        if is_new {
            let mut run = self.run.lock().await;
            run.fetched += 1;
            run.manifest.saved(file.clone());
            // Before ffmpeg is at it: should that be broken off, the clip counts as saved.
            run.manifest.keep(&self.folder).await?;
        } else {
            self.run.lock().await.kept += 1;
        }
        if let Some(Mp4 { name, size, sha256 }) = &file.mp4
            && self.is_whole(name, *size, sha256).await
        {
            return Ok(());
        }
        let made = remux(&self.folder, &file.footage.file_stem()?).await;
        let mut run = self.run.lock().await;
        file.mp4 = match made {
            Ok(mp4) => Some(mp4),
            Err(error) => {
                run.note(&error);
                None
            }
        };
        run.manifest.saved(file);
        Ok(run.manifest.keep(&self.folder).await?)
    }
}

impl Collected {
    fn note(&mut self, error: &RemuxError) {
        let note = error.to_string();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

fn is_expired(clip: &Clip) -> bool {
    let expires = clip.expires_at.as_deref();
    let expires = expires.and_then(|time| DateTime::parse_from_rfc3339(time).ok());
    expires.is_some_and(|time| time <= Utc::now())
}
