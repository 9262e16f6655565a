//! Prints the missing clips of a run, equal causes together.

use std::collections::BTreeSet;
use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use mv_clip_footage::Missing;

/// One line per cause, in the order of the first clip with each cause.
pub(super) fn lines(failures: &[Missing]) -> Vec<String> {
    let mut groups: Vec<(&str, Vec<&Missing>)> = Vec::new();
    for missing in failures {
        match groups
            .iter_mut()
            .find(|(message, _)| *message == missing.message)
        {
            Some((_, group)) => group.push(missing),
            None => groups.push((&missing.message, vec![missing])),
        }
    }
    let lines = groups.into_iter();
    lines
        .map(|(message, group)| format!("{}: {message}", clips(&group)))
        .collect()
}

fn clips(group: &[&Missing]) -> String {
    let all = || group.iter().map(|missing| &missing.footage);
    if let [missing] = group {
        return missing.footage.to_string();
    }
    let cameras: BTreeSet<_> = all().map(|footage| footage.camera()).collect();
    let cameras: Vec<_> = cameras.into_iter().collect();
    let start = all().map(|footage| footage.start()).min();
    let end = all().map(|footage| footage.end()).max();
    let mut text = format!("{} clips of {}", group.len(), cameras.join(", "));
    if let (Some(start), Some(end)) = (start, end) {
        let time = |time: SystemTime| {
            DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Millis, true)
        };
        text.push_str(&format!(" between {} and {}", time(start), time(end)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(serial: &str, minute: u32, message: &str) -> Missing {
        let time = |minute| format!("2026-03-12T14:{minute}:00Z");
        let json = serde_json::json!({
            "serial": serial, "imager_id": null, "start": time(minute), "end": time(minute + 5),
            "transient": true, "kind": "unavailable", "message": message, "status": null,
            "request_id": null, "retry_after_seconds": null, "failed_at": time(59),
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn equal_failures_are_one_line() {
        let failures = [
            missing("A", 10, "busy"),
            missing("A", 15, "gone"),
            missing("A", 20, "busy"),
            missing("B", 25, "busy"),
        ];
        assert_eq!(
            lines(&failures),
            [
                "3 clips of A, B between 2026-03-12T14:10:00.000Z and 2026-03-12T14:30:00.000Z: busy",
                "A from 2026-03-12T14:15:00.000Z to 2026-03-12T14:20:00.000Z: gone",
            ]
        );
        assert!(lines(&[]).is_empty());
    }
}
