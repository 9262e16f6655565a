//! The deadline of each command: longer than the command takes if everything that it waits for ends in time.

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
/// The deadline of `range` and `coverage`, for their help.
pub(super) const OF_BATCH: &str = "65 s more than MV_CLIP_DEADLINE_SECONDS, and for every four clips 180 s and four times the length of one";
/// The deadline of `incident`, for its help.
pub(super) const OF_INCIDENT: &str = "65 s, MV_CLIP_DEADLINE_SECONDS for every eight cameras, and for every four \
     180 s and four times the length of a clip";

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
    /// The time that the user gives the command, or else this one.
    pub(super) fn or(&self, default: Duration) -> Duration {
        let given = self
            .seconds
            .map(|seconds| Duration::from_secs(seconds.into()));
        given.unwrap_or(default)
    }
}

/// The clips of a command that fills a folder.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clips {
    /// How many calls ask for them.
    pub(super) calls: usize,
    pub(super) clips: usize,
    /// The length of each.
    pub(super) length: Duration,
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

pub(super) fn of_folder(settings: &Settings, wanted: Clips) -> Duration {
    calls(settings, wanted.calls) + saving_time(wanted.clips, wanted.length)
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
    let given = settings.get(Setting::Deadline);
    let given = given.and_then(|seconds| seconds.parse().ok());
    // The guest reports what is wrong with a setting.
    let call = given.map_or(CALL, Duration::from_secs).min(LONGEST_CALL);
    let at_once = usize::try_from(CALLS.get()).unwrap_or(usize::MAX);
    let rounds = u32::try_from(calls.div_ceil(at_once)).unwrap_or(u32::MAX);
    LOAD + call.saturating_mul(rounds) + LATE
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
        let clips = |calls, clips| Clips {
            calls,
            clips,
            length: Duration::from_secs(60),
        };
        for (wanted, expected) in [
            (clips(1, 0), 65 + 120),
            (clips(1, 1), 65 + 120 + 180 + 240),
            (clips(8, 8), 65 + 120 + 2 * (180 + 240)),
            (clips(9, 9), 65 + 240 + 3 * (180 + 240)),
        ] {
            let found = of_folder(&Settings::default(), wanted);
            assert_eq!(found.as_secs(), expected, "{wanted:?}");
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
