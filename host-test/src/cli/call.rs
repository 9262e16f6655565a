//! The options of the commands that call the component for one clip.

use mv_clip_host::{ClipRequest, Settings};

use super::deadline::Deadline;
use super::options::{ComponentFile, KeyHolder};
use super::stopped::Limit;
use super::{deadline, times};

/// The clip, and the output format.
#[derive(clap::Args)]
pub(super) struct Call {
    /// The camera's serial number, such as Q2XX-ABCD-1234
    serial: String,

    /// The start of the window as an RFC 3339 time, such as 2026-03-12T14:30:00Z
    #[arg(long, value_name = "TIME", value_parser = times::time)]
    start: String,

    /// The end of the window, 1 to 300 seconds after the start
    #[arg(long, value_name = "TIME", value_parser = times::time)]
    end: String,

    /// The imager of a multi-imager camera
    #[arg(long, value_name = "N")]
    imager_id: Option<u32>,

    /// Print the result, or the error, as one JSON object
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    pub(super) component: ComponentFile,

    #[command(flatten)]
    pub(super) key: KeyHolder,

    #[command(flatten)]
    deadline: Deadline,
}

impl Call {
    pub(super) fn limit(&self, settings: &Settings) -> Limit {
        Limit {
            time: self.deadline.or(deadline::of_call(settings)),
            resumes: false,
            json: self.json,
        }
    }

    pub(super) fn request(&self) -> ClipRequest {
        ClipRequest {
            serial: self.serial.clone(),
            start: self.start.clone(),
            end: self.end.clone(),
            imager_id: self.imager_id,
        }
    }
}
