//! Keeps clips in a folder in which they can be watched and verified, years later.
//!
//! [`Collector`] downloads clips into a folder, which then holds:
//!
//! - `SERIAL[_iIMAGER]_START_END.ts`: the clip as Meraki made it, and the same footage as `.mp4`;
//! - `log.jsonl`: what each run asked for and what became of it, one JSON object a line;
//! - `manifest.json` ([`Manifest`]): a summary of the log with the size and hash of each file, and the cause of each
//!   missing clip;
//! - `report.html`: a page that shows the folder in a browser, without a network;
//! - `log.jsonl.minisig` and `log.jsonl.tsr`, if the [`Order`] asks for them: a signature of the log in minisign's format,
//!   and a timestamp of it by an authority (RFC 3161).
//!
//! A folder has one writer. An unfinished file ends in `.part`. A file gets its final name when it is complete, checked,
//! on disk and in the log. A run can therefore be interrupted at any point, and the next one resumes. [`verify()`]
//! compares a folder with its log.
//!
//! The URL of a clip is a temporary secret. This crate never writes it anywhere.

#![forbid(unsafe_code)]

mod blocking;
mod collect;
mod compare;
mod difference;
mod digest;
mod download;
mod error;
mod failed;
mod folder;
mod footage;
mod keys;
mod limits;
mod list;
mod lock;
mod log;
mod manifest;
mod names;
mod part;
mod progress;
mod proofs;
mod remux;
mod report;
mod signature;
mod store;
mod timeline;
mod timestamp;
mod verify;

pub use collect::{Collected, Collector, Finished, Order};
pub use difference::Difference;
pub use download::DownloadError;
pub use error::CollectError;
pub use folder::WriteError;
pub use footage::{Footage, InvalidFootage};
pub use keys::{KeyError, KeyId, LockedKey, SigningKey, VerifyingKey};
pub use limits::saving_time;
pub use list::{List, Listed};
pub use manifest::{Lost, Manifest, ManifestError, Missing, Mp4, Run, SavedFile};
pub use progress::{Progress, ProgressFactory};
pub use proofs::Signed;
pub use store::WhileBusy;
pub use timestamp::{Stamped, TIMESTAMP_TIME, TimestampError};
pub use verify::{EarlierTimestamp, SignedLog, StampedLog, Verified, verify};
