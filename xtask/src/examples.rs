//! The component in other hosts: each example, against a mock.
//!
//! `ci/examples/NAME.sh` runs one host: `setup` installs it and prints its version and the bytes that are deployed;
//! `clip SERIAL START END` gets one clip; `check` tests the rest of the example.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use xshell::cmd;

use crate::mock::Mock;
use crate::steps::{self, Steps};
use crate::workspace::{Workspace, cleaned};

/// An example: its folder in `examples/`, its title, and what a person types.
type Example = (&'static str, &'static str, &'static str);

const IN_RUST: &str = "cargo run --release -- COMPONENT SERIAL START END";
const IN_OBELISK: &str = r#"obelisk execution submit --follow meraki-mv:clips/clips@0.1.0.get-clip '["SERIAL", "START", "END"]'"#;
const OVER_HTTP: &str = "curl '127.0.0.1:8000/?serial=SERIAL&start=START&end=END'";

/// The examples that install in seconds.
pub(crate) const QUICK: [Example; 3] = [
    (
        "wasmtime-cli",
        "wasmtime CLI",
        "get-clip.sh SERIAL START END",
    ),
    ("python", "Python", "python incident.py SERIAL TIME"),
    ("node", "Node.js", "node get-clip.js SERIAL START END"),
];

const OTHERS: [Example; 4] = [
    ("rust", "Rust", IN_RUST),
    ("rust-harness", "Rust, with the harness", IN_RUST),
    ("obelisk", "Obelisk", IN_OBELISK),
    ("wasmcloud", "wasmCloud", OVER_HTTP),
];

/// The examples in `names`. Without names: all, or only the quick ones.
pub(crate) fn chosen(quick: bool, names: &[String]) -> Result<Vec<Example>> {
    let others: &[Example] = if quick { &[] } else { &OTHERS };
    let mut all = [&QUICK, others].concat();
    if let Some(unknown) = names
        .iter()
        .find(|name| all.iter().all(|(known, ..)| known != name))
    {
        let all: Vec<_> = all.iter().map(|(name, ..)| *name).collect();
        bail!(
            "there is no example `{unknown}`; the examples are {}",
            all.join(", ")
        );
    }
    all.retain(|(name, ..)| names.is_empty() || names.iter().any(|chosen| chosen == name));
    Ok(all)
}

/// The results of one host.
struct Row {
    version: String,
    deployed: u64,
    result: &'static str,
    /// From the start of the host to the clip.
    took: Duration,
    /// Its message for a camera that the API does not know.
    not_found: String,
}

/// Runs each example against `mock`, a step for each, and prints the tables of `README.md` and `examples/README.md`.
pub(crate) fn all(steps: &mut Steps, workspace: &Workspace, mock: &Mock, chosen: &[Example]) {
    let mut rows = Vec::new();
    for example in chosen {
        let row = steps.run(&format!("example {}", example.0), || {
            try_out(workspace, mock, example.0)
        });
        rows.extend(row.map(|row| (example, row)));
    }
    eprintln!("\n| host | version | command | result | deployed | start to clip |");
    eprintln!("| --- | --- | --- | --- | --- | --- |");
    for ((name, title, shown), row) in &rows {
        let (kilobytes, milliseconds) = (row.deployed.div_ceil(1000), row.took.as_millis());
        let Row {
            version, result, ..
        } = row;
        eprintln!(
            "| [{title}](examples/{name}) | {version} | `{shown}` | {result} | {kilobytes} KB | {milliseconds} ms |"
        );
    }
    for ((_, title, _), Row { not_found, .. }) in &rows {
        eprintln!("\n{title}, with a camera that is not known:\n\n```text\n{not_found}\n```");
    }
}

fn try_out(workspace: &Workspace, mock: &Mock, name: &str) -> Result<Row> {
    let script = workspace.root.join(format!("ci/examples/{name}.sh"));
    let command = |args: &[&str]| {
        let command = cmd!(workspace.shell, "bash {script} {args...}");
        command
            .env("COMPONENT", workspace.component())
            .envs(mock.environment())
    };
    let said = steps::script(command(&["setup"]))?;
    let (version, deployed) = said.split_once('\n').context("the set-up has no result")?;
    let folder = workspace.shell.create_temp_dir()?;
    let get_clip = |serial: &str| {
        let command = command(&["clip", serial, &minutes_ago(12)?, &minutes_ago(10)?]);
        eprintln!("$ {command}");
        let output = cleaned(command)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .output()?;
        let words = [output.stdout.as_slice(), &output.stderr].concat();
        let words = String::from_utf8_lossy(&words).trim().to_owned();
        Ok::<_, anyhow::Error>((output.status.success(), words))
    };
    // The first run fills the host's caches, such as compiled code.
    get_clip(&mock.serial)?;
    let started = Instant::now();
    let (succeeded, words) = get_clip(&mock.serial)?;
    let took = started.elapsed();
    ensure!(succeeded, "there is no clip: {words}");
    let result = clip(&words, folder.path())?;
    let (_, not_found) = get_clip("Q2XX-XXXX-XXXX")?;
    ensure!(
        not_found.contains("404"),
        "an unknown camera is not reported: {not_found}"
    );
    steps::script(command(&["check"]))?;
    Ok(Row {
        version: version.to_owned(),
        deployed: deployed.trim().parse()?,
        result,
        took,
        not_found,
    })
}

/// Checks the output: the URL of a clip, or the name of a file with a clip.
fn clip(words: &str, folder: &Path) -> Result<&'static str> {
    if words.contains("/media/") {
        return Ok("a URL");
    }
    let clip = fs::read(folder.join(words)).with_context(|| format!("no clip: {words}"))?;
    let mut packets = clip.chunks(188);
    let is_clip = packets.all(|packet| packet.len() == 188 && packet.starts_with(&[0x47]));
    ensure!(
        is_clip && !clip.is_empty(),
        "{words} is not an MPEG transport stream"
    );
    Ok("a clip, saved")
}

/// A time in the past, as RFC 3339.
fn minutes_ago(minutes: u64) -> Result<String> {
    let time = SystemTime::now().checked_sub(Duration::from_secs(60 * minutes));
    Ok(humantime::format_rfc3339_seconds(time.context("no such time")?).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_is_chosen_by_name() {
        let names = |quick, name: Option<&str>| {
            let names: Vec<_> = name.map(str::to_owned).into_iter().collect();
            let chosen = chosen(quick, &names)?;
            Ok::<_, anyhow::Error>(chosen.iter().map(|example| example.0).collect::<Vec<_>>())
        };
        assert_eq!(names(false, Some("rust")).unwrap(), ["rust"]);
        assert_eq!(
            names(false, None).unwrap().len(),
            QUICK.len() + OTHERS.len()
        );
        assert_eq!(
            names(true, None).unwrap(),
            ["wasmtime-cli", "python", "node"]
        );
        let error = names(false, Some("ruby")).unwrap_err().to_string();
        assert!(error.contains("node"), "{error}");
    }

    #[test]
    fn every_example_has_a_script_and_says_how_to_run_it() {
        let root = Workspace::find().unwrap().root;
        for (name, ..) in chosen(false, &[]).unwrap() {
            let read = |file: String| fs::read_to_string(root.join(file)).unwrap();
            assert!(!read(format!("ci/examples/{name}.sh")).is_empty());
            assert!(read(format!("examples/{name}/README.md")).contains("```sh"));
        }
    }

    #[test]
    fn a_clip_is_a_url_or_a_file() {
        let folder = xshell::Shell::new().unwrap().create_temp_dir().unwrap();
        assert_eq!(
            clip("ok(\"http://m/media/1\")", folder.path()).unwrap(),
            "a URL"
        );
        fs::write(folder.path().join("a.ts"), [[0x47; 188]; 2].concat()).unwrap();
        fs::write(folder.path().join("b.ts"), "text").unwrap();
        assert_eq!(clip("a.ts", folder.path()).unwrap(), "a clip, saved");
        assert!(clip("b.ts", folder.path()).is_err());
        assert!(clip("c.ts", folder.path()).is_err());
    }
}
