//! Collects clips in a folder.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use mv_clip_core::text::error_chain;
use mv_clip_host::{CallError, Clip, ClipHost, ClipRequest, MediaClient, Settings, TlsError};
use tokio::fs;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::digest;
use crate::disk::{self, WriteError};
use crate::download::{DownloadError, download};
use crate::failed::Failed;
use crate::footage::{self, Footage, InvalidFootage};
use crate::limits;
use crate::manifest::{Manifest, ManifestError, Missing, Mp4, SavedFile};
use crate::names::REPORT;
use crate::part::PartFile;
use crate::progress::ProgressFactory;
use crate::remux::{RemuxError, remux};
use crate::report;

/// Why a folder cannot be filled. The failure of a single clip goes to the manifest instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CollectError {
    /// The manifest of an earlier run cannot be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The folder, the manifest or the report cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Client(#[from] TlsError),
    /// A request or a clip has no valid window.
    #[error(transparent)]
    Footage(#[from] InvalidFootage),
}

/// The result of a run.
#[derive(Debug)]
#[non_exhaustive]
pub struct Collected {
    /// The content of the folder, including earlier runs.
    pub manifest: Manifest,
    /// The number of clips that this run downloaded.
    pub fetched: usize,
    /// The number of clips of this run that were already in the folder and intact.
    pub kept: usize,
    /// The clips of this run that are missing.
    pub failures: Vec<Missing>,
    /// Why clips of this run have no MP4, one sentence each.
    pub notes: Vec<String>,
}

/// Saves clips in a folder.
///
/// [`Collector::save`] can run for many clips at once; at most four of them download at the same time. If its
/// future is dropped, no unfinished file looks complete, and the next run resumes.
pub struct Collector<'a> {
    folder: PathBuf,
    host: &'a ClipHost,
    settings: &'a Settings,
    client: MediaClient,
    downloads: Semaphore,
    progress: Box<ProgressFactory>,
    /// The footage saved in this run: a caller may name a camera twice.
    seen: Mutex<BTreeSet<Footage>>,
    run: Mutex<Collected>,
}

impl<'a> Collector<'a> {
    /// Opens a folder, or creates it. Clips that its manifest lists stay listed.
    ///
    /// `host` and `settings` serve to request a clip again if its URL has expired before the download.
    ///
    /// # Errors
    ///
    /// See [`CollectError`].
    pub async fn new(
        folder: &Path,
        host: &'a ClipHost,
        settings: &'a Settings,
        progress: Box<ProgressFactory>,
    ) -> Result<Self, CollectError> {
        let folder = folder.to_owned();
        let created = fs::create_dir_all(&folder).await;
        created.map_err(WriteError::at(&folder))?;
        let manifest = Manifest::resume(&folder).await?;
        Ok(Self {
            folder,
            host,
            settings,
            client: host.media_client()?,
            downloads: Semaphore::new(limits::AT_ONCE),
            progress,
            seen: Mutex::default(),
            run: Mutex::new(Collected {
                manifest,
                fetched: 0,
                kept: 0,
                failures: Vec::new(),
                notes: Vec::new(),
            }),
        })
    }

    /// Saves the outcome of a request: downloads the clip, or records why it is missing. A clip that is already in
    /// the folder and intact is not downloaded again. A clip that is passed twice is saved once.
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
        if !self.seen.lock().await.insert(footage.clone()) {
            return Ok(());
        }
        // This never fails, because the semaphore is never closed.
        let _permit = self.downloads.acquire().await.ok();
        let (file, is_new) = match self.intact(&footage).await {
            Some(file) => (Ok(file), false),
            None => (self.fetch(&footage, outcome).await, true),
        };
        match file {
            Ok(file) => self.record(file, is_new).await,
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
        let page = report::page(&run.manifest);
        disk::write(&self.folder.join(REPORT), page.as_bytes()).await?;
        run.manifest.finish(&self.folder).await?;
        Ok(run)
    }

    /// The file of this footage, if it is as the manifest says.
    async fn intact(&self, footage: &Footage) -> Option<SavedFile> {
        let file = self.run.lock().await.manifest.file(footage)?.clone();
        self.matches(&file.name, file.size, &file.sha256)
            .await
            .then_some(file)
    }

    async fn matches(&self, name: &str, size: u64, sha256: &str) -> bool {
        let found = digest::of_file(&self.folder.join(name)).await;
        found.is_ok_and(|found| found == (size, sha256.to_owned()))
    }

    async fn fetch(
        &self,
        wanted: &Footage,
        outcome: Result<Clip, CallError>,
    ) -> Result<SavedFile, Failed> {
        let limit = limits::download(wanted.duration().to_std().unwrap_or_default());
        let until = Instant::now() + limit;
        let too_slow = |_| DownloadError::TooSlow { limit };
        let clip = match outcome? {
            clip if is_expired(&clip) => timeout_at(until, self.renew(wanted))
                .await
                .map_err(too_slow)??,
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

        let progress = (self.progress)(wanted);
        let work = async {
            let got = download(&self.client, &clip.url, &mut part, &*progress).await;
            if !got.as_ref().is_err_and(DownloadError::url_is_spent) {
                return Ok(got?);
            }
            tracing::info!(footage = %wanted, "the URL has expired: requesting a new one");
            let clip = self.renew(wanted).await?;
            request_id = clip.request_id;
            Ok(download(&self.client, &clip.url, &mut part, &*progress).await?)
        };
        let got: Result<_, Failed> = match timeout_at(until, work).await {
            Ok(got) => got,
            Err(elapsed) => Err(too_slow(elapsed).into()),
        };
        let summary = match got {
            Ok(summary) => summary,
            Err(failed) => {
                part.close().await.map_err(not_written)?;
                return Err(failed);
            }
        };
        let (size, sha256) = part.keep().await.map_err(not_written)?;
        Ok(SavedFile {
            name,
            footage: wanted.clone(),
            size,
            sha256,
            footage_ms: u64::try_from(summary.covered().as_millis()).unwrap_or(u64::MAX),
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

    /// Records a file that is on disk, and makes its MP4.
    async fn record(&self, mut file: SavedFile, is_new: bool) -> Result<(), CollectError> {
        if is_new {
            let mut run = self.run.lock().await;
            run.fetched += 1;
            run.manifest.saved(file.clone());
            // Before the MP4 is made, so that the clip counts as saved if the run is interrupted.
            run.manifest.keep(&self.folder).await?;
        } else {
            self.run.lock().await.kept += 1;
        }
        if let Some(Mp4 { name, size, sha256 }) = &file.mp4
            && self.matches(name, *size, sha256).await
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
        let note = error_chain(error);
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
