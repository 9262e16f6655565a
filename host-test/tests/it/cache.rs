//! Compiled components on disk.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::{fs, io};

use mv_clip_host::{CacheError, ClipHost, CodeCache, Limits};
use tempfile::TempDir;
use tokio::process::Command;

use crate::support::{SERIAL, World, component_file, footage};

fn load(cache: &CodeCache, limits: Limits) {
    let component = fs::read(component_file()).unwrap();
    let builder = ClipHost::builder().limits(limits).cache(cache.clone());
    builder.load_bytes_blocking(&component).unwrap();
}

/// The files of compiled code below a folder. The engine writes others there at any time: a temporary file has an
/// extension, and so has the file that counts the uses of an entry.
fn files(folder: &Path) -> Vec<PathBuf> {
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
        .filter(|path| path.extension().is_none())
        .collect()
}

/// A folder for a cache, which makes it for this user alone.
fn folder(parent: &TempDir) -> PathBuf {
    parent.path().join("cache")
}

#[test]
fn a_component_is_compiled_once_for_each_engine() {
    let parent = tempfile::tempdir().unwrap();
    let cache = CodeCache::at(&folder(&parent)).unwrap();
    load(&cache, Limits::default());
    assert_eq!(cache.hits(), 0);
    load(&cache, Limits::default());
    // The pool of instances does not affect the compiled code.
    load(&cache, Limits::default().memory(8 << 20));
    assert_eq!(cache.hits(), 2);
}

#[test]
fn a_damaged_entry_is_compiled_again() {
    let parent = tempfile::tempdir().unwrap();
    let cache = CodeCache::at(&folder(&parent)).unwrap();
    load(&cache, Limits::default());
    for path in files(&folder(&parent)) {
        let half = fs::metadata(&path).unwrap().len() / 2;
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_len(half).unwrap();
    }
    load(&cache, Limits::default());
    assert_eq!(cache.hits(), 0);
}

#[test]
fn a_component_that_is_refused_leaves_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let cache = CodeCache::at(&folder(&parent)).unwrap();
    for _ in 0..2 {
        let builder = ClipHost::builder().cache(cache.clone());
        // It exports nothing.
        let refused = builder.load_bytes_blocking(b"\0asm\x0d\0\x01\0");
        assert!(refused.is_err());
        assert!(files(&folder(&parent)).is_empty());
    }
    assert_eq!(cache.hits(), 0);
}

/// A command that gets a clip.
fn get(world: &World, cache: &Path) -> Command {
    let window = footage(SERIAL);
    let program = env!("CARGO_BIN_EXE_mv-clip");
    let mut get = Command::new("sh");
    get.args(["-c", "umask \"${UMASK-022}\"; exec \"$@\"", "sh", program])
        .args(["get", SERIAL])
        .args(["--start", &window.start, "--end", &window.end])
        .env_clear()
        .envs(world.variables())
        .env("MV_CLIP_COMPONENT", component_file())
        .env("MV_CLIP_CACHE", cache);
    get
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode()
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_processes_can_fill_the_cache_at_once() {
    let (world, parent) = (World::new().await, tempfile::tempdir().unwrap());
    let folder = folder(&parent);
    let all: Vec<_> = (0..6)
        .map(|_| {
            let mut get = get(&world, &folder);
            get.stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in all {
        let output = child.wait_with_output().await.unwrap();
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{output:?}"
        );
    }
    let cache = CodeCache::at(&folder).unwrap();
    load(&cache, Limits::one_shot());
    assert_eq!(cache.hits(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_umask_lets_others_write_to_what_will_run() {
    let (world, parent) = (World::new().await, tempfile::tempdir().unwrap());
    let folder = folder(&parent);
    for _ in 0..2 {
        let mut get = get(&world, &folder);
        let output = get.env("UMASK", "000").output().await.unwrap();
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{output:?}"
        );
    }
    let entries = files(&folder);
    assert!(!entries.is_empty());
    for path in entries
        .iter()
        .flat_map(|path| [path, path.parent().unwrap()])
    {
        assert_eq!(mode(path) & 0o022, 0, "{path:?}");
    }
    // The second process found it.
    let cache = CodeCache::at(&folder).unwrap();
    load(&cache, Limits::one_shot());
    assert_eq!(cache.hits(), 1);
}

/// Another user writes to a folder while its mode allows that. The owner then corrects the mode.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_planted_in_a_cache_is_not_run() {
    type Plant = fn(&Path);
    let plants: [Plant; 4] = [
        |entry| set_mode(entry, 0o666),
        |entry| set_mode(entry.parent().unwrap(), 0o777),
        |entry| {
            let planted = entry.with_extension("planted");
            fs::rename(entry, &planted).unwrap();
            symlink(planted, entry).unwrap();
        },
        |entry| fs::hard_link(entry, entry.with_extension("planted")).unwrap(),
    ];
    let world = World::new().await;
    for plant in plants {
        let parent = tempfile::tempdir().unwrap();
        let filled = folder(&parent);
        load(&CodeCache::at(&filled).unwrap(), Limits::one_shot());
        // wasmtime's worker may go on writing to the folder that it knows.
        let folder = filled.with_extension("moved");
        fs::rename(filled, &folder).unwrap();
        set_mode(&folder, 0o777);
        plant(&files(&folder)[0]);
        set_mode(&folder, 0o700);
        let refused = CodeCache::at(&folder);
        assert!(
            matches!(refused, Err(CacheError::NotPrivate { .. })),
            "{refused:?}"
        );
        // The command goes on without it.
        let output = get(&world, &folder).output().await.unwrap();
        let words = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{words}");
        let advice = format!("remove {}", folder.display());
        assert!(
            words.contains("another user could have written to") && words.contains(&advice),
            "{words}"
        );
        assert!(!words.contains("chmod"), "{words}");
    }
}
