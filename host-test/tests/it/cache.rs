//! Compiled components on disk.

use std::path::Path;
use std::process::Stdio;
use std::{fs, io};

use mv_clip_host::{ClipHost, CodeCache, Limits};
use tokio::process::Command;

use crate::support::{SERIAL, World, component_file, footage};

fn load(cache: &CodeCache, limits: Limits) {
    let component = fs::read(component_file()).unwrap();
    let builder = ClipHost::builder().limits(limits).cache(cache.clone());
    builder.load_bytes_blocking(&component).unwrap();
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .collect::<io::Result<Vec<_>>>();
    let paths = entries.unwrap().into_iter().map(|entry| entry.path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[test]
fn a_component_is_compiled_once_for_each_engine() {
    let folder = tempfile::tempdir().unwrap();
    let cache = CodeCache::at(folder.path()).unwrap();
    load(&cache, Limits::default());
    assert_eq!(cache.hits(), 0);
    load(&cache, Limits::default());
    // The pool of instances does not affect the compiled code.
    load(&cache, Limits::default().memory(8 << 20));
    assert_eq!(cache.hits(), 2);
}

#[test]
fn a_damaged_entry_is_compiled_again() {
    let folder = tempfile::tempdir().unwrap();
    let cache = CodeCache::at(folder.path()).unwrap();
    load(&cache, Limits::default());
    for path in files(folder.path()) {
        let half = fs::metadata(&path).unwrap().len() / 2;
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_len(half).unwrap();
    }
    load(&cache, Limits::default());
    assert_eq!(cache.hits(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_processes_can_fill_the_cache_at_once() {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    let window = footage(SERIAL);
    let get = |folder: &Path| {
        let arguments = [
            "get",
            SERIAL,
            "--start",
            &window.start,
            "--end",
            &window.end,
        ];
        Command::new(env!("CARGO_BIN_EXE_mv-clip"))
            .args(arguments)
            .env_clear()
            .envs(world.variables())
            .env("MV_CLIP_COMPONENT", component_file())
            .env("MV_CLIP_CACHE", folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let all: Vec<_> = (0..6).map(|_| get(folder.path())).collect();
    for child in all {
        let output = child.wait_with_output().await.unwrap();
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{output:?}"
        );
    }
    let cache = CodeCache::at(folder.path()).unwrap();
    load(&cache, Limits::default());
    assert_eq!(cache.hits(), 1);

    let writable_by_all = tempfile::tempdir().unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::set_permissions(writable_by_all.path(), open).unwrap();
    let output = get(writable_by_all.path())
        .wait_with_output()
        .await
        .unwrap();
    assert!(output.status.success());
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.contains("other users could write to"), "{words}");
    assert_eq!(
        files(writable_by_all.path()),
        [""; 0].map(std::path::PathBuf::from)
    );
}
