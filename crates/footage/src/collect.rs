//! Collects clips in a folder.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use mv_clip_core::text::error_chain;
use mv_clip_host::{CallError, Clip, ClipHost, ClipRequest, MediaClient, PostClient, Settings};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::blocking::blocking;
use crate::difference::Difference;
use crate::digest;
use crate::download::{DownloadError, download};
use crate::error::CollectError;
use crate::failed::Failed;
use crate::folder::WriteError;
use crate::footage::{self, Footage, InvalidFootage};
use crate::keys::SigningKey;
use crate::limits;
use crate::log::Entry;
use crate::manifest::{Lost, Manifest, Missing, Run, SavedFile};
use crate::names::{self, LOG, TIMESTAMP};
use crate::part::PartFile;
use crate::progress::ProgressFactory;
use crate::proofs::Signed;
use crate::remux::remux;
use crate::report;
use crate::store::{Store, WhileBusy};
use crate::timestamp::{self, Stamped, TimestampError};

/// What a run is to save, and for whom. It goes to the log before anything is asked for.
#[derive(Clone, Debug)]
pub struct Order {
    tool: String,
    command: String,
    event: Option<DateTime<Utc>>,
    requests: Vec<ClipRequest>,
    key: Option<SigningKey>,
    authority: Option<PostClient>,
}

impl Order {
    /// An order for these clips by a program (its name and version) and its command (with its arguments, without
    /// secrets).
    #[must_use]
    pub fn new(tool: &str, command: &str, requests: Vec<ClipRequest>) -> Self {
        Self {
            tool: tool.to_owned(),
            command: command.to_owned(),
            event: None,
            requests,
            key: None,
            authority: None,
        }
    }

    /// The run signs the log at its end.
    #[must_use]
    pub fn sign(mut self, key: SigningKey) -> Self {
        self.key = Some(key);
        self
    }

    /// The run gets a timestamp of the log at its end, from the time-stamping authority behind this client: see
    /// [`Finished::timestamp`].
    #[must_use]
    pub fn timestamp(mut self, authority: PostClient) -> Self {
        self.authority = Some(authority);
        self
    }

    /// The order is for the footage of an event: an RFC 3339 time, which the report points out.
    ///
    /// # Errors
    ///
    /// [`InvalidFootage::Time`].
    pub fn event(mut self, at: &str) -> Result<Self, InvalidFootage> {
        self.event = Some(footage::instant(at)?);
        Ok(self)
    }
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
    /// What the user should know, one sentence each: files that were not as they had been saved, clips without an MP4,
    /// and what the file system cannot do.
    pub notes: Vec<String>,
    /// The signature that the run made, if it was to make one.
    pub signed: Option<Signed>,
    /// The failures of earlier runs that do not count as missing: there is no such camera, nothing was ever saved of it, and
    /// this run did not ask for it.
    pub set_aside: Vec<Missing>,
}

/// A run whose folder is complete but for the timestamp. The folder stays this run's until this is dropped.
#[derive(Debug)]
pub struct Finished {
    /// The result.
    pub collected: Collected,
    store: Arc<Store>,
    authority: Option<PostClient>,
}

/// Saves clips in a folder.
///
/// A collector is the only writer of its folder. [`Collector::save`] can run for many clips at once; at most four of
/// them download at the same time. If its future is dropped, no unfinished file looks complete, and the next run
/// resumes.
pub struct Collector {
    store: Arc<Store>,
    host: ClipHost,
    settings: Settings,
    client: MediaClient,
    downloads: Semaphore,
    progress: Box<ProgressFactory>,
    ordered: BTreeSet<Footage>,
    key: Option<SigningKey>,
    authority: Option<PostClient>,
    run: Mutex<Progressed>,
}

/// How far a run is.
#[derive(Default)]
struct Progressed {
    /// The footage that was saved or tried: a caller may name a camera twice.
    seen: BTreeSet<Footage>,
    fetched: usize,
    kept: usize,
    failures: Vec<Missing>,
    notes: Vec<String>,
}

impl Collector {
    /// Opens a folder, or creates it, and writes the order to its log.
    ///
    /// `host` and `settings` serve to request a clip again if its URL has expired before the download.
    ///
    /// # Errors
    ///
    /// See [`CollectError`].
    pub async fn new(
        folder: &Path,
        busy: WhileBusy,
        order: Order,
        host: &ClipHost,
        settings: &Settings,
        progress: Box<ProgressFactory>,
    ) -> Result<Self, CollectError> {
        let ordered: Result<BTreeSet<_>, _> =
            order.requests.iter().map(Footage::try_from).collect();
        let ordered = ordered?;
        let client = host.media_client()?;
        let store = Store::take(folder, busy).await?;
        let mut progressed = Progressed::default();
        let public = order.key.as_ref().map(|key| key.public().clone());
        if let Some(public) = public.clone() {
            let store = Arc::clone(&store);
            let note = blocking(move || store.may_sign(&public)).await?;
            progressed.notes.extend(note);
        }
        let run = Run {
            started_at: footage::now(),
            tool: order.tool,
            command: order.command,
            event: order.event,
            component: Some(host.component_sha256().to_owned()),
            policy: host.policy().origins().map(ToString::to_string).collect(),
            signer: public.map(|public| public.id().to_string()),
            authority: order
                .authority
                .as_ref()
                .map(|authority| authority.server().to_owned()),
        };
        let begun = {
            let (store, windows) = (Arc::clone(&store), ordered.iter().cloned().collect());
            blocking(move || store.begin(run, windows))
        };
        begun.await?;
        Ok(Self {
            store,
            host: host.clone(),
            settings: settings.clone(),
            client,
            downloads: Semaphore::new(limits::AT_ONCE),
            progress,
            ordered,
            key: order.key,
            authority: order.authority,
            run: Mutex::new(progressed),
        })
    }

    /// Saves the clip of a request, or records why it is missing. `ask` requests its URL. A clip that is already in
    /// the folder and intact is neither requested nor downloaded again. A clip that is passed twice is saved once.
    ///
    /// # Errors
    ///
    /// See [`CollectError`].
    pub async fn save(
        &self,
        request: &ClipRequest,
        ask: impl Future<Output = Result<Clip, CallError>>,
    ) -> Result<(), CollectError> {
        let footage = Footage::try_from(request)?;
        if !self.ordered.contains(&footage) {
            return Err(CollectError::NotOrdered(footage));
        }
        if !self.run().seen.insert(footage.clone()) {
            return Ok(());
        }
        if self.is_intact(&footage).await? {
            self.run().kept += 1;
            self.keep(&footage).await?;
            return self.convert(&footage).await;
        }
        match self.fetch(&footage, ask.await).await {
            Ok(()) => {
                self.run().fetched += 1;
                self.convert(&footage).await
            }
            Err(failed) => {
                let missing = failed.missing(footage);
                self.run().failures.push(missing.clone());
                self.append(Entry::Failed(Box::new(missing))).await
            }
        }
    }

    /// Writes the report and the manifest, and signs the log.
    ///
    /// # Errors
    ///
    /// See [`CollectError`].
    pub async fn finish(self) -> Result<Finished, CollectError> {
        let store = Arc::clone(&self.store);
        let (key, stamps) = (self.key.clone(), self.authority.is_some());
        let finished = blocking(move || {
            let manifest = store.record(|record| record.manifest.clone());
            let page = report::page(&manifest);
            let json = serde_json::to_vec_pretty(&manifest).map_err(std::io::Error::from);
            let mut json = json.map_err(WriteError::at(store.folder.path()))?;
            json.push(b'\n');
            store.summarize(&json, page.as_bytes())?;
            let signed = store.seal(key.as_ref(), stamps)?;
            Ok::<_, WriteError>((manifest, signed, store.notes()))
        });
        let (manifest, signed, of_file_system) = finished.await?;
        let run = self.run.into_inner();
        let run = run.unwrap_or_else(PoisonError::into_inner);
        let mut notes = run.notes;
        notes.extend(of_file_system);
        let set_aside = manifest.set_aside().into_iter().cloned().collect();
        Ok(Finished {
            collected: Collected {
                manifest,
                fetched: run.fetched,
                kept: run.kept,
                failures: run.failures,
                notes,
                signed,
                set_aside,
            },
            store: self.store,
            authority: self.authority,
        })
    }

    /// Whether the clip is as it was saved. A loss is recorded.
    async fn is_intact(&self, footage: &Footage) -> Result<bool, CollectError> {
        let Some(file) = self.on_record(footage).await else {
            return self.is_free(footage).await.map(|()| false);
        };
        self.is_as_saved(footage, file.name, file.size, file.sha256)
            .await
    }

    /// Records that a clip is there, if that is news, and removes what is left of a download of it.
    async fn keep(&self, footage: &Footage) -> Result<(), CollectError> {
        let (store, footage) = (Arc::clone(&self.store), footage.clone());
        let kept = move || {
            if let Ok(name) = footage.clip_name() {
                // What cannot be removed is reported by `verify`.
                let removed = store.folder.remove(&names::part(&name));
                tracing::debug!(name, ?removed, "nothing is left to resume");
            }
            if store.record(|record| record.manifest.is_changed_by_kept(&footage)) {
                store.append(vec![Entry::Kept { footage }])?;
            }
            Ok(())
        };
        blocking(kept).await
    }

    /// Compares a file with its record. A loss is recorded, once.
    async fn is_as_saved(
        &self,
        footage: &Footage,
        name: String,
        size: u64,
        sha256: String,
    ) -> Result<bool, CollectError> {
        let (store, checked) = (Arc::clone(&self.store), name.clone());
        let difference = blocking(move || store.compare(&checked, size, &sha256)).await;
        let Some(difference) = difference else {
            return Ok(true);
        };
        let message = match &difference {
            Difference::Missing => "is missing".to_owned(),
            difference => difference.to_string(),
        };
        self.note(format!("{name}, which an earlier run saved, {message}"));
        self.lose(footage, name, message).await?;
        Ok(false)
    }

    /// Records a loss, once.
    async fn lose(
        &self,
        footage: &Footage,
        name: String,
        message: String,
    ) -> Result<(), CollectError> {
        let lost = Lost {
            name,
            footage: footage.clone(),
            message,
            found_at: footage::now(),
        };
        let store = Arc::clone(&self.store);
        let record = move || {
            let is_same = |other: &Lost| other.message == lost.message;
            if store.record(|record| record.manifest.lost.get(&lost.name).is_some_and(is_same)) {
                return Ok(());
            }
            store.append(vec![Entry::Lost(Box::new(lost))])
        };
        Ok(blocking(record).await?)
    }

    /// Tells and records that the clip will replace a file of which the log knows nothing.
    async fn is_free(&self, footage: &Footage) -> Result<(), CollectError> {
        let Ok(name) = footage.clip_name() else {
            return Ok(());
        };
        let (store, looked_at) = (Arc::clone(&self.store), name.clone());
        let found = blocking(move || store.folder.look(&looked_at)).await;
        if matches!(found, Ok(Some(_))) {
            self.note(format!(
                "{name} {}; it will be replaced if the clip can be had",
                Difference::Extra
            ));
            self.lose(footage, name, Difference::Extra.to_string())
                .await?;
        }
        Ok(())
    }

    async fn on_record(&self, footage: &Footage) -> Option<SavedFile> {
        let (store, footage) = (Arc::clone(&self.store), footage.clone());
        blocking(move || store.record(|record| record.manifest.file(&footage).cloned())).await
    }

    async fn append(&self, entry: Entry) -> Result<(), CollectError> {
        let store = Arc::clone(&self.store);
        Ok(blocking(move || store.append(vec![entry])).await?)
    }

    async fn fetch(
        &self,
        wanted: &Footage,
        outcome: Result<Clip, CallError>,
    ) -> Result<(), Failed> {
        // This never fails, because the semaphore is never closed.
        let _permit = self.downloads.acquire().await.ok();
        let limit = limits::download(wanted.duration().to_std().unwrap_or_default());
        let until = Instant::now() + limit;
        let too_slow = |_| DownloadError::TooSlow { limit };
        let clip = match answers(outcome?, wanted)? {
            clip if is_expired(&clip) => timeout_at(until, self.renew(wanted))
                .await
                .map_err(too_slow)??,
            clip => clip,
        };
        let mut request_id = clip.request_id;
        let name = wanted.clip_name().map_err(Failed::Name)?;
        let path = self.store.folder.path_of(&name);
        let not_written = |source| DownloadError::File { path, source };
        let mut part = match PartFile::open(&self.store, wanted, &name).await {
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
            Err(failed) => return Err(failed),
        };
        let (size, sha256) = match part.finish().await {
            Ok(found) => found,
            Err(error) => return Err(not_written(error).into()),
        };
        let file = SavedFile {
            name,
            footage: wanted.clone(),
            size,
            sha256,
            footage_ms: u64::try_from(summary.covered().as_millis()).unwrap_or(u64::MAX),
            content: summary.to_string(),
            request_id,
            retrieved_at: footage::now(),
            mp4: None,
        };
        let store = Arc::clone(&self.store);
        let kept = blocking(move || {
            let name = file.name.clone();
            store.commit(&names::part(&name), &name, Entry::Saved(Box::new(file)))
        });
        Ok(kept.await.map_err(not_written)?)
    }

    async fn renew(&self, footage: &Footage) -> Result<Clip, Failed> {
        let request = footage.request();
        let clip = self.host.request_clip(&self.settings, &request).await?;
        answers(clip, footage)
    }

    /// Makes the MP4 of a clip that is saved, unless it is there.
    async fn convert(&self, footage: &Footage) -> Result<(), CollectError> {
        let mp4 = self.on_record(footage).await.and_then(|file| file.mp4);
        if let Some(mp4) = mp4
            && self
                .is_as_saved(footage, mp4.name, mp4.size, mp4.sha256)
                .await?
        {
            return Ok(());
        }
        if let Err(error) = remux(&self.store, footage).await {
            self.note(error_chain(&error));
        }
        Ok(())
    }

    fn note(&self, note: String) {
        let mut run = self.run();
        if !run.notes.contains(&note) {
            run.notes.push(note);
        }
    }

    fn run(&self) -> MutexGuard<'_, Progressed> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Finished {
    /// Gets the timestamp of the log that the order asks for. The file in the folder is replaced only by a timestamp of
    /// this log. None if the order asks for none, or if this was called before.
    ///
    /// # Errors
    ///
    /// See [`TimestampError`]. Everything else stays as it is.
    pub async fn timestamp(&mut self) -> Result<Option<Stamped>, TimestampError> {
        let Some(authority) = self.authority.take() else {
            return Ok(None);
        };
        let store = Arc::clone(&self.store);
        let digest = blocking(move || {
            let file = store.folder.read(LOG).and_then(digest::of_file);
            let (_, sha256) = file.map_err(WriteError::at(&store.folder.path_of(LOG)))?;
            Ok::<_, WriteError>(sha256)
        });
        let (reply, at) = timestamp::request(&authority, &digest.await?).await?;
        let store = Arc::clone(&self.store);
        blocking(move || store.put(TIMESTAMP, &reply)).await?;
        Ok(Some(Stamped {
            authority: authority.server().to_owned(),
            at: at.into(),
        }))
    }
}

/// The clip, if it is the one that was asked for.
fn answers(clip: Clip, wanted: &Footage) -> Result<Clip, Failed> {
    match Footage::try_from(&clip) {
        Ok(found) if found == *wanted => Ok(clip),
        Ok(found) => Err(Failed::Other(found)),
        Err(error) => Err(Failed::Name(error)),
    }
}

fn is_expired(clip: &Clip) -> bool {
    let expires = clip.expires_at.as_deref();
    let expires = expires.and_then(|time| DateTime::parse_from_rfc3339(time).ok());
    expires.is_some_and(|time| time <= Utc::now())
}
