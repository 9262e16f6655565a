//! Simulated traffic of one organisation, for longer than in the tests.

use std::process::Command;

use crate::harness::COMPONENT_VARIABLE;
use crate::workspace::Workspace;

/// The test that lives through it.
const TEST: &str = "load::every_call_is_answered_once_and_nothing_is_left_behind";

/// Tells the test for how many simulated minutes.
const MINUTES_VARIABLE: &str = "MV_CLIP_LOAD_MINUTES";

/// What lives through so many simulated minutes. It prints what it counted.
pub(crate) fn command(workspace: &Workspace, minutes: u64) -> Command {
    let mut command = workspace.cargo(["test", "--package", "mv-clip-cli", "--test", "it"]);
    command
        .args(["--", "--exact", "--nocapture", TEST])
        .env(MINUTES_VARIABLE, minutes.to_string())
        .env(COMPONENT_VARIABLE, workspace.component());
    command
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// No test at all would pass as well.
    #[test]
    fn the_test_is_where_it_is_looked_for() {
        let workspace = Workspace::load().unwrap();
        let (module, name) = TEST.split_once("::").unwrap();
        let file = format!("host-test/tests/it/{module}.rs");
        let text = fs::read_to_string(workspace.root().join(file)).unwrap();
        assert!(
            text.contains(&format!("#[tokio::test]\nasync fn {name}()")),
            "{name}"
        );
        assert!(text.contains(&format!("\"{MINUTES_VARIABLE}\"")));
    }
}
