//! Keeps clips in a folder in which they can be watched and verified, years later.
//!
//! [`Collector`] downloads clips into a folder, which then holds:
//!
//! - `SERIAL[_iIMAGER]_START_END.ts`: the clip as Meraki made it, and the same footage as `.mp4`;
//! - `manifest.json` ([`Manifest`]): size and hash of each file, and the cause of each missing clip;
//! - `report.html`: a page that shows the folder in a browser, without a network.
//!
//! An unfinished file ends in `.part`. A file gets its final name when it is complete, checked and on disk. A run
//! can therefore be interrupted at any point, and the next one resumes. [`verify()`] compares a folder with its
//! manifest.
//!
//! The URL of a clip is a temporary secret. This crate never writes it anywhere.

#![forbid(unsafe_code)]

mod collect;
mod digest;
mod disk;
mod download;
mod failed;
mod footage;
mod limits;
mod manifest;
mod names;
mod part;
mod progress;
mod remux;
mod report;
mod timeline;
mod verify;

pub use collect::{CollectError, Collected, Collector};
pub use disk::WriteError;
pub use download::DownloadError;
pub use footage::{Footage, InvalidFootage};
pub use limits::saving_time;
pub use manifest::{Manifest, ManifestError, Missing, Mp4, SavedFile};
pub use progress::{Progress, ProgressFactory};
pub use verify::{Difference, Verified, verify};
