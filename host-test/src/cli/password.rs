//! Asks for a password on the terminal.

use std::io;

use secrecy::zeroize::Zeroizing;

use super::thread::of_its_own;

/// A password. Its memory is cleared when it is dropped.
pub(super) type Password = Zeroizing<String>;

/// Asks on the terminal of this process, which does not show what is typed. If the future is dropped, the terminal shows it
/// again.
pub(super) async fn ask(prompt: String) -> io::Result<Password> {
    let _restored = Terminal::remember();
    let typed = of_its_own(|| rpassword::prompt_password(prompt)).await;
    typed.map_err(io::Error::other)?.map(Zeroizing::new)
}

/// Sets the terminal back to how it was: the thread that reads the password may never get to that.
#[cfg(unix)]
struct Terminal {
    terminal: std::fs::File,
    before: nix::sys::termios::Termios,
}

#[cfg(unix)]
impl Terminal {
    fn remember() -> Option<Self> {
        let terminal = std::fs::File::open("/dev/tty").ok()?;
        let before = nix::sys::termios::tcgetattr(&terminal).ok()?;
        Some(Self { terminal, before })
    }
}

#[cfg(unix)]
impl Drop for Terminal {
    fn drop(&mut self) {
        use nix::sys::termios::{SetArg, tcsetattr};
        // There is nothing else to do about the terminal.
        let _ = tcsetattr(&self.terminal, SetArg::TCSANOW, &self.before);
    }
}

#[cfg(not(unix))]
struct Terminal;

#[cfg(not(unix))]
impl Terminal {
    fn remember() -> Self {
        Self
    }
}
