//! The component at work in other hosts: each folder of `examples/` that can be run, against a mock.

mod node;
pub(crate) mod obelisk;
mod python;
mod report;
mod rust;
mod wasmcloud;
mod wasmtime_cli;
mod wheel;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use crate::harness::Harness;
use crate::mock::{KEY, Mock};
use crate::process;
use crate::step::Tool;
use crate::workspace::Workspace;

pub(crate) use report::Report;

/// What there is to say of a host.
#[derive(Debug)]
pub(crate) struct About {
    name: &'static str,
    /// In `examples/`.
    folder: &'static str,
    version: String,
    /// What a person types, in words.
    shown: &'static str,
    /// What is deployed beside what comes with the host, in bytes.
    deployed: u64,
}

/// A host, ready to run the component.
pub(crate) struct Host {
    about: About,
    /// Starts the host, asks for one clip, and ends it.
    get_clip: Box<GetClip>,
    /// What else the example has to do.
    also: Option<Box<Also>>,
}

type GetClip = dyn Fn(&Call<'_>) -> Result<Answer>;

type Also = dyn Fn(&Mock) -> Result<()>;

/// One clip of whom, and where the host finds what it needs.
pub(crate) struct Call<'a> {
    window: Window,
    base_url: &'a str,
    component: PathBuf,
    /// To be written to.
    folder: &'a Path,
}

/// What a host says.
pub(crate) struct Answer {
    has_clip: bool,
    words: String,
}

/// A host that is one process for one clip.
fn process_per_clip(command: impl Fn(&Window) -> Command + 'static) -> Box<GetClip> {
    Box::new(move |call| {
        let mut command = command(&call.window);
        command
            .current_dir(call.folder)
            .env("MERAKI_BASE_URL", call.base_url)
            .env("MERAKI_DASHBOARD_API_KEY", KEY)
            .env("COMPONENT", &call.component);
        eprintln!("    $ {}", process::line(&command));
        let output = command.output();
        let output = output.with_context(|| format!("{command:?} does not start"))?;
        Ok(Answer::of(&output))
    })
}

impl Answer {
    fn of(output: &Output) -> Self {
        let both = [output.stdout.as_slice(), &output.stderr].concat();
        Self {
            has_clip: output.status.success(),
            words: String::from_utf8_lossy(&both).trim().to_owned(),
        }
    }
}

/// Which footage.
pub(crate) struct Window {
    serial: String,
    start: DateTime<Utc>,
    end: DateTime<Utc>,
}

impl Window {
    /// Two minutes of footage, ten minutes old.
    fn of(serial: &str) -> Self {
        let end = Utc::now() - TimeDelta::minutes(10);
        Self {
            serial: serial.to_owned(),
            start: end - TimeDelta::minutes(2),
            end,
        }
    }

    /// Serial, start and end, as most examples take them.
    fn arguments(&self) -> [String; 3] {
        [self.serial.clone(), text(self.start), text(self.end)]
    }
}

fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The manifests of those that are components, and workspaces of their own.
pub(crate) const COMPONENTS: [&str; 2] = [
    "examples/http-handler/Cargo.toml",
    "examples/obelisk/Cargo.toml",
];

/// How a host is made ready.
pub(crate) struct Example {
    pub(crate) name: &'static str,
    pub(crate) install: fn(&Workspace) -> Result<Tool<Host>>,
    /// Whether that takes seconds.
    pub(crate) is_quick: bool,
}

/// All of them.
static ALL: [Example; 7] = [
    Example {
        name: "wasmtime-cli",
        install: wasmtime_cli::install,
        is_quick: true,
    },
    Example {
        name: "python",
        install: python::install,
        is_quick: true,
    },
    Example {
        name: "node",
        install: node::install,
        is_quick: true,
    },
    Example {
        name: "rust",
        install: rust::alone,
        is_quick: false,
    },
    Example {
        name: "rust-harness",
        install: rust::with_the_harness,
        is_quick: false,
    },
    Example {
        name: "obelisk",
        install: obelisk::install,
        is_quick: false,
    },
    Example {
        name: "wasmcloud",
        install: wasmcloud::install,
        is_quick: false,
    },
];

/// Those that install in seconds.
pub(crate) fn quick() -> Vec<&'static Example> {
    ALL.iter().filter(|example| example.is_quick).collect()
}

/// The examples that `names` names: all, where none is named; or those that are `quick`.
///
/// # Errors
///
/// One of `names` is none.
pub(crate) fn chosen(is_quick: bool, names: &[String]) -> Result<Vec<&'static Example>> {
    if is_quick {
        return Ok(quick());
    }
    if names.is_empty() {
        return Ok(ALL.iter().collect());
    }
    let example = |name: &String| {
        let found = ALL.iter().find(|example| example.name == name);
        let all = ALL.each_ref().map(|example| example.name).join(", ");
        found.with_context(|| format!("`{name}` is none of {all}"))
    };
    names.iter().map(example).collect()
}

/// What one host made of two calls: for a clip, and for a camera that is not known (404).
#[derive(Debug)]
pub(crate) struct Row {
    about: About,
    result: &'static str,
    /// From the start of the host to the clip.
    cold: Duration,
    not_found: String,
}

/// A serial that the mock does not know.
const UNKNOWN: &str = "Q2XX-XXXX-XXXX";

/// Gets a clip with `host`, and fails to get one.
///
/// # Errors
///
/// There is no clip, or none was missed where there is no camera.
pub(crate) fn check(workspace: &Workspace, mock: &Mock, host: Host) -> Result<Row> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let get_clip = |serial: &str| {
        (host.get_clip)(&Call {
            window: Window::of(serial),
            base_url: mock.base_url(),
            component: workspace.component(),
            folder: folder.path(),
        })
    };
    // Once for what a host keeps for the next time, such as compiled code.
    expect_clip(&get_clip(mock.serial()?)?, folder.path())?;
    let started = Instant::now();
    let answer = get_clip(mock.serial()?)?;
    let cold = started.elapsed();
    let result = expect_clip(&answer, folder.path())?;
    let not_found = get_clip(UNKNOWN)?.words;
    ensure!(
        not_found.contains("404"),
        "a camera that is not known is told so: {not_found}"
    );
    if let Some(check) = &host.also {
        check(mock)?;
    }
    Ok(Row {
        about: host.about,
        result,
        cold,
        not_found,
    })
}

/// What is printed: the URL of a clip, or a file that is one.
fn expect_clip(Answer { has_clip, words }: &Answer, folder: &Path) -> Result<&'static str> {
    ensure!(has_clip, "there is no clip: {words}");
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

/// How large a file or all files of a folder are, in bytes.
fn size(path: &Path) -> Result<u64> {
    let failed = || format!("cannot read {}", path.display());
    let metadata = fs::metadata(path).with_context(failed)?;
    if metadata.is_file() {
        return Ok(metadata.len());
    }
    let mut total = 0;
    for entry in fs::read_dir(path).with_context(failed)? {
        total += size(&entry.with_context(failed)?.path())?;
    }
    Ok(total)
}

/// A mock for all of them.
///
/// # Errors
///
/// The harness does not build, or the mock does not start.
pub(crate) fn mock(workspace: &Workspace) -> Result<Mock> {
    Mock::start(&Harness::build(workspace)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_is_chosen_by_name() {
        let names = |chosen: Result<Vec<&Example>>| {
            chosen.unwrap().iter().map(|e| e.name).collect::<Vec<_>>()
        };
        assert_eq!(names(chosen(false, &["rust".to_owned()])), ["rust"]);
        assert_eq!(names(chosen(false, &[])).len(), ALL.len());
        assert!(names(chosen(true, &[])).len() < ALL.len());
        let error = chosen(false, &["ruby".to_owned()]).err().unwrap();
        assert!(error.to_string().contains("node"), "{error}");
    }

    #[test]
    fn every_example_has_its_folder_and_says_how_to_run_it() {
        let workspace = Workspace::load().unwrap();
        for Example { name, .. } in &ALL {
            let readme = workspace
                .root()
                .join("examples")
                .join(name)
                .join("README.md");
            let text = fs::read_to_string(&readme).unwrap_or_default();
            assert!(text.contains("```sh"), "{}", readme.display());
        }
    }
}
