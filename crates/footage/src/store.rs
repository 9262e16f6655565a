//! A folder that this run may write to: its files, and the log that says what they are.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::sleep;

use crate::blocking::blocking;
use crate::compare::compare;
use crate::difference::Difference;
use crate::digest;
use crate::error::CollectError;
use crate::folder::{Folder, WriteError};
use crate::footage::Footage;
use crate::keys::{SigningKey, VerifyingKey};
use crate::lock::{Attempt, Lock};
use crate::log::{Entry, Log, Point, Record, Written};
use crate::manifest::Run;
use crate::names::{self, LOG, MANIFEST, OWNER, REPORT, SIGNATURE, TIMESTAMP};
use crate::proofs::{self, Checked, Proofs, Signed};

/// How often a run that waits looks whether the folder is free.
const PAUSE: Duration = Duration::from_millis(200);

/// What unfinished files beside those of clips are for, in earlier versions too.
const OTHER_PARTS: [&str; 8] = [
    OWNER,
    SIGNATURE,
    TIMESTAMP,
    MANIFEST,
    "manifest.json.new",
    "manifest.json.part.new",
    REPORT,
    "report.html.new",
];

/// What a run does if another one writes to its folder.
#[non_exhaustive]
pub enum WhileBusy {
    /// It ends with [`CollectError::Busy`].
    End,
    /// It waits, and says once who has the folder.
    Wait(Box<dyn Fn(&str) + Send + Sync>),
}

impl std::fmt::Debug for WhileBusy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::End => "End",
            Self::Wait(_) => "Wait",
        })
    }
}

/// The only writer of a folder.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) folder: Folder,
    lock: Lock,
    log: Mutex<Log>,
}

impl Store {
    /// Takes a folder, which is created if it does not exist, and tidies up what an earlier run left.
    pub(crate) async fn take(path: &Path, busy: WhileBusy) -> Result<Arc<Self>, CollectError> {
        let opened = {
            let path = path.to_owned();
            blocking(move || {
                let folder = Folder::create(&path).map_err(WriteError::at(&path))?;
                let log = folder.append(LOG);
                let log = log.map_err(WriteError::at(&folder.path_of(LOG)))?;
                Ok::<_, CollectError>((folder, log))
            })
        };
        let (folder, mut log) = opened.await?;
        let mut told = false;
        let lock = loop {
            let attempt = Lock::attempt(&folder, &log);
            match attempt? {
                Attempt::Taken(lock) => break lock,
                Attempt::Replaced => {
                    let opened = folder.append(LOG);
                    log = opened.map_err(WriteError::at(&folder.path_of(LOG)))?;
                    continue;
                }
                Attempt::Busy(who) => match &busy {
                    WhileBusy::End => return Err(CollectError::Busy { who }),
                    WhileBusy::Wait(tell) if !told => tell(&who),
                    WhileBusy::Wait(_) => {}
                },
            }
            told = true;
            sleep(PAUSE).await;
        };
        blocking(move || {
            let watch = Proofs::read(&folder).watch();
            let log = match Log::open(&folder, log, watch) {
                Ok(log) => log,
                Err(error) => {
                    lock.release(&folder);
                    return Err(error.into());
                }
            };
            let store = Self {
                folder,
                lock,
                log: Mutex::new(log),
            };
            let tidied = store.tidy();
            tidied.map_err(WriteError::at(store.folder.path()))?;
            Ok(Arc::new(store))
        })
        .await
    }

    /// Gives files that an interrupted run finished their names, and removes those that no run can continue.
    fn tidy(&self) -> io::Result<()> {
        let log = self.log();
        let expected = log.record.expected();
        let manifest = &log.record.manifest;
        let known = manifest.files.iter().map(|file| &file.footage);
        let known = known.chain(manifest.failures.iter().map(|missing| &missing.footage));
        let known = known
            .chain(&manifest.pending)
            .filter_map(|footage| footage.mp4_name().ok());
        let mut removable: Vec<_> = known.collect();
        removable.sort_unstable();
        for part in self.folder.names()? {
            let Some((name, resumes)) = names::of_part(&part) else {
                continue;
            };
            let is_whole = expected.get(name).is_some_and(|(size, sha256)| {
                compare(&self.folder, &part, *size, sha256).is_none()
            });
            let is_removable = removable
                .binary_search_by(|other| (**other).cmp(name))
                .is_ok()
                || OTHER_PARTS.contains(&name);
            if is_whole {
                self.folder.rename(&part, name)?;
            } else if is_removable && !resumes {
                // What cannot be removed is reported by `verify`.
                let removed = self.folder.remove(&part);
                tracing::info!(part, ?removed, "an unfinished file was left");
            }
        }
        Ok(())
    }

    /// Whether a run that is about to begin may sign the log with the private key of this one: if the log is signed with
    /// it, then what is signed must be as it was. Gives a word on what has no signature yet.
    pub(crate) fn may_sign(&self, key: &VerifyingKey) -> Result<Option<String>, CollectError> {
        let refused = |problem| CollectError::NotAsSigned { problem };
        let log = self.log();
        let record = &log.record;
        if record.garbage.is_some() {
            return Err(refused("a line of log.jsonl is not a record of mv-clip"));
        }
        let checked = Proofs::read(&self.folder).check(&self.folder, record, key);
        let checked = checked.map_err(WriteError::at(&self.folder.path_of(SIGNATURE)))?;
        let lines = record.point().lines;
        let signed = record.signers.get(&key.id().to_string());
        if matches!(checked, Checked::Missing | Checked::OtherKey(_))
            && signed.is_some_and(|signed| proofs::intact(&self.folder, record, key) < *signed)
        {
            return Err(refused(
                "log.jsonl says that a run signed it with this key, and that signature is gone",
            ));
        }
        let from = match checked {
            Checked::Signed(point) => point.lines + 1,
            Checked::Missing => 1,
            Checked::OtherKey(id) => {
                return Ok(Some(format!(
                    "the folder is signed with another key, {id}; its signature stays in the log"
                )));
            }
            Checked::Malformed => return Err(refused("log.jsonl.minisig is not a signature")),
            Checked::OtherLog { .. } => {
                return Err(refused(
                    "log.jsonl is not the log that was signed with this key",
                ));
            }
        };
        Ok((from <= lines).then(|| {
            format!("lines {from} to {lines} of the log have no signature yet; this run signs them as they are")
        }))
    }

    /// Signs the log, if there is a key, and prepares it for a timestamp.
    pub(crate) fn seal(
        &self,
        key: Option<&SigningKey>,
        stamps: bool,
    ) -> Result<Option<Signed>, WriteError> {
        let proofs = Proofs::read(&self.folder);
        let replaced = self.record(|record| proofs.archive(record, key.is_some(), stamps));
        if !replaced.is_empty() {
            self.append(replaced)?;
        }
        let Some(key) = key else {
            return Ok(None);
        };
        let signed = self.end().and_then(|point| {
            let signature = proofs::sign(&self.folder, &point, key)?;
            Ok((point, signature))
        });
        let (point, signature) = signed.map_err(WriteError::at(&self.folder.path_of(SIGNATURE)))?;
        self.put(SIGNATURE, signature.as_bytes())?;
        Ok(Some(Signed {
            key: key.public().id(),
            lines: point.lines,
            sha256: point.sha256,
        }))
    }

    /// The end of the log: see [`Log::end`].
    pub(crate) fn end(&self) -> io::Result<Point> {
        self.log().end()
    }

    /// Writes a file that is not in the log, in place of one with the same name.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> Result<(), WriteError> {
        let part = names::unique_part(name);
        let written = self
            .write(&part, bytes)
            .and_then(|()| self.folder.rename(&part, name));
        written.map_err(|error| {
            // The first error is the one to report.
            let _ = self.folder.remove(&part);
            WriteError::at(&self.folder.path_of(name))(error)
        })
    }

    /// Begins a run that asks for this footage.
    pub(crate) fn begin(&self, run: Run, windows: Vec<Footage>) -> Result<(), WriteError> {
        let begun = self.log().begin(&self.folder, run, windows);
        begun.map_err(WriteError::at(&self.folder.path_of(LOG)))
    }

    /// Appends lines to the log.
    pub(crate) fn append(&self, entries: Vec<Entry>) -> Result<(), WriteError> {
        let appended = self.try_append(entries);
        appended.map_err(WriteError::at(&self.folder.path_of(LOG)))
    }

    pub(crate) fn try_append(&self, entries: Vec<Entry>) -> io::Result<()> {
        let mut log = self.log();
        if !self.lock.is_held(&self.folder, log.file()) {
            return Err(io::Error::other("another run has taken the folder"));
        }
        log.append(&self.folder, entries)
    }

    /// Gives a finished file its name. The log says so first: if this is interrupted, the next run goes on here.
    pub(crate) fn commit(&self, part: &str, name: &str, entry: Entry) -> io::Result<()> {
        self.commit_all(&[(part, name)], entry)
    }

    fn commit_all(&self, files: &[(&str, &str)], entry: Entry) -> io::Result<()> {
        for (_, name) in files {
            if self.folder.look(name)?.is_some_and(|found| found.is_dir()) {
                return Err(io::ErrorKind::IsADirectory.into());
            }
        }
        self.try_append(vec![entry])?;
        for (part, name) in files {
            self.folder.rename(part, name)?;
        }
        Ok(())
    }

    /// Writes `manifest.json` and `report.html` anew.
    pub(crate) fn summarize(&self, manifest: &[u8], report: &[u8]) -> Result<(), WriteError> {
        let mut parts = Vec::new();
        let mut files = Vec::new();
        for (name, bytes) in [(REPORT, report), (MANIFEST, manifest)] {
            let part = names::unique_part(name);
            let written = self.write(&part, bytes);
            written.map_err(WriteError::at(&self.folder.path_of(name)))?;
            let (size, sha256) = digest::of_bytes(bytes);
            files.push(Written {
                name: name.to_owned(),
                size,
                sha256,
            });
            parts.push((part, name));
        }
        let parts: Vec<_> = parts.iter().map(|(part, name)| (&**part, *name)).collect();
        let committed = self.commit_all(&parts, Entry::Summary { files });
        committed.map_err(WriteError::at(&self.folder.path_of(MANIFEST)))
    }

    fn write(&self, part: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.folder.create_new(part)?;
        let written = file
            .write_all(bytes)
            .and_then(|()| self.folder.sync_file(&file));
        if written.is_err() {
            // The first error is the one to report.
            let _ = self.folder.remove(part);
        }
        written
    }

    /// How a file differs from its record.
    pub(crate) fn compare(&self, name: &str, size: u64, sha256: &str) -> Option<Difference> {
        compare(&self.folder, name, size, sha256)
    }

    /// What the log says.
    pub(crate) fn record<T>(&self, look: impl FnOnce(&Record) -> T) -> T {
        look(&self.log().record)
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What this file system cannot do, one sentence each.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.lock.is_file() {
            notes.push(format!(
                "this file system has no locks: {} keeps other runs away",
                names::OWNER
            ));
        }
        if self.folder.is_volatile() {
            notes.push(
                "this file system does not say when a file is safe: a loss of power may undo what was saved; then run \
                 the same command again"
                    .to_owned(),
            );
        }
        notes
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.lock.release(&self.folder);
    }
}

#[cfg(test)]
mod tests;
