//! The commands of `mv-clip`.

/// `println!`, for output that may be piped into `head`: a reader that has left is no error.
macro_rules! say {
    ($($argument:tt)*) => {
        $crate::cli::say(format_args!($($argument)*))
    };
}

mod call;
mod collect;
mod coverage;
mod demo;
mod get;
mod incident;
mod inspect;
mod mock;
mod outcome;
mod range;
mod save;
mod settings;
mod verify;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Runs the mv-clip component against the Meraki API, or against a mock of it.
#[derive(Parser)]
#[command(name = "mv-clip", version)]
pub(crate) struct Cli {
    /// Log to standard error: -v what is done, -vv each request. Neither the API key nor a clip's
    /// URL is ever logged.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, display_order = 100)]
    verbose: u8,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Get(get::Args),
    Save(save::Args),
    Incident(incident::Args),
    Range(range::Args),
    Coverage(coverage::Args),
    Verify(verify::Args),
    Mock(mock::MockArgs),
    Inspect(inspect::Args),
    Demo(demo::Args),
}

/// The crates whose events are logged.
const CRATES: [&str; 4] = ["mv_clip", "mv_clip_host", "mv_clip_footage", "meraki_mock"];

/// The environment variable that says which component to run.
const COMPONENT: &str = "MV_CLIP_COMPONENT";

/// The environment variable that says where compiled components are kept.
const CACHE: &str = "MV_CLIP_CACHE";

/// Which component to run.
#[derive(clap::Args)]
struct ComponentFile {
    /// The component; `cargo xtask build` makes it.
    #[arg(
        long,
        value_name = "FILE",
        env = COMPONENT,
        default_value = "target/component/mv-clip.wasm"
    )]
    component: PathBuf,

    /// Where compiled components are kept, so that only the first run compiles: a folder of your own
    /// [default: mv-clip in your cache folder].
    #[arg(long, value_name = "DIR", env = CACHE)]
    cache: Option<PathBuf>,
}

/// Who holds the API key while the component runs.
#[derive(clap::Args)]
struct KeyHolder {
    /// What the component gets of MERAKI_DASHBOARD_API_KEY.
    #[arg(long, value_enum, value_name = "MODE", default_value_t)]
    key_mode: KeyOption,
}

#[derive(Clone, Copy, Default, clap::ValueEnum)]
enum KeyOption {
    /// The key itself, as a setting.
    #[default]
    Environment,
    /// A random token, which is swapped for the key on its way to the API.
    Placeholder,
    /// Nothing: the key is added on the way to the API.
    Injection,
}

pub(crate) async fn run(cli: Cli) -> ExitCode {
    log(cli.verbose);
    let result = match cli.command {
        Command::Get(args) => return get::run(args).await,
        Command::Save(args) => return save::run(args).await,
        Command::Incident(args) => return incident::run(args).await,
        Command::Range(args) => return range::run(args).await,
        Command::Coverage(args) => return coverage::run(args).await,
        Command::Verify(args) => return verify::run(args).await,
        Command::Mock(args) => mock::run(args).await,
        Command::Inspect(args) => inspect::run(&args),
        Command::Demo(args) => demo::run(args).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Logs events of the workspace's own crates only: other crates may log secrets.
fn log(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    let own = Targets::new().with_targets(CRATES.map(|name| (name, level)));
    let mut to_stderr = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    if !std::io::stderr().is_terminal() {
        to_stderr = to_stderr.with_ansi(false);
    }
    tracing_subscriber::registry()
        .with(to_stderr)
        .with(own)
        .init();
}

fn say(line: std::fmt::Arguments<'_>) {
    use std::io::Write;
    // Nobody is left to be told.
    let _ = writeln!(std::io::stdout(), "{}", harmless(&line.to_string()));
}

/// Without what would steer the terminal: a component's words may be in it.
fn harmless(text: &str) -> String {
    let is_steering = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    text.replace(is_steering, "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_does_not_steer_the_terminal() {
        let printed = harmless("a\tb\nc\u{1b}[2J\u{7f}\u{9b}");
        assert_eq!(printed, "a\tb\nc\u{fffd}[2J\u{fffd}\u{fffd}");
    }
}
