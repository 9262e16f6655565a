//! The options of the commands that call the component for one clip.

use mv_clip_host::{ClipRequest, Settings};

use super::camera::OneCamera;
use super::deadline::Deadline;
use super::exit::Usage;
use super::options::{ComponentFile, KeyHolder};
use super::stopped::Limit;
use super::{deadline, times};

/// The clip, and the output format.
#[derive(clap::Args)]
pub(super) struct Call {
    #[command(flatten)]
    camera: OneCamera,

    /// The start of the window as an RFC 3339 time, such as 2026-03-12T14:30:00Z
    #[arg(long, value_name = "TIME", value_parser = times::time)]
    start: String,

    /// The end of the window, 1 to 300 seconds after the start
    #[arg(long, value_name = "TIME", value_parser = times::time)]
    end: String,

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

    pub(super) fn request(&self) -> Result<ClipRequest, Usage> {
        let camera = self.camera.camera()?;
        Ok(ClipRequest {
            serial: camera.serial,
            start: self.start.clone(),
            end: self.end.clone(),
            imager_id: camera.imager_id,
        })
    }
}
