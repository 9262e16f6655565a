//! Disks that are full, and shares that cannot do what a disk can: F8. A library before the C library plays them.

use std::path::PathBuf;
use std::sync::LazyLock;

use super::command::{ago, command, json, run, words};
use super::killed::eight_processes_are_killed;
use super::{folder, names};
use crate::support::{SERIAL, World};

const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int flock(int file, int operation) {
    int (*next)(int, int) = dlsym(RTLD_NEXT, "flock");
    if (getenv("SHIM_NO_LOCKS")) { errno = atoi(getenv("SHIM_NO_LOCKS")); return -1; }
    return next(file, operation);
}

int fsync(int file) {
    int (*next)(int) = dlsym(RTLD_NEXT, "fsync");
    struct stat found;
    if (getenv("SHIM_NO_FSYNC") && fstat(file, &found) == 0 && S_ISDIR(found.st_mode)) {
        errno = atoi(getenv("SHIM_NO_FSYNC"));
        return -1;
    }
    return next(file);
}

/* A disk with room for so many bytes. */
ssize_t write(int file, const void *bytes, size_t count) {
    ssize_t (*next)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    static size_t written;
    struct stat found;
    if (getenv("SHIM_ROOM") && file > 2 && fstat(file, &found) == 0 && S_ISREG(found.st_mode)) {
        size_t room = (size_t) atol(getenv("SHIM_ROOM"));
        size_t left = room > written ? room - written : 0;
        if (left == 0 && count > 0) { errno = ENOSPC; return -1; }
        if (count > left) count = left;
        written += count;
    }
    return next(file, bytes, count);
}
"#;

/// The library, if there is a C compiler.
static LIBRARY: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let source = folder.join("shim.c");
    std::fs::write(&source, SHIM).unwrap();
    let library = folder.join("shim.so");
    let compiled = std::process::Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .status();
    match compiled {
        Ok(status) if status.success() => Some(library),
        other => {
            println!("skipped: no C compiler for the disk's part ({other:?})");
            None
        }
    }
});

/// Saves a clip on such a disk, once to a word of its own and then on a good one.
async fn saved_on(variables: &[(&str, &str)], expected: &str) {
    let Some(library) = LIBRARY.as_ref() else {
        return;
    };
    let (world, folder) = (World::new().await, folder());
    let (out, at) = (folder.path().to_str().unwrap(), ago(20));
    let arguments = ["incident", SERIAL, "--at", &at, "--out", out];
    for turn in ["new", "again"] {
        let output = command(&world, &arguments)
            .env("LD_PRELOAD", library)
            .envs(variables.iter().copied())
            .output()
            .await
            .unwrap();
        let note = words(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{turn}: {note}");
        assert!(
            note.starts_with("note: ") && note.contains(expected),
            "{turn}: {note}"
        );
        let verified = run(&world, &["verify", out, "--json"]).await;
        assert_eq!(json(&verified)["files"], 2, "{turn}: {verified:?}");
        assert_eq!(verified.status.code(), Some(0), "{turn}: {verified:?}");
        assert!(!names(folder.path()).contains(&"log.jsonl.lock".to_owned()));
    }
}

#[tokio::test]
async fn a_share_without_locks_holds_footage() {
    for error in [nix::libc::ENOLCK, nix::libc::ENOTSUP, nix::libc::ENOSYS] {
        saved_on(&[("SHIM_NO_LOCKS", &error.to_string())], "has no locks").await;
    }
}

#[tokio::test]
async fn a_share_whose_folders_cannot_be_synced_holds_footage() {
    for error in [nix::libc::EINVAL, nix::libc::ENOTSUP, nix::libc::EPERM] {
        saved_on(
            &[("SHIM_NO_FSYNC", &error.to_string())],
            "when a file is safe",
        )
        .await;
    }
}

#[tokio::test]
async fn no_record_is_lost_on_a_share_without_locks() {
    let Some(library) = LIBRARY.as_ref() else {
        return;
    };
    let error = nix::libc::ENOLCK.to_string();
    let variables = [
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("SHIM_NO_LOCKS", &error),
    ];
    eight_processes_are_killed(10, &variables).await;
}

/// The disk is full after any number of bytes: in a clip, in the log, in a summary.
#[tokio::test]
async fn a_disk_that_is_full_costs_nothing_that_was_saved() {
    let Some(library) = LIBRARY.as_ref() else {
        return;
    };
    let (world, folder) = (World::new().await, folder());
    let out = folder.path().to_str().unwrap();
    let mut expected = 0;
    for (turn, room) in [0, 100, 700, 20_000, 56_600, 57_000, 100_000, 150_000]
        .into_iter()
        .enumerate()
    {
        let at = ago(20 + 5 * i64::try_from(turn).unwrap());
        let arguments = ["incident", SERIAL, "--at", &at, "--out", out];
        let output = command(&world, &arguments)
            .env("LD_PRELOAD", library)
            .env("SHIM_ROOM", room.to_string())
            .output()
            .await
            .unwrap();
        let error = words(&output.stderr);
        if output.status.code() != Some(0) {
            assert!(error.contains("No space left on device"), "{room}: {error}");
            assert!(error.contains("cannot write"), "{room}: {error}");
        }
        let output = run(&world, &arguments).await;
        expected += 2;
        assert_eq!(output.status.code(), Some(0), "{}", words(&output.stderr));
        let verified = run(&world, &["verify", out, "--json"]).await;
        assert_eq!(verified.status.code(), Some(0), "{room}: {verified:?}");
        assert_eq!(json(&verified)["files"], expected, "{room}");
    }
}
