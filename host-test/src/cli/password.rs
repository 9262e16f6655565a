//! Asks for a password on the terminal.

#[cfg(unix)]
use std::fs::File;
use std::io;
#[cfg(unix)]
use std::io::{Read as _, Write as _};

#[cfg(unix)]
use nix::sys::termios::{self, LocalFlags, SetArg, Termios};
use secrecy::zeroize::Zeroizing;

use super::thread::of_its_own;

/// A password. Its memory is cleared when it is dropped.
pub(super) type Password = Zeroizing<String>;

/// Why there is no password.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    #[error("there is no terminal to ask for its password")]
    NoTerminal(#[source] io::Error),
    #[error("the terminal cannot be asked for its password")]
    Terminal(#[from] io::Error),
    #[cfg(unix)]
    #[error("no password was typed")]
    Nothing,
    #[cfg(unix)]
    #[error("what was typed is too long for a password")]
    TooLong,
    #[cfg(unix)]
    #[error("what was typed is not text in UTF-8")]
    NotText,
}

/// Asks on the terminal of this process, which does not show what is typed. If the future is dropped, the terminal shows it
/// again.
#[cfg(unix)]
pub(super) async fn ask(prompt: String) -> Result<Password, AskError> {
    let terminal = File::options().read(true).write(true).open("/dev/tty");
    let terminal = terminal.map_err(AskError::NoTerminal)?;
    // Here, because the thread that reads may never end.
    let _hidden = Hidden::on(terminal.try_clone()?)?;
    let typed = of_its_own(move || read(terminal, &prompt)).await;
    typed.map_err(io::Error::other)?
}

/// What a terminal keeps of a line, in bytes: it ignores the rest.
#[cfg(unix)]
const LONGEST: usize = 4095;

/// Reads a line. The terminal itself handles the keys that correct it, and Ctrl-C.
#[cfg(unix)]
fn read(mut terminal: File, prompt: &str) -> Result<Password, AskError> {
    terminal.write_all(prompt.as_bytes())?;
    let mut line = Zeroizing::new([0; LONGEST]);
    let length = terminal.read(line.as_mut_slice())?;
    terminal.write_all(b"\n")?;
    let line = line.get(..length).unwrap_or_default();
    let line = match line.strip_suffix(b"\n") {
        Some(line) => line,
        // Ctrl-D ends the line before its end.
        None if length < LONGEST => return Err(AskError::Nothing),
        None => return Err(AskError::TooLong),
    };
    let line = str::from_utf8(line).map_err(|_| AskError::NotText)?;
    Ok(Zeroizing::new(line.to_owned()))
}

/// A terminal that does not show what is typed, until this is dropped.
#[cfg(unix)]
struct Hidden {
    terminal: File,
    before: Termios,
}

#[cfg(unix)]
impl Hidden {
    /// What was typed before the question is not part of the answer.
    fn on(terminal: File) -> io::Result<Self> {
        let before = termios::tcgetattr(&terminal)?;
        let mut hidden = before.clone();
        hidden.local_flags.remove(LocalFlags::ECHO);
        termios::tcsetattr(&terminal, SetArg::TCSAFLUSH, &hidden)?;
        Ok(Self { terminal, before })
    }
}

#[cfg(unix)]
impl Drop for Hidden {
    fn drop(&mut self) {
        // There is nothing else to do about the terminal.
        let _ = termios::tcsetattr(&self.terminal, SetArg::TCSANOW, &self.before);
    }
}

/// Asks on the console of this process, which does not show what is typed.
#[cfg(not(unix))]
pub(super) async fn ask(prompt: String) -> Result<Password, AskError> {
    let typed = of_its_own(|| rpassword::prompt_password(prompt)).await;
    let typed = typed.map_err(io::Error::other)?;
    typed.map(Zeroizing::new).map_err(AskError::NoTerminal)
}
