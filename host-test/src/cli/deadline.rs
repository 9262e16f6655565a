//! The deadline of each command. It is longer than the command takes if everything that it waits for ends in time.

use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use mv_clip_footage::saving_time;
use mv_clip_host::{Setting, Settings};

use super::exit;

/// For reading and compiling the component.
const LOAD: Duration = Duration::from_secs(60);

/// `MV_CLIP_DEADLINE_SECONDS` if it is not set.
const CALL: Duration = Duration::from_secs(120);

/// The longest `MV_CLIP_DEADLINE_SECONDS` that the guest accepts.
pub(super) const LONGEST_CALL: Duration = Duration::from_secs(86_400);

/// How long a call may take to end after its deadline.
const LATE: Duration = Duration::from_secs(5);

/// The calls of a command that run at once.
pub(super) const CALLS: NonZeroU32 = NonZeroU32::MIN.saturating_add(7);

/// Files are read at no less than this many bytes per second.
const READING: u64 = 10_000_000;

/// The deadline of `inspect`, for its help.
pub(super) const OF_INSPECT: &str = "60 s";
/// The deadline of `verify`, for its help.
pub(super) const OF_VERIFY: &str = "60 s, and 1 s for every 10 MB in the folder";
/// The deadline of `get` and `save`, for their help.
pub(super) const OF_CALL: &str = "65 s more than MV_CLIP_DEADLINE_SECONDS";
/// The deadline of `demo`, for its help.
pub(super) const OF_DEMO: &str =
    "65 s more than MV_CLIP_DEADLINE_SECONDS, and 60 s to download the clip";
/// The deadline of the commands that fill a folder, for their help.
pub(super) const OF_FOLDER: &str = "65 s, plus MV_CLIP_DEADLINE_SECONDS for every eight clips, plus 180 s and four clip \
     lengths for every four clips, plus 120 s with --sign and 60 s with --timestamp";

/// The end of a command's help.
pub(super) fn help(deadline: &str) -> String {
    format!("Deadline without --deadline: {deadline}.\n\n{}", exit::HELP)
}

/// How long a command may take.
#[derive(clap::Args)]
pub(super) struct Deadline {
    /// End the command after this time, whatever it does [default: see below]
    #[arg(long = "deadline", value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    seconds: Option<u32>,
}

impl Deadline {
    /// The time that the user gives the command.
    pub(super) fn given(&self) -> Option<Duration> {
        self.seconds
            .map(|seconds| Duration::from_secs(seconds.into()))
    }

    /// The time that the user gives the command, or else this one.
    pub(super) fn or(&self, default: Duration) -> Duration {
        self.given().unwrap_or(default)
    }
}

pub(super) fn of_inspect() -> Duration {
    LOAD
}

pub(super) fn of_call(settings: &Settings) -> Duration {
    calls(settings, 1)
}

pub(super) fn of_demo(settings: &Settings) -> Duration {
    calls(settings, 1) + Duration::from_secs(60)
}

/// For that many clips of this length.
pub(super) fn of_folder(settings: &Settings, clips: usize, length: Duration) -> Duration {
    calls(settings, clips) + saving_time(clips, length)
}

/// How many calls run at once. Fewer at a low rate, because the deadline of a call includes its wait for the rate
/// limiter.
pub(super) fn calls_at_once(settings: &Settings) -> usize {
    let rate: u64 = settings
        .get(Setting::RequestsPerSecond)
        .and_then(|rate| rate.parse().ok())
        .unwrap_or(u64::MAX);
    let sent_in_time = rate.saturating_mul(of_one(settings).as_secs()) / 4;
    let most = usize::try_from(CALLS.get()).unwrap_or(usize::MAX);
    usize::try_from(sent_in_time)
        .unwrap_or(usize::MAX)
        .clamp(1, most)
}

/// For the sizes in a folder, which [`of_verify`] needs.
pub(super) fn of_sizes() -> Duration {
    LOAD
}

/// A folder that cannot be read is reported by the command.
pub(super) fn of_verify(folder: &Path) -> Duration {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.filter_map(|entry| entry.metadata().ok());
    let bytes = sizes.map(|found| found.len()).fold(0, u64::saturating_add);
    LOAD + Duration::from_secs(bytes / READING)
}

/// Loads the component and makes that many calls.
fn calls(settings: &Settings, calls: usize) -> Duration {
    let rounds = calls.div_ceil(calls_at_once(settings));
    let rounds = u32::try_from(rounds).unwrap_or(u32::MAX);
    LOAD + of_one(settings).saturating_mul(rounds) + LATE
}

/// The deadline of a call.
pub(super) fn of_one(settings: &Settings) -> Duration {
    let given = settings.get(Setting::Deadline);
    let given = given.and_then(|seconds| seconds.parse().ok());
    // The guest reports what is wrong with a setting.
    given.map_or(CALL, Duration::from_secs).min(LONGEST_CALL)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(deadline: &str) -> Settings {
        Settings::default().text(Setting::Deadline, deadline)
    }

    #[test]
    fn the_deadline_of_a_command_follows_that_of_its_calls() {
        for (settings, expected) in [
            (Settings::default(), 185),
            (settings("1"), 66),
            (settings("86400"), 86_465),
            (settings("99999999999"), 86_465),
            (settings("soon"), 185),
        ] {
            assert_eq!(of_call(&settings).as_secs(), expected, "{settings:?}");
        }
    }

    #[test]
    fn the_deadline_of_a_folder_allows_for_every_clip() {
        let minute = Duration::from_secs(60);
        for (clips, expected) in [
            (0, 65),
            (1, 65 + 120 + 180 + 240),
            (8, 65 + 120 + 2 * (180 + 240)),
            (9, 65 + 240 + 3 * (180 + 240)),
        ] {
            let found = of_folder(&Settings::default(), clips, minute);
            assert_eq!(found.as_secs(), expected, "{clips}");
        }
    }

    #[test]
    fn a_call_passes_the_rate_limiter_before_its_deadline() {
        for (rate, deadline, expected) in [
            ("1", "120", 8),
            ("1", "10", 2),
            ("1", "1", 1),
            ("5", "10", 8),
            ("many", "soon", 8),
        ] {
            let settings = settings(deadline).text(Setting::RequestsPerSecond, rate);
            assert_eq!(calls_at_once(&settings), expected, "{rate}, {deadline}");
        }
    }

    #[test]
    fn the_deadline_of_a_verification_grows_with_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(of_verify(folder.path()).as_secs(), 60);
        let file = std::fs::File::create(folder.path().join("clip.ts")).unwrap();
        file.set_len(1_000_000_000).unwrap();
        assert_eq!(of_verify(folder.path()).as_secs(), 160);
        assert_eq!(of_verify(&folder.path().join("none")).as_secs(), 60);
    }
}
