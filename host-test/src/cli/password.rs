//! Asks for a password on the terminal.

#[cfg(unix)]
use std::fs::File;
use std::future::pending;
use std::io;

#[cfg(unix)]
use nix::sys::termios::{self, LocalFlags, SetArg, Termios};
use secrecy::zeroize::Zeroizing;

use super::thread::of_its_own;

/// A password. Its memory is cleared when it is dropped.
pub(super) type Password = Zeroizing<String>;

/// Asks on the terminal of this process, which does not show what is typed. If the future is dropped, the terminal shows it
/// again.
pub(super) async fn ask(prompt: String) -> io::Result<Password> {
    let _restored = Terminal::hide();
    let typed = of_its_own(|| rpassword::prompt_password(prompt)).await;
    match typed.map_err(io::Error::other)? {
        // Ctrl-C was typed, and sent to this process as a signal, which ends the command.
        Err(error) if error.kind() == io::ErrorKind::Interrupted => pending().await,
        typed => typed.map(Zeroizing::new),
    }
}

/// Hides what is typed, also before the thread that reads the password does so. Sets the terminal back to how it was: that
/// thread may never get to it.
#[cfg(unix)]
struct Terminal {
    terminal: File,
    before: Termios,
}

#[cfg(unix)]
impl Terminal {
    fn hide() -> Option<Self> {
        let terminal = File::open("/dev/tty").ok()?;
        let before = termios::tcgetattr(&terminal).ok()?;
        let mut hidden = before.clone();
        hidden.local_flags.remove(LocalFlags::ECHO);
        termios::tcsetattr(&terminal, SetArg::TCSANOW, &hidden).ok()?;
        Some(Self { terminal, before })
    }
}

#[cfg(unix)]
impl Drop for Terminal {
    fn drop(&mut self) {
        // There is nothing else to do about the terminal.
        let _ = termios::tcsetattr(&self.terminal, SetArg::TCSANOW, &self.before);
    }
}

#[cfg(not(unix))]
struct Terminal;

#[cfg(not(unix))]
impl Terminal {
    fn hide() -> Self {
        Self
    }
}
