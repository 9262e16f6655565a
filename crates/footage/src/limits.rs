//! How long each clip may take.

use std::time::Duration;

/// The maximum number of clips that are saved at once.
pub(crate) const AT_ONCE: usize = 4;

/// Allowed for the MP4 of a clip, in the time of a command. It takes a second or less on a local disk.
const MP4: Duration = Duration::from_secs(120);

/// How long a download may take, a new URL included: four times as long as the clip plays, and a minute.
pub(crate) fn download(length: Duration) -> Duration {
    length.saturating_mul(4) + Duration::from_secs(60)
}

/// How long [`Collector`](crate::Collector) takes at most to save this many clips of this length, once it has their
/// URLs.
#[must_use]
pub fn saving_time(clips: usize, length: Duration) -> Duration {
    let rounds = u32::try_from(clips.div_ceil(AT_ONCE)).unwrap_or(u32::MAX);
    (download(length) + MP4).saturating_mul(rounds)
}
