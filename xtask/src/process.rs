//! The one way in which xtask runs other programs.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result, ensure};

/// Runs `command` with xtask's own input and output, after printing it.
///
/// # Errors
///
/// The program cannot be started, or ends with another status than 0.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = line(command);
    eprintln!("    $ {line}");
    let status = command.status().with_context(|| not_started(command))?;
    ensure!(status.success(), "`{line}` ended with {status}");
    Ok(())
}

/// Runs `command` as [`run`] does, and gives its status and what it wrote to standard error.
///
/// # Errors
///
/// The program cannot be started, or its words cannot be read.
pub(crate) fn watch(command: &mut Command) -> Result<(ExitStatus, String)> {
    let line = line(command);
    eprintln!("    $ {line}");
    let mut child = command
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| not_started(command))?;
    let mut words = String::new();
    if let Some(stderr) = child.stderr.take() {
        for part in BufReader::new(stderr).split(b'\n') {
            let part = part.with_context(|| format!("cannot read what `{line}` says"))?;
            let part = String::from_utf8_lossy(&part);
            eprintln!("{part}");
            words.push_str(&part);
            words.push('\n');
        }
    }
    let status = child
        .wait()
        .with_context(|| format!("cannot wait for `{line}`"))?;
    Ok((status, words))
}

/// Runs `command` unseen and gives what it wrote to standard output, without white space at the
/// ends.
///
/// # Errors
///
/// The program cannot be started, ends with another status than 0 (its standard error is then in
/// the message), or writes something that is not UTF-8.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| not_started(command))?;
    ensure!(
        output.status.success(),
        "`{}` ended with {}: {}",
        line(command),
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let text = String::from_utf8(output.stdout)
        .with_context(|| format!("`{}` wrote something that is not UTF-8", line(command)))?;
    Ok(text.trim().to_owned())
}

/// Starts `command`, whose standard output is for the caller to read, after printing it.
///
/// Its standard input ends with xtask, however that ends: a signal leaves no time for [`Drop`].
///
/// # Errors
///
/// The program cannot be started.
pub(crate) fn start(command: &mut Command) -> Result<Background> {
    eprintln!("    $ {} &", line(command));
    let child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| not_started(command))?;
    Ok(Background(child))
}

/// Starts `command` for programs that run until they are ended; all that it says goes to the file `log`.
///
/// # Errors
///
/// The file cannot be made, or the program cannot be started.
pub(crate) fn start_with_log(command: &Command, log: &Path) -> Result<Background> {
    let failed = || format!("cannot write {}", log.display());
    let file = File::create(log).with_context(failed)?;
    eprintln!("    $ {} &", line(command));
    let child = ended_with_xtask(command)
        .stdin(Stdio::null())
        .stderr(file.try_clone().with_context(failed)?)
        .stdout(file)
        .spawn()
        .with_context(|| not_started(command))?;
    Ok(Background(child))
}

/// `command`, so that it ends with xtask however that ends, where Linux's setpriv is; elsewhere as it is.
fn ended_with_xtask(command: &Command) -> Command {
    let (program, args) = (command.get_program(), command.get_args());
    let mut ended = match which::which("setpriv") {
        Ok(setpriv) => {
            let mut setpriv = Command::new(setpriv);
            setpriv.args(["--pdeathsig", "KILL", "--"]).arg(program);
            setpriv
        }
        Err(_) => Command::new(program),
    };
    ended.args(args);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => ended.env(name, value),
            None => ended.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        ended.current_dir(folder);
    }
    ended
}

/// A running program that ends, at the latest, with this value.
#[derive(Debug)]
pub(crate) struct Background(pub(crate) Child);

impl Drop for Background {
    fn drop(&mut self) {
        // Both fail only for a child that has ended and been waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `command` as a line for a POSIX shell, with the variables that it sets.
pub(crate) fn line(command: &Command) -> String {
    let set = command
        .get_envs()
        .filter_map(|(name, value)| Some(format!("{}={}", name.to_string_lossy(), quote(value?))));
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    set.chain(words.map(quote)).collect::<Vec<_>>().join(" ")
}

fn quote(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    // Refuses only a NUL byte, which no argument can hold.
    shlex::try_quote(&word).map_or_else(|_| word.to_string(), Into::into)
}

fn not_started(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    format!("could not start `{program}`; is it installed and on the PATH?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_can_be_pasted_into_a_shell() {
        let mut command = Command::new("cargo");
        command
            .args(["test", "it's here", ""])
            .env("A", "b c")
            .env_remove("GONE");
        assert_eq!(line(&command), r#"A='b c' cargo test "it's here" ''"#);
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&mut Command::new("no-such-program")).unwrap_err();
        assert!(error.to_string().contains("`no-such-program`"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_failure_says_the_command_its_status_and_its_complaint() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo complaint >&2; exit 3"]);
        let error = read(&mut command).unwrap_err().to_string();
        assert!(
            error.contains("sh -c") && error.contains(": 3: complaint"),
            "{error}"
        );
        let error = run(&mut command).unwrap_err().to_string();
        assert!(error.ends_with("ended with exit status: 3"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_watched_is_kept_with_the_status() {
        let mut command = Command::new("sh");
        command.args(["-c", r"printf 'a\nb\377' >&2; exit 3"]);
        let (status, words) = watch(&mut command).unwrap();
        assert_eq!((status.code(), words.as_str()), (Some(3), "a\nb\u{fffd}\n"));
    }

    #[cfg(unix)]
    #[test]
    fn a_log_has_all_that_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut command = Command::new("sh");
        command.args(["-c", "echo a; echo b >&2"]);
        let mut background = start_with_log(&command, &log).unwrap();
        background.0.wait().unwrap();
        assert_eq!(std::fs::read_to_string(log).unwrap(), "a\nb\n");
    }

    #[cfg(unix)]
    #[test]
    fn a_background_program_sees_its_input_end() {
        let mut background = start(&mut Command::new("cat")).unwrap();
        assert!(background.0.try_wait().unwrap().is_none());
        // What the system does with a pipe of a process that is no more.
        drop(background.0.stdin.take());
        assert!(background.0.wait().unwrap().success());
    }

    #[cfg(unix)]
    #[test]
    fn a_background_program_ends_with_its_value() {
        let background = start(Command::new("sleep").arg("60")).unwrap();
        let pid = background.0.id().to_string();
        let alive = || read(Command::new("kill").args(["-0", &pid])).is_ok();
        assert!(alive());
        drop(background);
        assert!(!alive());
    }
}
