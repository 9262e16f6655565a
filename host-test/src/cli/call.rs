//! What the commands have in common that call the component for one clip.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use mv_clip_host::ClipRequest;

use super::{ComponentFile, KeyHolder};

/// Which clip, and how it is told.
#[derive(clap::Args)]
pub(super) struct Call {
    /// The camera's serial number, such as Q2XX-ABCD-1234.
    serial: String,

    /// The start of the window: an RFC 3339 time, such as 2026-03-12T14:30:00Z.
    #[arg(long, value_name = "TIME")]
    start: String,

    /// The end of the window, 1 s to 300 s after the start.
    #[arg(long, value_name = "TIME")]
    end: String,

    /// Which imager of a multi-imager camera.
    #[arg(long, value_name = "N")]
    imager_id: Option<u32>,

    /// Print the result, or the error, as one JSON object.
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    pub(super) component: ComponentFile,

    #[command(flatten)]
    pub(super) key: KeyHolder,
}

impl Call {
    pub(super) fn request(&self) -> ClipRequest {
        ClipRequest {
            serial: self.serial.clone(),
            start: self.start.clone(),
            end: self.end.clone(),
            imager_id: self.imager_id,
        }
    }
}

/// Shown where standard error is a terminal that no log is written to: footage may have to be waited
/// for.
pub(super) fn waiting_for(what: String) -> ProgressBar {
    if tracing::enabled!(tracing::Level::INFO) {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} waiting for {msg} ({elapsed})");
    let bar = ProgressBar::new_spinner().with_message(what);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
