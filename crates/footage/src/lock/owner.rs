//! The process that an owner file names.

use std::collections::BTreeSet;
use std::fmt;
use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The owner files of this process. After a restart, another process can have the same number.
static HELD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

pub(super) fn held() -> MutexGuard<'static, BTreeSet<String>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A process that writes to a folder.
pub(super) struct Owner {
    pub(super) process: u32,
    pub(super) host: String,
    /// Which start of the machine this is.
    pub(super) boot: String,
    /// In which namespace the process has its number. A container has its own.
    pub(super) namespace: String,
    pub(super) token: u64,
}

/// What the system does not say.
const UNKNOWN: &str = "-";

impl Owner {
    pub(super) fn me() -> Self {
        Self {
            process: process::id(),
            host: word(&host()),
            boot: word(&boot()),
            namespace: word(&namespace()),
            token: rand::random(),
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.strip_suffix('\n')?.split(' ');
        let owner = Self {
            process: words.next()?.parse().ok()?,
            host: words.next()?.to_owned(),
            boot: words.next()?.to_owned(),
            namespace: words.next()?.to_owned(),
            token: u64::from_str_radix(words.next()?, 16).ok()?,
        };
        words.next().is_none().then_some(owner)
    }

    /// Whether this process has ended, as far as `me` can know. Two machines can have the same name, so another start of
    /// a machine with this name is no proof.
    pub(super) fn is_gone(&self, me: &Self, text: &str) -> bool {
        let place = |owner: &Self| [&owner.host, &owner.boot, &owner.namespace].map(String::clone);
        let is_unknown = [&me.boot, &me.namespace]
            .into_iter()
            .any(|part| part == UNKNOWN);
        if is_unknown || place(self) != place(me) {
            return false;
        }
        if self.process == me.process {
            return !held().contains(text);
        }
        !is_alive(self.process)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            process,
            host,
            boot,
            namespace,
            token,
        } = self;
        writeln!(f, "{process} {host} {boot} {namespace} {token:016x}")
    }
}

/// A text as one word.
fn word(text: &str) -> String {
    let word: String = text.split_whitespace().collect();
    if word.is_empty() {
        UNKNOWN.to_owned()
    } else {
        word
    }
}

/// The name of this machine.
fn host() -> String {
    #[cfg(unix)]
    if let Ok(name) = nix::sys::utsname::uname() {
        return name.nodename().to_string_lossy().into_owned();
    }
    String::new()
}

fn boot() -> String {
    let read = cfg!(target_os = "linux")
        .then(|| std::fs::read_to_string("/proc/sys/kernel/random/boot_id"));
    read.and_then(Result::ok).unwrap_or_default()
}

fn namespace() -> String {
    #[cfg(target_os = "linux")]
    if let Ok(found) = std::fs::metadata("/proc/self/ns/pid") {
        return std::os::unix::fs::MetadataExt::ino(&found).to_string();
    }
    String::new()
}

#[cfg(unix)]
fn is_alive(process: u32) -> bool {
    use nix::errno::Errno;
    let process = i32::try_from(process).unwrap_or(i32::MAX);
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(process), None) != Err(Errno::ESRCH)
}

#[cfg(not(unix))]
fn is_alive(_: u32) -> bool {
    true
}
