//! `log.jsonl`: everything that happened to a folder, one JSON object a line.
//!
//! The log is only ever appended to. A line is durable before the file that it describes gets its name. So no crash and
//! no second process can lose a record, and a line that a crash cut off is one that nothing depends on. One document
//! that is written anew each time, as `manifest.json` is, cannot say what it said before.
//!
//! A run begins with a line that says who asked for what. It holds the SHA-256 of all bytes before it, so a change to
//! earlier lines shows, and a signature over the log covers all runs.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::blocking::blocking;
use crate::digest;
use crate::folder::Folder;
use crate::footage::Footage;
use crate::manifest::{self, Lost, Manifest, ManifestError, Missing, Mp4, Run, SavedFile};
use crate::names::{LOG, MANIFEST, PART, REPORT};

/// The version of the format.
pub(crate) const FORMAT: u32 = 1;

/// The longest line in bytes, and the largest `manifest.json` of an earlier version.
const LONGEST: u64 = 16 << 20;

/// The largest log in bytes: a million clips.
const LARGEST: u64 = 1 << 30;

/// A line of the log.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(crate) enum Entry {
    /// A run begins.
    Run {
        format: u32,
        #[serde(flatten)]
        run: Run,
        /// The footage that it asks for.
        windows: Vec<Footage>,
        /// The SHA-256 of everything before this line, in hexadecimal. Null at the start.
        previous: Option<String>,
    },
    /// What an earlier version had saved.
    TakenOver { manifest: Box<Manifest> },
    /// A clip is saved.
    Saved(Box<SavedFile>),
    /// Its MP4 is written.
    Mp4 {
        #[serde(flatten)]
        footage: Footage,
        #[serde(flatten)]
        mp4: Mp4,
    },
    /// A clip that was saved before, and then failed or was lost, is intact.
    Kept {
        #[serde(flatten)]
        footage: Footage,
    },
    /// The download of a clip ended early. The next run continues it.
    Unfinished {
        #[serde(flatten)]
        footage: Footage,
        #[serde(flatten)]
        unfinished: Unfinished,
    },
    /// A clip could not be had.
    Failed(Box<Missing>),
    /// A file is not as it was saved.
    Lost(Box<Lost>),
    /// `manifest.json` and `report.html` are written.
    Summary { files: Vec<Written> },
    /// A signature or a timestamp of the log so far is about to be replaced. Its file, in base64.
    Replaced { name: String, content: String },
}

/// The start of a clip, by its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unfinished {
    pub(crate) size: u64,
    pub(crate) sha256: String,
}

/// A file beside the clips, by its digest.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Written {
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) sha256: String,
}

/// Which places in a log are of interest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    /// The end of what is signed, in bytes from the start.
    pub(crate) signed: Option<u64>,
    /// The SHA-256 of what has a timestamp.
    pub(crate) stamped: Option<String>,
}

/// A place between two lines of a log, and what the log says up to there.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    pub(crate) lines: usize,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
    /// The number of runs.
    pub(crate) runs: usize,
    /// The SHA-256 of each clip and MP4, by its name.
    pub(crate) files: BTreeMap<String, String>,
}

/// What a log says.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) manifest: Manifest,
    /// The size and SHA-256 of `manifest.json` and `report.html`.
    pub(crate) summaries: BTreeMap<&'static str, (u64, String)>,
    /// The first run whose line does not fit what is before it.
    pub(crate) changed_before: Option<usize>,
    /// The first line that is neither a record nor the beginning of one.
    pub(crate) garbage: Option<usize>,
    /// What there is of clips whose download ended early.
    unfinished: BTreeMap<Footage, Unfinished>,
    /// The last line of the last run with each signing key that came to its end, and so was to sign.
    pub(crate) signers: BTreeMap<String, usize>,
    /// Whether a run that came to its end was to get a timestamp.
    pub(crate) was_to_be_stamped: bool,
    /// The line of each proof that was replaced, by the base64 of its file.
    replaced: BTreeMap<String, usize>,
    /// How many lines are before each run, by the SHA-256 of these.
    before_runs: BTreeMap<String, usize>,
    watch: Watch,
    /// The places that were watched for, if the log has them.
    pub(crate) signed: Option<Point>,
    pub(crate) stamped: Option<Point>,
    entries: usize,
    lines: usize,
    bytes: u64,
    hash: Sha256,
    /// Whether the last line has no end.
    is_torn: bool,
}

impl Manifest {
    /// Reads what `folder` holds, from its log; `None` if no run has written to it.
    ///
    /// # Errors
    ///
    /// See [`ManifestError`].
    pub async fn read(folder: &Path) -> Result<Option<Self>, ManifestError> {
        let path = folder.to_owned();
        let read = move || {
            let folder =
                Folder::open(&path).map_err(|source| ManifestError::Read { path, source })?;
            Ok(Record::read(&folder)?.map(|record| record.manifest))
        };
        blocking(read).await
    }
}

type Invalid = Box<dyn Error + Send + Sync>;

impl Record {
    /// Reads the log, or the manifest of an earlier version; `None` if there is neither.
    pub(crate) fn read(folder: &Folder) -> Result<Option<Self>, ManifestError> {
        Self::read_watching(folder, Watch::default())
    }

    /// The same, and looks for places.
    pub(crate) fn read_watching(
        folder: &Folder,
        watch: Watch,
    ) -> Result<Option<Self>, ManifestError> {
        let failed = |source| ManifestError::Read {
            path: folder.path_of(LOG),
            source,
        };
        let mut record = match folder.read(LOG) {
            Ok(log) => Self::of(folder, log, watch)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::empty(),
            Err(error) => return Err(failed(error)),
        };
        if record.entries > 0 {
            return Ok(Some(record));
        }
        let earlier = of_earlier_version(folder)?;
        Ok(earlier.map(|manifest| {
            record.manifest = manifest;
            record
        }))
    }

    fn of(folder: &Folder, log: File, watch: Watch) -> Result<Self, ManifestError> {
        let path = folder.path_of(LOG);
        let mut record = Self::empty();
        record.watch = watch;
        let mut lines = BufReader::with_capacity(256 << 10, log.take(LARGEST + 1));
        match record.replay(&mut lines) {
            Ok(()) => Ok(record),
            Err(source) => Err(match source.downcast::<io::Error>() {
                Ok(source) => ManifestError::Read {
                    path,
                    source: *source,
                },
                Err(source) => ManifestError::Invalid { path, source },
            }),
        }
    }

    fn empty() -> Self {
        Self {
            manifest: Manifest::empty(),
            summaries: BTreeMap::new(),
            changed_before: None,
            garbage: None,
            unfinished: BTreeMap::new(),
            signers: BTreeMap::new(),
            was_to_be_stamped: false,
            replaced: BTreeMap::new(),
            before_runs: BTreeMap::new(),
            watch: Watch::default(),
            signed: None,
            stamped: None,
            entries: 0,
            lines: 0,
            bytes: 0,
            hash: Sha256::new(),
            is_torn: false,
        }
    }

    fn replay(&mut self, lines: &mut impl BufRead) -> Result<(), Invalid> {
        // A line that a crash may have cut off: nothing follows it but the next run, or the next try to take over what
        // an earlier version saved.
        let mut cut: Option<Invalid> = None;
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = lines
                .by_ref()
                .take(LONGEST + 1)
                .read_until(b'\n', &mut line)?;
            if read == 0 {
                return Ok(());
            }
            let number = self.lines + 1;
            if line.len() as u64 > LONGEST || self.bytes + read as u64 > LARGEST {
                return Err(format!("line {number} is too long, or the file is").into());
            }
            self.is_torn = line.last() != Some(&b'\n');
            match serde_json::from_slice(line.strip_suffix(b"\n").unwrap_or(&line)) {
                Ok(entry) => {
                    let may_follow = match &entry {
                        Entry::Run { .. } => true,
                        Entry::TakenOver { .. } => self.entries == 0,
                        _ => false,
                    };
                    if let (Some(cut), false) = (cut.take(), may_follow) {
                        return Err(cut);
                    }
                    self.check(&entry, number);
                    if matches!(entry, Entry::Summary { .. }) {
                        self.ended(number);
                    }
                    self.apply(entry)
                        .map_err(|error| format!("line {number}: {error}"))?;
                    self.entries += 1;
                }
                // Cut off by a disk that was full, and followed by an empty or a whole line.
                Err(error) if error.is_eof() => {}
                Err(error) => {
                    if !is_cut_off(&line) {
                        self.garbage.get_or_insert(number);
                    }
                    let error = format!("line {number} is not a record: {error}");
                    if let Some(cut) = cut.replace(error.into()) {
                        return Err(cut);
                    }
                }
            }
            self.hash.update(&line);
            (self.lines, self.bytes) = (number, self.bytes + read as u64);
            self.look();
        }
    }

    /// Whether this is one of the places that are watched for.
    fn look(&mut self) {
        if self.watch.signed == Some(self.bytes) {
            self.signed = Some(self.point());
        }
        if let Some(stamped) = &self.watch.stamped
            && self.stamped.is_none()
            && digest::text(self.hash.clone()) == *stamped
        {
            self.stamped = Some(self.point());
        }
    }

    /// The end of what was read.
    pub(crate) fn point(&self) -> Point {
        let files = self.manifest.expected().into_iter();
        let files = files.map(|(name, (_, sha256))| (name.to_owned(), sha256.to_owned()));
        Point {
            lines: self.lines,
            bytes: self.bytes,
            sha256: digest::text(self.hash.clone()),
            runs: self.manifest.runs.len(),
            files: files.collect(),
        }
    }

    /// Whether the log has this proof, which is no longer in its file.
    pub(crate) fn has_replaced(&self, content: &str) -> bool {
        self.replaced.contains_key(content)
    }

    /// The proofs that were replaced, in base64, each with its line.
    pub(crate) fn replaced(&self) -> impl Iterator<Item = (&str, usize)> {
        let replaced = self.replaced.iter();
        replaced.map(|(content, line)| (content.as_str(), *line))
    }

    /// What there is of a clip whose download ended early.
    pub(crate) fn unfinished(&self, footage: &Footage) -> Option<&Unfinished> {
        self.unfinished.get(footage)
    }

    /// How many lines from the first one have this SHA-256, if a run follows them.
    pub(crate) fn lines_before_run(&self, sha256: &str) -> Option<usize> {
        self.before_runs.get(sha256).copied()
    }

    /// The last run came to its end with this line.
    fn ended(&mut self, line: usize) {
        let Some(run) = self.manifest.runs.last() else {
            return;
        };
        if let Some(signer) = &run.signer {
            self.signers.insert(signer.clone(), line);
        }
        self.was_to_be_stamped |= run.authority.is_some();
    }

    /// Checks the line of a run against what is before it.
    fn check(&mut self, entry: &Entry, line: usize) {
        let Entry::Run { previous, .. } = entry else {
            return;
        };
        let found = self.previous();
        if *previous != found {
            self.changed_before.get_or_insert(line);
        }
        self.before_runs
            .extend(found.map(|sha256| (sha256, line - 1)));
    }

    /// Takes bytes into account that follow what was read.
    fn wrote(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        let was_torn = std::mem::replace(&mut self.is_torn, bytes.last() != Some(&b'\n'));
        let ends = bytes.iter().filter(|byte| **byte == b'\n').count();
        // A line without an end counts from its start.
        self.lines += ends + usize::from(self.is_torn) - usize::from(was_torn);
    }

    /// The SHA-256 of what was read so far.
    fn previous(&self) -> Option<String> {
        let found = digest::text(self.hash.clone());
        (found != digest::text(Sha256::new())).then_some(found)
    }

    /// Takes a line into account.
    fn apply(&mut self, entry: Entry) -> Result<(), Invalid> {
        let manifest = &mut self.manifest;
        match entry {
            Entry::Run { format, .. } if format != FORMAT => {
                return Err(format!("the format is {format}, not {FORMAT}").into());
            }
            Entry::Run { run, windows, .. } => {
                manifest.updated_at = manifest.updated_at.max(run.started_at);
                manifest.started(run, &windows);
            }
            Entry::TakenOver { manifest: earlier } => {
                let earlier = earlier.with_names_of_footage()?;
                let runs = std::mem::take(&mut manifest.runs);
                let pending = std::mem::take(&mut manifest.pending);
                *manifest = earlier.asked_by(manifest);
                manifest.runs = runs;
                manifest.pending = pending;
            }
            Entry::Saved(file) => {
                let file = file.with_names_of_footage()?;
                manifest.updated_at = file.retrieved_at;
                self.unfinished.remove(&file.footage);
                manifest.saved(file);
            }
            Entry::Mp4 { footage, mut mp4 } => {
                mp4.name = footage.mp4_name()?;
                manifest.converted(&footage, mp4);
            }
            Entry::Kept { footage } => manifest.kept(&footage),
            Entry::Unfinished {
                footage,
                unfinished,
            } => {
                self.unfinished.insert(footage, unfinished);
            }
            Entry::Failed(missing) => {
                manifest.updated_at = missing.failed_at;
                manifest.failed(*missing);
            }
            Entry::Lost(lost) => {
                let names = [lost.footage.clip_name()?, lost.footage.mp4_name()?];
                if !names.contains(&lost.name) {
                    return Err("a lost file has not the name of its footage".into());
                }
                manifest.updated_at = lost.found_at;
                manifest.mark_lost(*lost);
            }
            Entry::Summary { files } => {
                for file in files {
                    let name = [MANIFEST, REPORT]
                        .into_iter()
                        .find(|name| *name == file.name);
                    let name = name.ok_or("a summary has another name")?;
                    self.summaries.insert(name, (file.size, file.sha256));
                }
            }
            Entry::Replaced { content, .. } => {
                self.replaced.insert(content, self.lines + 1);
            }
        }
        Ok(())
    }

    /// The size and SHA-256 of each file in the folder, the log aside.
    pub(crate) fn expected(&self) -> BTreeMap<&str, (u64, &str)> {
        let mut expected = self.manifest.expected();
        let summaries = self.summaries.iter();
        expected.extend(summaries.map(|(name, (size, sha256))| (*name, (*size, &**sha256))));
        expected
    }
}

/// Whether a line is what a crash may leave of one: a part of it, or room for it.
fn is_cut_off(line: &[u8]) -> bool {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let end = line.iter().rposition(|byte| *byte != 0);
    let text = line.get(..end.map_or(0, |end| end + 1)).unwrap_or_default();
    text.is_empty() || serde_json::from_slice::<Entry>(text).is_err_and(|error| error.is_eof())
}

/// Reads the manifest of a version without a log, also if its run was interrupted.
fn of_earlier_version(folder: &Folder) -> Result<Option<Manifest>, ManifestError> {
    for name in [&format!("{MANIFEST}.{PART}"), MANIFEST] {
        let path = folder.path_of(name);
        let bytes = match folder.read_bounded(name, LONGEST) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(source) => return Err(ManifestError::Read { path, source }),
        };
        let manifest = earlier(&bytes);
        let manifest = manifest.map_err(|source| ManifestError::Invalid { path, source })?;
        return Ok(Some(manifest));
    }
    Ok(None)
}

fn earlier(json: &[u8]) -> Result<Manifest, Invalid> {
    let found: Manifest = serde_json::from_slice(json)?;
    if found.format != manifest::FORMAT {
        return Err(format!("the format is {}, not {}", found.format, manifest::FORMAT).into());
    }
    Ok(found.with_names_of_footage()?)
}

/// The log, open for a run.
#[derive(Debug)]
pub(crate) struct Log {
    file: File,
    pub(crate) record: Record,
    /// Whether a write failed, so that less may be on disk than was written.
    has_failed: bool,
}

impl Log {
    /// Reads the log to which `file` appends. If it is empty, what an earlier version saved becomes its first line.
    pub(crate) fn open(folder: &Folder, file: File, watch: Watch) -> Result<Self, ManifestError> {
        let path = || folder.path_of(LOG);
        let failed = |source| ManifestError::Read {
            path: path(),
            source,
        };
        let record = Record::of(folder, file.try_clone().map_err(failed)?, watch)?;
        if let Some(line) = record.changed_before {
            return Err(ManifestError::Invalid {
                path: path(),
                source: format!("line {line} says that the lines before it were others").into(),
            });
        }
        let mut log = Self {
            file,
            record,
            has_failed: false,
        };
        if log.record.entries == 0
            && let Some(manifest) = of_earlier_version(folder)?
        {
            let manifest = Box::new(manifest);
            log.append(folder, vec![Entry::TakenOver { manifest }])
                .map_err(failed)?;
        }
        Ok(log)
    }

    /// Begins a run.
    pub(crate) fn begin(
        &mut self,
        folder: &Folder,
        run: Run,
        windows: Vec<Footage>,
    ) -> io::Result<()> {
        if self.record.is_torn {
            // Ends the line that a crash cut off. This is not part of what the next line may depend on.
            self.write(b"\n")?;
        }
        let run = Entry::Run {
            format: FORMAT,
            run,
            windows,
            previous: self.record.previous(),
        };
        self.append(folder, vec![run])
    }

    /// The end of what this run read and wrote. After a failure, the file is compared with that.
    pub(crate) fn end(&self) -> io::Result<Point> {
        let point = self.record.point();
        if self.has_failed {
            let mut file = self.file.try_clone()?;
            file.seek(SeekFrom::Start(0))?;
            if digest::of_file(file)? != (point.bytes, point.sha256.clone()) {
                let message = "the log is not as this run wrote it; run the same command again";
                return Err(io::Error::other(message));
            }
        }
        Ok(point)
    }

    /// The open file.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Writes bytes. The record knows each of them, also if the file takes only some.
    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = match self.file.write(bytes) {
                Ok(0) => Err(io::ErrorKind::WriteZero.into()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                written => written,
            };
            self.has_failed |= written.is_err();
            let (written, rest) = bytes.split_at_checked(written?).unwrap_or((bytes, &[]));
            self.record.wrote(written);
            bytes = rest;
        }
        Ok(())
    }

    /// Appends lines, and makes them durable.
    pub(crate) fn append(&mut self, folder: &Folder, entries: Vec<Entry>) -> io::Result<()> {
        let mut lines = Vec::new();
        if self.record.is_torn {
            lines.push(b'\n');
        }
        for entry in &entries {
            serde_json::to_writer(&mut lines, entry)?;
            lines.push(b'\n');
        }
        self.write(&lines)?;
        let synced = folder.sync_file(&self.file);
        self.has_failed |= synced.is_err();
        synced?;
        for entry in entries {
            self.record.apply(entry).map_err(io::Error::other)?;
            self.record.entries += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
