//! Folders that were modified after they were saved.

use meraki_mock::CLIP;
use mv_clip_footage::{Difference, verify};
use tempfile::TempDir;

use super::{folder, name, save, window};
use crate::support::World;

/// Saves a clip, modifies the folder, and returns the differences that a check finds.
async fn found(modify: impl FnOnce(&TempDir, &str)) -> Vec<(String, Difference)> {
    let (world, folder) = (World::new().await, folder());
    let request = window();
    save(&world, &folder, std::slice::from_ref(&request)).await;
    modify(&folder, &name(&request));
    let verified = verify(folder.path(), None).await.unwrap();
    verified.differences.into_iter().collect()
}

#[tokio::test]
async fn a_flipped_bit_is_found() {
    let found = found(|folder, name| {
        let mut bytes = CLIP.to_vec();
        bytes[30_000] ^= 1;
        std::fs::write(folder.path().join(name), bytes).unwrap();
    });
    assert_eq!(found.await, [(name(&window()), Difference::Content)]);
}

#[tokio::test]
async fn a_truncated_file_is_found() {
    let found = found(|folder, name| {
        std::fs::write(folder.path().join(name), &CLIP[..188]).unwrap();
    });
    let difference = Difference::Size {
        expected: CLIP.len() as u64,
        found: 188,
    };
    assert_eq!(found.await, [(name(&window()), difference)]);
}

#[tokio::test]
async fn a_missing_file_is_found() {
    let found = found(|folder, name| std::fs::remove_file(folder.path().join(name)).unwrap());
    assert_eq!(found.await, [(name(&window()), Difference::Missing)]);
}

#[tokio::test]
async fn a_link_in_place_of_a_file_is_found() {
    let found = found(|folder, name| {
        let (path, other) = (
            folder.path().join(name),
            folder.path().join("report.html.part"),
        );
        std::fs::rename(&path, &other).unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
    });
    let [
        (file, Difference::Unreadable(_)),
        (_, Difference::Unfinished),
    ] = &found.await[..]
    else {
        panic!("not found")
    };
    assert_eq!(*file, name(&window()));
}

#[tokio::test]
async fn added_and_partial_files_are_found() {
    let found = found(|folder, _| {
        for name in ["a.ts.part", "b.ts"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
    });
    let found = found.await;
    let found: Vec<_> = found.iter().map(|(name, what)| (&**name, what)).collect();
    let expected = [
        ("a.ts.part", &Difference::Unfinished),
        ("b.ts", &Difference::Extra),
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_changed_summary_is_found() {
    let found = found(|folder, _| {
        let path = folder.path().join("manifest.json");
        let manifest = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, manifest.replace("H.264", "H.265")).unwrap();
    });
    let changed = ("manifest.json".to_owned(), Difference::Content);
    assert_eq!(found.await, [changed]);
}

#[tokio::test]
async fn what_a_file_manager_leaves_is_no_difference() {
    let found = found(|folder, _| {
        for name in [".DS_Store", "Thumbs.db", "desktop.ini"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
    });
    assert_eq!(found.await, []);
}
