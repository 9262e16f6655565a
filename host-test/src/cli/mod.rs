//! The commands of `mv-clip`.

mod call;
mod collect;
mod coverage;
mod demo;
mod exit;
mod failures;
mod get;
mod incident;
mod inspect;
mod key;
mod log;
mod mock;
mod options;
mod outcome;
mod output;
mod progress;
mod range;
mod save;
mod settings;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mv_clip_core::text::printable;

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
pub(crate) async fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return help_or_usage(&in_one_line_each(error)),
    };
    log::init(cli.verbose);
    match cli.command {
        Command::Get(args) => get::run(args).await,
        Command::Save(args) => save::run(args).await,
        Command::Incident(args) => incident::run(args).await,
        Command::Range(args) => range::run(args).await,
        Command::Coverage(args) => coverage::run(args).await,
        Command::Verify(args) => verify::run(args).await,
        Command::Mock(args) => outcome::end(mock::run(args).await, false),
        Command::Inspect(args) => outcome::end(inspect::run(&args), false),
        Command::Demo(args) => outcome::end(demo::run(args).await, false),
    }
}

/// Prints the help or the version as they were asked for, or else what is wrong with the arguments.
fn help_or_usage(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    if error.use_stderr() {
        output::print_usage(&text);
        return exit::usage();
    }
    let printed = output::print(&text).map_err(anyhow::Error::from);
    outcome::end(printed, false)
}

/// The same error with the arguments in one line each: in a message that repeats it, an argument with line breaks could
/// pass for messages of its own.
fn in_one_line_each(error: clap::Error) -> clap::Error {
    let arguments = std::env::args_os();
    let arguments = arguments.map(|argument| printable(&argument.to_string_lossy()).into_owned());
    Cli::try_parse_from(arguments).err().unwrap_or(error)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

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
