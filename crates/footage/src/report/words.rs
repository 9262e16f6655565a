//! The kinds of absences in words.

use crate::timeline::Absence;

/// Why a clip is missing, in a few words. A kind of a later version is shown as it is.
pub(super) fn why(absence: Absence<'_>) -> &str {
    of_kind(absence.kind())
}

pub(super) fn of_kind(kind: &str) -> &str {
    match kind {
        "invalid-serial" => "invalid serial number",
        "invalid-time" => "invalid time",
        "invalid-window" => "invalid window",
        "invalid-setting" => "wrong setting",
        "too-early" => "not uploaded yet",
        "outside-retention" => "older than the camera keeps",
        "unauthorized" => "API key refused",
        "forbidden" => "no access",
        "not-found" => "camera not found",
        "rejected" => "refused by Meraki",
        "rate-limited" => "too many requests",
        "unavailable" => "Meraki was not available",
        "connection-failed" => "no connection",
        "timed-out" => "no answer in time",
        "bad-response" => "unusable answer",
        "download-failed" => "download failed",
        "component-failed" => "component failed",
        "shutting-down" => "the program ended",
        "lost" => "gone or changed",
        "interrupted" => "the run ended early",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kinds of the contract, without those of destinations.
    #[test]
    fn each_kind_has_words() {
        let contract = include_str!("../../../../wit/clips.wit");
        let (_, kinds) = contract.split_once("enum failure-kind {").unwrap();
        let (kinds, _) = kinds.split_once("\n    }").unwrap();
        let kinds = kinds
            .lines()
            .filter_map(|line| line.trim().strip_suffix(','));
        let kinds = kinds.filter(|line| !line.starts_with("///") && !line.contains("destination"));
        let others = [
            "download-failed",
            "component-failed",
            "shutting-down",
            "lost",
            "interrupted",
        ];
        let mut count = 0;
        for kind in kinds.chain(others) {
            let words = of_kind(kind);
            assert!(words.contains(' '), "{kind}: {words}");
            assert!(!words.contains('-'), "{kind}: {words}");
            count += 1;
        }
        assert!(count > 15, "{count}");
    }
}
