use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::footage;

fn footage(minute: u32) -> Footage {
    let time = |minute| format!("2026-03-12T14:{minute:02}:00Z");
    Footage::new("Q2XX-ABCD-1234", None, &time(minute), &time(minute + 1)).unwrap()
}

fn saved(minute: u32) -> SavedFile {
    let footage = footage(minute);
    SavedFile {
        name: footage.clip_name().unwrap(),
        footage,
        size: 188,
        sha256: "00".repeat(32),
        footage_ms: 60_000,
        content: "zwölf packets".to_owned(),
        request_id: None,
        retrieved_at: footage::now(),
        mp4: None,
    }
}

fn missing(minute: u32) -> Missing {
    Missing {
        footage: footage(minute),
        transient: true,
        kind: "unavailable".to_owned(),
        message: "try again".to_owned(),
        status: Some(503),
        request_id: None,
        retry_after_seconds: None,
        failed_at: footage::now(),
    }
}

fn run() -> Run {
    Run {
        started_at: footage::now(),
        tool: "test".to_owned(),
        command: "range".to_owned(),
        event: None,
        component: None,
        policy: vec!["https://api.meraki.com".to_owned()],
        signer: None,
        authority: None,
    }
}

struct Place {
    _temporary: TempDir,
    folder: Folder,
}

impl Place {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(temporary.path()).unwrap();
        Self {
            _temporary: temporary,
            folder,
        }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path_of(name)
    }

    fn log(&self) -> Result<Log, ManifestError> {
        Log::open(
            &self.folder,
            self.folder.append(LOG).unwrap(),
            Watch::default(),
        )
    }

    fn read(&self) -> Record {
        Record::read(&self.folder).unwrap().unwrap()
    }

    /// A run that saves this footage.
    fn run(&self, minutes: &[u32]) {
        let mut log = self.log().unwrap();
        let windows = minutes.iter().copied().map(footage).collect();
        log.begin(&self.folder, run(), windows).unwrap();
        for minute in minutes {
            let entry = Entry::Saved(Box::new(saved(*minute)));
            log.append(&self.folder, vec![entry]).unwrap();
        }
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(self.path(LOG)).unwrap()
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }
}

fn last_line(log: &[u8]) -> usize {
    let whole = log.strip_suffix(b"\n").unwrap();
    whole.iter().rposition(|byte| *byte == b'\n').unwrap() + 1
}

#[test]
fn a_line_that_was_cut_off_costs_no_other_and_stays() {
    let place = Place::new();
    place.run(&[1, 2]);
    let whole = place.bytes();
    let start = last_line(&whole);
    for end in (start..whole.len()).step_by(7).chain([whole.len() - 1]) {
        // What a crash may leave: a part of the line, or room for it.
        for rest in [&b""[..], b"\0\0\0\0"] {
            let cut = [&whole[..end], rest].concat();
            place.write(LOG, &cut);
            let files = place.read().manifest.files.len();
            let is_whole = end + 1 == whole.len() && rest.is_empty();
            assert_eq!(files, if is_whole { 2 } else { 1 }, "{end}");
            place.run(&[3]);
            assert!(place.bytes().starts_with(&cut));
            let record = place.read();
            assert_eq!(record.manifest.files.len(), files + 1, "{end}");
            assert_eq!(record.changed_before, None);
        }
    }
}

#[test]
fn a_line_that_is_no_record_in_the_middle_is_refused() {
    let place = Place::new();
    place.run(&[1, 2]);
    let bytes = place.bytes();
    let at = last_line(&bytes);
    for damage in [&b"no record\n"[..], b"{\"type\":\"unknown\"}\n", b"[]\n"] {
        place.write(LOG, [&bytes[..at], damage, &bytes[at..]].concat());
        let error = Record::read(&place.folder).unwrap_err();
        assert!(matches!(error, ManifestError::Invalid { .. }), "{error}");
    }
}

#[test]
fn each_run_vouches_for_what_is_before_it() {
    let place = Place::new();
    for minute in [1, 2, 3] {
        place.run(&[minute]);
    }
    let record = place.read();
    assert_eq!(record.changed_before, None);
    let text = String::from_utf8(place.bytes()).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["previous"], Value::Null);
    let before: String = text
        .lines()
        .take(4)
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(
        lines[4]["previous"],
        json!(digest::of_bytes(before.as_bytes()).1)
    );

    let first = text.lines().nth(1).unwrap();
    for changed in [
        text.replacen("\"footage_ms\":60000", "\"footage_ms\":59000", 1),
        text.replacen(&format!("{first}\n"), "", 1),
        text.replacen(&format!("{first}\n"), &format!("{first}\n{first}\n"), 1),
    ] {
        assert_ne!(changed, text);
        place.write(LOG, &changed);
        assert!(place.read().changed_before.is_some());
        // Nothing is added to it.
        assert!(matches!(place.log(), Err(ManifestError::Invalid { .. })));
    }
}

#[test]
fn a_failure_removes_no_success() {
    let place = Place::new();
    place.run(&[1]);
    let mut log = place.log().unwrap();
    let lost = Lost {
        name: saved(1).name,
        footage: footage(1),
        message: "is missing".to_owned(),
        found_at: footage::now(),
    };
    let entries = vec![
        Entry::Lost(Box::new(lost)),
        Entry::Failed(Box::new(missing(1))),
        Entry::Failed(Box::new(missing(2))),
    ];
    log.append(&place.folder, entries).unwrap();
    let manifest = place.read().manifest;
    assert!(manifest.file(&footage(1)).is_some());
    assert!(manifest.is_lost(&saved(1).name));
    assert_eq!(manifest.failures.len(), 2);
    place.run(&[1]);
    let manifest = place.read().manifest;
    assert_eq!(manifest.lost, []);
    assert_eq!(manifest.failures, [missing_as_in(&manifest, 2)]);
}

fn missing_as_in(manifest: &Manifest, minute: u32) -> Missing {
    Missing {
        failed_at: manifest.failures.first().unwrap().failed_at,
        ..missing(minute)
    }
}

#[test]
fn what_was_asked_for_is_pending_until_there_is_an_outcome() {
    let place = Place::new();
    place.run(&[1]);
    let mut log = place.log().unwrap();
    let windows = vec![footage(1), footage(2), footage(3)];
    log.begin(&place.folder, run(), windows).unwrap();
    assert_eq!(place.read().manifest.pending, [footage(2), footage(3)]);
    log.append(&place.folder, vec![Entry::Failed(Box::new(missing(3)))])
        .unwrap();
    assert_eq!(place.read().manifest.pending, [footage(2)]);
    place.run(&[2]);
    assert_eq!(place.read().manifest.pending, []);
}

/// As version 0.1.0 wrote it before there was a log.
fn earlier_version(files: &[SavedFile]) -> String {
    json!({
        "format": 1, "updated_at": "2026-03-12T15:00:00.000Z", "files": files,
        "failures": [missing(9)],
    })
    .to_string()
}

#[test]
fn a_folder_of_an_earlier_version_is_taken_over() {
    let place = Place::new();
    place.write(MANIFEST, earlier_version(&[saved(1)]));
    assert_eq!(place.read().manifest.files.len(), 1);
    // The rest of an interrupted run knows more.
    place.write(
        &format!("{MANIFEST}.{PART}"),
        earlier_version(&[saved(1), saved(2)]),
    );
    // A crash in the middle of taking it over.
    for cut in ["{\"type\":\"taken-over\",\"manifest\":{\"form", "\0\0\0"] {
        place.write(LOG, cut);
        place.run(&[3]);
        let manifest = place.read().manifest;
        assert_eq!(manifest.files.len(), 3);
        assert_eq!(manifest.failures.len(), 1);
    }
    fs::remove_file(place.path(MANIFEST)).unwrap();
    assert_eq!(place.read().manifest.files.len(), 3);
}

#[test]
fn a_name_that_is_not_that_of_its_footage_is_refused() {
    for name in ["/dev/zero", "../a.ts", "javascript:alert(1)", "log.jsonl"] {
        let mut file = saved(1);
        file.name = name.to_owned();
        let place = Place::new();
        place.write(MANIFEST, earlier_version(&[file.clone()]));
        assert!(Record::read(&place.folder).is_err());
        assert!(place.log().is_err());

        let place = Place::new();
        let entry = Entry::Saved(Box::new(file));
        place.write(LOG, serde_json::to_string(&entry).unwrap() + "\n");
        let error = Record::read(&place.folder).unwrap_err();
        let error = mv_clip_core::text::error_chain(&error);
        assert!(error.contains("named after its footage"), "{error}");
    }
}

#[test]
fn a_log_that_never_ends_is_not_read() {
    let place = Place::new();
    let endless = io::repeat(b' ');
    let mut record = Record::empty();
    let error = record.replay(&mut BufReader::new(endless)).unwrap_err();
    assert!(error.to_string().contains("too long"), "{error}");
    std::os::unix::fs::symlink(Path::new("/dev/zero"), place.path(LOG)).unwrap();
    assert!(matches!(
        Record::read(&place.folder),
        Err(ManifestError::Read { .. })
    ));
}

#[test]
fn after_a_failed_write_the_end_is_that_of_own_lines_only() {
    let place = Place::new();
    let mut log = place.log().unwrap();
    log.begin(&place.folder, run(), vec![footage(1)]).unwrap();
    // As on a disk that is full: a part of a line.
    log.write(br#"{"type":"saved","#).unwrap();
    log.has_failed = true;
    let entry = Entry::Saved(Box::new(saved(1)));
    log.append(&place.folder, vec![entry]).unwrap();
    let (found, end) = (place.read().point(), log.end().unwrap());
    assert_eq!(
        (end.lines, end.bytes, &end.sha256, &end.files),
        (found.lines, found.bytes, &found.sha256, &found.files)
    );

    let whole = String::from_utf8(place.bytes()).unwrap();
    let before = whole.replace("range", "other");
    let after = format!("{whole}{{}}\n");
    for changed in [before, after] {
        place.write(LOG, &changed);
        assert!(log.end().is_err(), "{changed}");
    }
    place.write(LOG, &whole);
    log.end().unwrap();
    // A file in place of the log changes nothing about what was written.
    fs::rename(place.path(LOG), place.path("aside")).unwrap();
    place.write(LOG, "another log");
    assert_eq!(log.end().unwrap().sha256, end.sha256);
}

#[test]
fn what_there_is_of_a_clip_is_known_until_it_is_saved() {
    let place = Place::new();
    place.run(&[2]);
    let mut log = place.log().unwrap();
    let unfinished = Unfinished {
        size: 188,
        sha256: "00".repeat(32),
    };
    let entry = Entry::Unfinished {
        footage: footage(1),
        unfinished: unfinished.clone(),
    };
    log.append(&place.folder, vec![entry]).unwrap();
    let record = place.read();
    assert_eq!(record.unfinished(&footage(1)), Some(&unfinished));
    assert_eq!(record.unfinished(&footage(2)), None);
    place.run(&[1]);
    assert_eq!(place.read().unfinished(&footage(1)), None);
}

/// A day of many cameras, each clip asked for, failed, saved and lost. With a search of all clips for each line, this
/// test hardly ends.
#[test]
fn a_hundred_and_fifty_thousand_lines_are_replayed() {
    let count = 50_000;
    let footages: Vec<_> = (0..count)
        .map(|number| Footage {
            serial: format!("Q2XX-{number:06}"),
            ..footage(1)
        })
        .collect();
    let mut record = Record::empty();
    let run = Entry::Run {
        format: FORMAT,
        run: run(),
        windows: footages.clone(),
        previous: None,
    };
    record.apply(run).unwrap();
    for footage in &footages {
        let missing = Missing {
            footage: footage.clone(),
            ..missing(1)
        };
        let file = SavedFile {
            name: footage.clip_name().unwrap(),
            footage: footage.clone(),
            ..saved(1)
        };
        let lost = Lost {
            name: file.name.clone(),
            footage: footage.clone(),
            message: String::new(),
            found_at: footage::now(),
        };
        for entry in [
            Entry::Failed(Box::new(missing)),
            Entry::Saved(Box::new(file)),
            Entry::Lost(Box::new(lost)),
        ] {
            record.apply(entry).unwrap();
        }
    }
    let Manifest {
        files,
        failures,
        lost,
        pending,
        ..
    } = record.manifest;
    assert_eq!((files.len(), lost.len()), (count, count));
    assert!(failures.is_empty() && pending.is_empty());
}
