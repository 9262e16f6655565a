//! What becomes of clips: files in a folder that can be looked at, and checked, years later.
//!
//! [`Collector`] downloads clips into a folder, which then holds
//!
//! - `SERIAL[_iIMAGER]_START_END.ts`, the clip as Meraki made it, and the same footage as `.mp4` where
//!   ffmpeg is installed;
//! - `manifest.json` ([`Manifest`]), which says of each file what it is and what it hashes to, and of
//!   each window without a file why there is none;
//! - `report.html`, a page that shows all that in a browser, without a network.
//!
//! A name that ends in `.part` is unfinished: a file gets its own name when it is whole, checked and
//! on disk. So a run can be broken off at any point, and the next one continues. [`verify()`] compares a
//! folder with its manifest.
//!
//! A clip's URL is a secret that soon expires; nothing here writes it anywhere.

#![forbid(unsafe_code)]

mod collect;
mod digest;
mod download;
mod failed;
mod footage;
mod manifest;
mod part;
mod remux;
mod report;
mod timeline;
mod verify;

pub use collect::{CollectError, Collected, Collector, Progress, Watch};
pub use download::DownloadError;
pub use footage::{BadFootage, Footage};
pub use manifest::{Manifest, ManifestError, Missing, Mp4, SavedFile};
pub use verify::{Difference, Verified, verify};

/// How the name of an unfinished file ends.
const PART: &str = "part";

/// The page that shows what is in a folder.
const REPORT: &str = "report.html";
