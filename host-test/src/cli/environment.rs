//! Checks the names of environment variables, because a misspelt one would have no effect.

use mv_clip_core::text::printable;
use mv_clip_host::Setting;

use super::exit::Usage;
use super::options::{CACHE, COMPONENT, KEY_FILE};
use super::settings::DESTINATION;

/// The prefix of all variables of this project. No other program uses it.
const OWN: &str = "MV_CLIP_";

/// A prefix that other programs use too.
const SHARED: &str = "MERAKI_";

/// The variables of the command line.
const COMMAND_LINE: [&str; 4] = [COMPONENT, CACHE, DESTINATION, KEY_FILE];

/// The variables of the project's tests.
const TESTS: [&str; 6] = [
    "MV_CLIP_CELL",
    "MV_CLIP_KILLS",
    "MV_CLIP_LOAD_MINUTES",
    "MV_CLIP_SEED",
    "MV_CLIP_SEEDS",
    "MV_CLIP_TEST_OWN_PROCESS",
];

/// The most edits by which a name with a shared prefix counts as misspelt.
const MAX_EDITS: usize = 2;

/// Refuses a variable whose name is misspelt.
pub(super) fn check() -> Result<(), Usage> {
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    match names.filter_map(|name| misspelt(&name)).min() {
        Some(message) => Err(Usage(message)),
        None => Ok(()),
    }
}

fn known() -> impl Iterator<Item = &'static str> {
    let settings = Setting::ALL.iter().map(|setting| setting.name());
    settings.chain(COMMAND_LINE)
}

fn is_known(name: &str) -> bool {
    known().chain(TESTS).any(|known| known == name)
}

/// The rest of a name after the prefix.
fn rest(name: &str) -> &str {
    name.strip_prefix(OWN).unwrap_or(name)
}

/// Whether somebody who writes `name` may mean `known`: a few letters differ, or words at its end are left out.
fn is_near(name: &str, known: &str) -> bool {
    let (name, known) = (rest(name), rest(known));
    let is_start = known
        .strip_prefix(name)
        .is_some_and(|left| left.starts_with('_'));
    let most = MAX_EDITS.max(name.len() / 3);
    is_start || strsim::damerau_levenshtein(name, known) <= most
}

/// The message about a name, if it is misspelt.
fn misspelt(name: &str) -> Option<String> {
    let upper = name.to_ascii_uppercase();
    let is_own = upper.starts_with(OWN);
    if !(is_own || upper.starts_with(SHARED)) || is_known(name) {
        return None;
    }
    let likeness = |known: &&str| strsim::jaro_winkler(&upper, known);
    let near = known().filter(|known| match is_own {
        true => is_near(&upper, known),
        false => strsim::damerau_levenshtein(&upper, known) <= MAX_EDITS,
    });
    let nearest = near.max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
    let hint = match nearest {
        Some(nearest) => format!("the nearest is {nearest}"),
        None if is_own => "docs/SETTINGS.md and --help list these".to_owned(),
        None => return None,
    };
    Some(format!(
        "{} is not a variable of mv-clip; {hint}. Unset it, or correct its name",
        printable(name)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_an_error_with_the_nearest_one() {
        for (name, nearest) in [
            ("MV_CLIP_DEADLINE_SECOND", "MV_CLIP_DEADLINE_SECONDS"),
            ("MV_CLIP_DEADLINE", "MV_CLIP_DEADLINE_SECONDS"),
            ("MV_CLIP_DEADLINE_SECS", "MV_CLIP_DEADLINE_SECONDS"),
            ("MV_CLIP_LAG", "MV_CLIP_LAG_SECONDS"),
            ("MV_CLIP_CACH", "MV_CLIP_CACHE"),
            ("MV_CLIP_RETENTION_DAY", "MV_CLIP_RETENTION_DAYS"),
            ("mv_clip_lag_seconds", "MV_CLIP_LAG_SECONDS"),
            ("MERAKI_DASHBOARD_APIKEY", "MERAKI_DASHBOARD_API_KEY"),
            ("MERAKI_DASHBORAD_API_KEY", "MERAKI_DASHBOARD_API_KEY"),
            ("MERAKI_BASEURL", "MERAKI_BASE_URL"),
        ] {
            let found = misspelt(name).unwrap_or_else(|| panic!("{name}"));
            assert!(found.contains(&format!("nearest is {nearest}")), "{found}");
        }
    }

    #[test]
    fn a_name_that_is_near_to_none_suggests_none() {
        for name in [
            "MV_CLIP_FOO",
            "MV_CLIP_RPS",
            "MV_CLIP_",
            "MV_CLIP_LOG_LEVEL",
        ] {
            let found = misspelt(name).unwrap_or_else(|| panic!("{name}"));
            assert!(found.contains("docs/SETTINGS.md and --help"), "{found}");
            assert!(!found.contains("nearest"), "{found}");
        }
    }

    #[test]
    fn known_names_and_those_of_other_programs_are_accepted() {
        let others = [
            "MERAKI_PYTHON_SDK_CALLER",
            "MERAKI_API_KEY",
            "MERAKI_ORG_ID",
            "MV_GATEWAY_LINK_KEYS",
            "PATH",
            "",
        ];
        for name in known().chain(TESTS).chain(others) {
            assert_eq!(misspelt(name), None, "{name}");
        }
    }
}
