//! [`Call`]: the functions of the component.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::{Instrument, Span, info, info_span};

use crate::bounds::Bounds;
use crate::clip::{Clip, ClipOutcome, ClipRequest, ClipUrl, SavedClip};
use crate::deadline::Deadline;
use crate::error::CallError;
use crate::host::ClipHost;
use crate::instance::Instance;
use crate::metrics::Function;
use crate::report::{CallReport, Reply};
use crate::settings::Settings;

impl ClipHost {
    /// Prepares a call with a report: its methods are those of the host, and give a [`Reply`], which has the result
    /// and what the call used.
    ///
    /// ```no_run
    /// # async fn example(host: mv_clip_host::ClipHost, request: mv_clip_host::ClipRequest) {
    /// use mv_clip_host::{Reply, Settings};
    ///
    /// let settings = Settings::default();
    /// let Reply { result, report, .. } = host.call(&settings).request_clip(&request).await;
    /// println!("{} requests, {:?}", report.requests, report.duration);
    /// # drop(result);
    /// # }
    /// ```
    #[must_use = "a call does nothing until one of its methods is awaited"]
    pub fn call<'a>(&'a self, settings: &'a Settings) -> Call<'a> {
        Call {
            host: self,
            settings,
        }
    }

    /// Gets the URL of one clip: the short form of [`ClipHost::request_clip`].
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn get_clip(
        &self,
        settings: &Settings,
        serial: &str,
        start: &str,
        end: &str,
    ) -> Result<ClipUrl, CallError> {
        let call = self.call(settings);
        call.get_clip(serial, start, end).await.result
    }

    /// Gets one clip. Waits for the footage if it is not available yet, and retries where that can help;
    /// returns before [`Settings::deadline`].
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn request_clip(
        &self,
        settings: &Settings,
        request: &ClipRequest,
    ) -> Result<Clip, CallError> {
        self.call(settings).request_clip(request).await.result
    }

    /// Gets footage of 1 s to 24 h, in clips of at most 300 s that follow each other: one outcome for each, in order
    /// of time.
    ///
    /// # Errors
    ///
    /// See [`CallError`]: only if the call as a whole cannot be made.
    pub async fn get_range(
        &self,
        settings: &Settings,
        request: &ClipRequest,
    ) -> Result<Vec<ClipOutcome>, CallError> {
        self.call(settings).get_range(request).await.result
    }

    /// Gets one clip around an incident: from `pre_roll_seconds` before `at`, an RFC 3339 time, to
    /// `post_roll_seconds` after it. Each defaults to 30 s; together they are 1 s to 300 s.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn get_incident(
        &self,
        settings: &Settings,
        serial: &str,
        at: &str,
        pre_roll_seconds: Option<u32>,
        post_roll_seconds: Option<u32>,
    ) -> Result<Clip, CallError> {
        let call = self.call(settings);
        let reply = call.get_incident(serial, at, pre_roll_seconds, post_roll_seconds);
        reply.await.result
    }

    /// Gets clips of one event from up to 100 cameras: a window of `duration_seconds` (1 to 300; 120 by default) with
    /// `at`, an RFC 3339 time, in its middle. Gives one outcome for each serial, in the order given.
    ///
    /// # Errors
    ///
    /// See [`CallError`]: only if the call as a whole cannot be made.
    pub async fn get_coverage(
        &self,
        settings: &Settings,
        serials: &[String],
        at: &str,
        duration_seconds: Option<u32>,
    ) -> Result<Vec<ClipOutcome>, CallError> {
        let call = self.call(settings);
        call.get_coverage(serials, at, duration_seconds)
            .await
            .result
    }

    /// Gets one clip and streams it to `destination`, a URL that accepts one PUT, such as a presigned URL of S3, Google
    /// Cloud Storage, Azure or MinIO. The policy has to allow the media host and the destination.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn save_clip(
        &self,
        settings: &Settings,
        request: &ClipRequest,
        destination: &str,
    ) -> Result<SavedClip, CallError> {
        let call = self.call(settings);
        call.save_clip(request, destination).await.result
    }
}

/// A call whose reply has a report: see [`ClipHost::call`]. The methods are those of [`ClipHost`].
#[derive(Clone, Copy, Debug)]
#[must_use = "a call does nothing until one of its methods is awaited"]
pub struct Call<'a> {
    host: &'a ClipHost,
    settings: &'a Settings,
}

impl Call<'_> {
    /// See [`ClipHost::get_clip`].
    pub async fn get_clip(self, serial: &str, start: &str, end: &str) -> Reply<ClipUrl> {
        let open = self.open(Function::GetClip, Some(serial));
        let work = async { open.instance().await?.get_clip(serial, start, end).await };
        open.finish(work).await
    }

    /// See [`ClipHost::request_clip`].
    pub async fn request_clip(self, request: &ClipRequest) -> Reply<Clip> {
        let open = self.open(Function::RequestClip, Some(&request.serial));
        let work = async { open.instance().await?.request_clip(request).await };
        open.finish(work).await
    }

    /// See [`ClipHost::get_range`].
    pub async fn get_range(self, request: &ClipRequest) -> Reply<Vec<ClipOutcome>> {
        let open = self.open(Function::GetRange, Some(&request.serial));
        let work = async {
            self.host.exports.events()?;
            open.instance().await?.get_range(request).await
        };
        open.finish(work).await
    }

    /// See [`ClipHost::get_incident`].
    pub async fn get_incident(
        self,
        serial: &str,
        at: &str,
        pre_roll_seconds: Option<u32>,
        post_roll_seconds: Option<u32>,
    ) -> Reply<Clip> {
        let open = self.open(Function::GetIncident, Some(serial));
        let work = async {
            self.host.exports.events()?;
            let mut instance = open.instance().await?;
            let call = instance.get_incident(serial, at, pre_roll_seconds, post_roll_seconds);
            call.await
        };
        open.finish(work).await
    }

    /// See [`ClipHost::get_coverage`].
    pub async fn get_coverage(
        self,
        serials: &[String],
        at: &str,
        duration_seconds: Option<u32>,
    ) -> Reply<Vec<ClipOutcome>> {
        let open = self.open(Function::GetCoverage, None);
        let work = async {
            self.host.exports.events()?;
            let mut instance = open.instance().await?;
            instance.get_coverage(serials, at, duration_seconds).await
        };
        open.finish(work).await
    }

    /// See [`ClipHost::save_clip`].
    pub async fn save_clip(self, request: &ClipRequest, destination: &str) -> Reply<SavedClip> {
        let open = self.open(Function::SaveClip, Some(&request.serial));
        let work = async {
            self.host.exports.transfer()?;
            let mut instance = open.instance().await?;
            instance.save_clip(request, destination).await
        };
        open.finish(work).await
    }

    fn open(&self, function: Function, serial: Option<&str>) -> OpenCall<'_> {
        static LAST_ID: AtomicU64 = AtomicU64::new(0);
        let id = LAST_ID.fetch_add(1, Ordering::Relaxed) + 1;
        OpenCall {
            call: self,
            function,
            bounds: Bounds::new(&self.host.limits),
            deadline: Deadline::after(self.host.limits.wall_time),
            span: info_span!("call", id, function = function.name(), serial),
        }
    }
}

/// A call that has started: its limits, deadline and span.
struct OpenCall<'a> {
    call: &'a Call<'a>,
    function: Function,
    bounds: Arc<Bounds>,
    deadline: Deadline,
    span: Span,
}

impl OpenCall<'_> {
    async fn instance(&self) -> Result<Instance, CallError> {
        let Call { host, settings } = *self.call;
        let bounds = Arc::clone(&self.bounds);
        host.start(settings, self.deadline, bounds).await
    }

    async fn finish<T>(&self, work: impl Future<Output = Result<T, CallError>>) -> Reply<T> {
        self.call.host.metrics.started();
        let mut end = End {
            open: self,
            outcome: "cancelled",
            attempts: None,
        };
        let result = work.instrument(self.span.clone()).await;
        let error = result.as_ref().err();
        end.outcome = error.map_or("ok", CallError::outcome);
        end.attempts = error
            .and_then(CallError::failure)
            .map(|failure| failure.attempts);
        let traffic = &self.bounds.traffic;
        let report = CallReport {
            duration: self.deadline.elapsed(),
            rate_limit_wait: traffic.waited(),
            requests: traffic.requests(),
            bytes_sent: traffic.bytes_sent(),
            bytes_received: traffic.bytes_received(),
            peak_memory: self.bounds.peak_memory(),
            clock_offset_seconds: traffic.clock_offset(),
        };
        Reply { result, report }
    }
}

/// Logs and counts the end of a call when it is dropped, because a caller may drop the future of a call.
struct End<'a> {
    open: &'a OpenCall<'a>,
    outcome: &'static str,
    attempts: Option<u32>,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        let Self {
            open,
            outcome,
            attempts,
        } = self;
        let elapsed = open.deadline.elapsed();
        let requests = open.bounds.traffic.requests();
        // Nothing from the response, which may be secret.
        open.span
            .in_scope(|| info!(outcome, attempts, requests, ?elapsed, "call ended"));
        let metrics = &open.call.host.metrics;
        metrics.ended(open.function, outcome, elapsed);
    }
}
