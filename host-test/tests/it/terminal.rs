//! Runs commands at a terminal, which `script` of util-linux makes.

use std::process::Stdio;

use tokio::process::Command;

/// A program as a line for a shell.
pub(crate) fn line(program: &Command) -> String {
    let program = program.as_std();
    let words = [program.get_program()]
        .into_iter()
        .chain(program.get_args());
    shlex::try_join(words.map(|word| word.to_str().unwrap())).unwrap()
}

/// Runs a line of a shell at a terminal, with the variables of a program. `None`, with a word, if nothing can make a
/// terminal.
pub(crate) fn script(line: &str, program: &Command) -> Option<Command> {
    if std::process::Command::new("script")
        .arg("--version")
        .output()
        .is_err()
    {
        println!("skipped: there is no `script` (Debian: apt-get install bsdutils)");
        return None;
    }
    let mut terminal = Command::new("script");
    let variables = program.as_std().get_envs();
    terminal
        .args(["--quiet", "--flush", "--command", line, "/dev/null"])
        .env_clear()
        .envs(variables.filter_map(|(name, value)| Some((name, value?))))
        .env("SHELL", "/bin/sh")
        // Otherwise no bars are drawn.
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    Some(terminal)
}
