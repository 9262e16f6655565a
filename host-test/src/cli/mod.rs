//! The commands of `mv-clip`.

mod call;
mod camera;
mod clock;
mod collect;
mod coverage;
mod deadline;
mod demo;
mod environment;
mod exit;
mod failures;
mod get;
mod incident;
mod inspect;
mod key;
mod log;
mod mock;
mod notes;
mod options;
mod outcome;
mod output;
mod password;
mod plain_http;
mod progress;
mod range;
mod save;
mod settings;
mod shell;
mod signing;
mod stop;
mod stopped;
mod thread;
mod times;
mod unsaved;
mod verify;

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser, Subcommand};
use mv_clip_core::text::printable;
use tokio::runtime;

use self::exit::Usage;
use self::stop::Stop;

/// Get recorded video from Cisco Meraki MV cameras
///
/// The API key is in the file of --key-file, or in MERAKI_DASHBOARD_API_KEY. To try it without a camera, run `mv-clip demo` or `mv-clip mock`.
#[derive(Parser)]
#[command(name = "mv-clip", bin_name = "mv-clip", version, after_help = exit::HELP)]
struct Cli {
    /// Log to standard error: -v for calls, -vv for each request (never the API key or the URL of a clip)
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

/// Runs the command of this process.
pub(crate) fn run() -> ExitCode {
    // First, so that a signal at any later time ends the command properly.
    let stop = match Stop::watch() {
        Ok(stop) => stop,
        Err(error) => return outcome::end(Err(error.into()), wants_json()),
    };
    restrict_umask();
    // One thread starts faster than many and suffices for I/O. Computations run on blocking threads.
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return outcome::end(Err(error.into()), wants_json()),
    };
    let code = runtime.block_on(command(&stop));
    // Does not wait for blocking work that is still running, such as a compilation.
    runtime.shutdown_background();
    code
}

async fn command(stop: &Stop) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return help_or_usage(with_one_line_arguments(error)),
    };
    log::init(cli.verbose);
    if let Err(error) = environment::check() {
        return outcome::end(Err(error.into()), wants_json());
    }
    match cli.command {
        Command::Get(args) => get::run(args, stop).await,
        Command::Save(args) => save::run(args, stop).await,
        Command::Incident(args) => incident::run(args, stop).await,
        Command::Range(args) => range::run(args, stop).await,
        Command::Coverage(args) => coverage::run(args, stop).await,
        Command::Verify(args) => verify::run(args, stop).await,
        Command::Mock(args) => outcome::end(mock::run(args, stop).await, false),
        Command::Inspect(args) => outcome::end(inspect::run(&args, stop).await, wants_json()),
        Command::Demo(args) => outcome::end(demo::run(args, stop).await, wants_json()),
    }
}

/// Whether `--json` is among the arguments, also if they are wrong.
fn wants_json() -> bool {
    let arguments = std::env::args_os().skip(1);
    let mut options = arguments.take_while(|argument| argument != "--");
    options.any(|argument| argument == "--json")
}

/// Makes new files of this process writable for this user alone, whatever the umask is: compiled components are run as
/// native code.
#[cfg(unix)]
fn restrict_umask() {
    use nix::sys::stat::{Mode, umask};
    let others = Mode::S_IWGRP | Mode::S_IWOTH;
    let given = umask(others);
    umask(given | others);
}

#[cfg(not(unix))]
fn restrict_umask() {}

/// Prints the help or the version, if requested, or else what is wrong with the arguments.
fn help_or_usage(mut error: clap::Error) -> ExitCode {
    set_usage(&mut error);
    let text = error.render().to_string();
    if error.use_stderr() && wants_json() {
        let message = text.strip_prefix("error: ").unwrap_or(&text);
        return outcome::end(Err(Usage(message.trim_end().to_owned()).into()), true);
    }
    if error.use_stderr() {
        output::print_usage(&text);
        return exit::usage();
    }
    let printed = output::print(&text).map_err(anyhow::Error::from);
    outcome::end(printed, false)
}

/// Gives an error the usage of its command. clap's own lists what the environment sets, as if it were in the arguments.
fn set_usage(error: &mut clap::Error) {
    if error.get(ContextKind::Usage).is_none() {
        return;
    }
    let mut command = Cli::command();
    command.build();
    let mut arguments = std::env::args_os().skip(1);
    let named = arguments.find_map(|argument| command.find_subcommand(argument).cloned());
    let usage = named.unwrap_or(command).render_usage();
    error.insert(ContextKind::Usage, ContextValue::StyledStr(usage));
}

/// The same error, with each argument in one line. Otherwise an argument with line breaks could look like several
/// messages.
fn with_one_line_arguments(error: clap::Error) -> clap::Error {
    let arguments = std::env::args_os();
    let arguments = arguments.map(|argument| printable(&argument.to_string_lossy()).into_owned());
    Cli::try_parse_from(arguments).err().unwrap_or(error)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    #[test]
    fn the_definition_of_the_command_line_is_valid() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_help_names_another_program() {
        let mut command = Cli::command();
        command.build();
        for mut command in command.get_subcommands().cloned() {
            let help = command.render_long_help().to_string();
            assert!(!help.contains("host-test"), "{help}");
            assert!(help.contains("Usage: mv-clip "), "{help}");
        }
    }
}
