use std::fs;

use tempfile::TempDir;

use super::*;
use crate::footage;
use crate::manifest::{Mp4, SavedFile};

const FOOTAGE: &str = "Q2XX-ABCD-1234_20260312T143000.000Z_20260312T143200.000Z";

fn footage() -> Footage {
    let (start, end) = ("2026-03-12T14:30:00Z", "2026-03-12T14:32:00Z");
    Footage::new("Q2XX-ABCD-1234", None, start, end).unwrap()
}

async fn store(folder: &TempDir) -> Arc<Store> {
    Store::take(folder.path(), WhileBusy::End).await.unwrap()
}

fn saved(bytes: &[u8]) -> Entry {
    let (size, sha256) = digest::of_bytes(bytes);
    Entry::Saved(Box::new(SavedFile {
        name: format!("{FOOTAGE}.ts"),
        footage: footage(),
        size,
        sha256,
        footage_ms: 1,
        content: String::new(),
        request_id: None,
        retrieved_at: footage::now(),
        mp4: None,
    }))
}

fn converted(bytes: &[u8]) -> Entry {
    let (size, sha256) = digest::of_bytes(bytes);
    let mp4 = Mp4 {
        name: format!("{FOOTAGE}.mp4"),
        size,
        sha256,
    };
    Entry::Mp4 {
        footage: footage(),
        mp4,
    }
}

#[tokio::test]
async fn a_run_that_was_killed_between_record_and_name_is_completed() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &str| fs::write(folder.path().join(name), bytes).unwrap();
    let before = store(&folder).await;
    before
        .append(vec![saved(b"clip"), converted(b"mp4")])
        .unwrap();
    write(&format!("{FOOTAGE}.ts"), "an earlier clip");
    write(&format!("{FOOTAGE}.ts.part"), "clip");
    write(&format!("{FOOTAGE}.mp4.0123abcd.part"), "mp4");
    drop(before);
    drop(store(&folder).await);
    for (name, bytes) in [("ts", "clip"), ("mp4", "mp4")] {
        let found = fs::read_to_string(folder.path().join(format!("{FOOTAGE}.{name}")));
        assert_eq!(found.unwrap(), bytes);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
}

#[tokio::test]
async fn only_what_no_run_can_continue_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let before = store(&folder).await;
    before.append(vec![saved(b"clip")]).unwrap();
    drop(before);
    let kept = [
        format!("{FOOTAGE}.ts.part"),
        "of somebody else.mp4.part".to_owned(),
        "holiday.part".to_owned(),
    ];
    let removed = [
        format!("{FOOTAGE}.mp4.part"),
        format!("{FOOTAGE}.mp4.0123abcd.part"),
        "manifest.json.part".to_owned(),
        "manifest.json.0123abcd.part".to_owned(),
        "report.html.new.part".to_owned(),
    ];
    for name in kept.iter().chain(&removed) {
        fs::write(folder.path().join(name), "unfinished").unwrap();
    }
    drop(store(&folder).await);
    for name in &kept {
        assert!(folder.path().join(name).exists(), "{name}");
    }
    for name in &removed {
        assert!(!folder.path().join(name).exists(), "{name}");
    }
}

#[tokio::test]
async fn a_folder_has_one_writer() {
    let folder = tempfile::tempdir().unwrap();
    let first = store(&folder).await;
    let second = Store::take(folder.path(), WhileBusy::End).await;
    assert!(matches!(second, Err(CollectError::Busy { .. })));
    drop(first);
    store(&folder).await;
}
