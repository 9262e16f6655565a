//! [`Call`]: one call of a function that the component exports.

use mv_clip_core::api::Clip;
use mv_clip_core::error::{ClipError, Failure};
use mv_clip_core::request::ClipRequest;
use mv_clip_core::settings::Settings;
use mv_clip_core::transfer::{Destination, SavedClip};

use crate::clock::Clock;
use crate::wasi::cli::environment::get_environment;
use crate::{drive, transfer};

/// One call: its settings, and the clock that its deadline refers to.
pub struct Call {
    clock: Clock,
    settings: Settings,
}

impl Call {
    /// Starts the clock of the call and reads its settings from the environment variables.
    ///
    /// # Errors
    ///
    /// [`FailureKind::InvalidSetting`](mv_clip_core::error::FailureKind::InvalidSetting) if a variable has a
    /// value that cannot be used.
    pub fn start() -> Result<Self, Failure> {
        let clock = Clock::start();
        let settings = Settings::from_variables(get_environment())?;
        Ok(Self { clock, settings })
    }

    /// Gets many clips at once: one result for each request, in the order of the requests. A request that is
    /// an error is not sent, and the error is its result.
    #[must_use]
    pub fn get_all(
        &self,
        requests: Vec<Result<ClipRequest, Failure>>,
    ) -> Vec<Result<Clip, ClipError>> {
        drive::run(&self.clock, &self.settings, requests)
    }

    /// Gets one clip.
    ///
    /// # Errors
    ///
    /// [`ClipError`] if there is no clip.
    #[expect(
        clippy::unwrap_used,
        reason = "a batch gives one result for each request"
    )]
    pub fn get(&self, request: ClipRequest) -> Result<Clip, ClipError> {
        self.get_all(vec![Ok(request)]).pop().unwrap()
    }

    /// Streams a clip to its destination.
    ///
    /// # Errors
    ///
    /// [`ClipError`] if the clip is not stored.
    pub fn save(&self, clip: Clip, destination: Destination) -> Result<SavedClip, ClipError> {
        transfer::run(&self.clock, &self.settings, clip, destination)
    }
}
