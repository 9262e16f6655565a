//! Evidence folders: save, resume, verify.

mod authority;
mod broken;
mod command;
mod day;
mod disks;
mod folder;
mod imagers;
mod killed;
mod mp4;
#[cfg(unix)]
mod passwords;
mod planted;
mod saved;
mod shared;
mod signed;
mod stamped;
mod stock;
mod tampered;

use std::path::Path;
use std::sync::LazyLock;

use chrono::{DateTime, TimeDelta, Utc};
use meraki_mock::CLIP;
use mv_clip_footage::{Collected, Collector, Footage, Manifest, Order, Progress, WhileBusy};
use mv_clip_host::ClipRequest;
use tempfile::TempDir;

use crate::support::{SERIAL, World, ending};

/// Ignores progress.
struct Ignored;

impl Progress for Ignored {
    fn update(&self, _: u64, _: Option<u64>) {}
}

/// One hour ago, the same instant for all tests.
static END: LazyLock<DateTime<Utc>> = LazyLock::new(|| Utc::now() - TimeDelta::hours(1));

/// A window of two minutes.
fn window() -> ClipRequest {
    window_of(SERIAL, 0)
}

/// The window of another camera, this number of windows earlier.
fn window_of(serial: &str, earlier: i32) -> ClipRequest {
    ending(serial, *END - TimeDelta::minutes(2) * earlier)
}

fn name(request: &ClipRequest) -> String {
    let footage = Footage::try_from(request).unwrap();
    format!("{}.ts", footage.file_stem().unwrap())
}

/// A collector for these clips.
async fn collector(world: &World, folder: &Path, requests: &[ClipRequest]) -> Collector {
    let progress = Box::new(|_: &Footage| Box::new(Ignored) as Box<dyn Progress>);
    let order = Order::new("test", "", requests.to_vec());
    let (host, settings) = (&world.host, world.settings());
    let collector = Collector::new(folder, WhileBusy::End, order, host, settings, progress);
    collector.await.unwrap()
}

/// Requests these clips and saves them.
pub(crate) async fn save(world: &World, folder: &TempDir, requests: &[ClipRequest]) -> Collected {
    let collector = collector(world, folder.path(), requests).await;
    for request in requests {
        let ask = world.request(request);
        collector.save(request, ask).await.unwrap();
    }
    collector.finish().await.unwrap().collected
}

/// The sorted names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<_> = entries
        .map(|entry| name(entry).into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[track_caller]
fn assert_complete(folder: &TempDir, request: &ClipRequest) {
    let bytes = std::fs::read(folder.path().join(name(request))).unwrap();
    assert!(
        bytes == CLIP,
        "{} bytes instead of {}",
        bytes.len(),
        CLIP.len()
    );
    let unfinished: Vec<_> = names(folder.path());
    assert!(
        !unfinished.iter().any(|name| name.ends_with(".part")),
        "{unfinished:?}"
    );
}

async fn manifest(folder: &TempDir) -> Manifest {
    Manifest::read(folder.path()).await.unwrap().unwrap()
}
