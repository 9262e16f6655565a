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

/// Asks on the terminal of this process, which does not show what is typed. If the future is dropped, the terminal shows it
/// again.
#[cfg(unix)]
pub(super) async fn ask(prompt: String) -> io::Result<Password> {
    let terminal = File::options().read(true).write(true).open("/dev/tty")?;
    // Here, because the thread that reads may never end.
    let _hidden = Hidden::on(terminal.try_clone()?)?;
    let typed = of_its_own(move || read(terminal, &prompt)).await;
    typed.map_err(io::Error::other)?
}

/// Reads a line. The terminal itself handles the keys that correct it, and Ctrl-C.
#[cfg(unix)]
fn read(mut terminal: File, prompt: &str) -> io::Result<Password> {
    terminal.write_all(prompt.as_bytes())?;
    let mut line = Zeroizing::new([0; 4 << 10]);
    let length = terminal.read(line.as_mut_slice())?;
    terminal.write_all(b"\n")?;
    let line = line.get(..length).unwrap_or_default();
    let line = line
        .strip_suffix(b"\n")
        .ok_or(io::ErrorKind::UnexpectedEof)?;
    let line = str::from_utf8(line).map_err(io::Error::other)?;
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
    fn on(terminal: File) -> io::Result<Self> {
        let before = termios::tcgetattr(&terminal)?;
        let mut hidden = before.clone();
        hidden.local_flags.remove(LocalFlags::ECHO);
        termios::tcsetattr(&terminal, SetArg::TCSANOW, &hidden)?;
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
pub(super) async fn ask(prompt: String) -> io::Result<Password> {
    let typed = of_its_own(|| rpassword::prompt_password(prompt)).await;
    typed.map_err(io::Error::other)?.map(Zeroizing::new)
}
