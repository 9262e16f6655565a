//! One writer for a folder.
//!
//! The writer locks the log. Some shares of other machines have no locks; there, a file that only one process can
//! create says who writes. A file outlives a process that is killed. So it names the process, and the next one on the
//! same machine takes the folder over if that process is gone.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::process;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::folder::Folder;
use crate::names::OWNER;

/// A process is named in fewer bytes.
const MOST: u64 = 4_096;

/// How long an owner file may have no content.
const UNNAMED: Duration = Duration::from_secs(10);

/// The owner files of this process. After a restart, another process can have the same number.
static HELD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// What came of an attempt to take a folder.
pub(crate) enum Attempt {
    /// The folder is taken until this is dropped.
    Taken(Lock),
    /// Another run has it.
    Busy(String),
}

/// The right to write to a folder.
#[derive(Debug)]
pub(crate) struct Lock {
    /// The content of the owner file, if there are no locks.
    owner: Option<String>,
}

impl Lock {
    /// Takes the folder whose log this is, if nobody has it.
    pub(crate) fn attempt(folder: &Folder, log: &File) -> io::Result<Attempt> {
        match log.try_lock() {
            Ok(()) => Ok(Attempt::Taken(Self { owner: None })),
            Err(TryLockError::WouldBlock) => Ok(Attempt::Busy("another run".to_owned())),
            Err(TryLockError::Error(error)) => {
                tracing::info!(%error, "the file system has no locks");
                Self::attempt_without_locks(folder)
            }
        }
    }

    fn attempt_without_locks(folder: &Folder) -> io::Result<Attempt> {
        let me = Owner::me();
        let text = me.to_string();
        loop {
            match folder.create_new(OWNER) {
                Ok(mut file) => {
                    held().insert(text.clone());
                    let lock = Self { owner: Some(text) };
                    if let Err(error) = file.write_all(lock.text().as_bytes()) {
                        lock.release(folder);
                        return Err(error);
                    }
                    return Ok(Attempt::Taken(lock));
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            let found = match folder.read_bounded(OWNER, MOST) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                found => found?,
            };
            let found = String::from_utf8_lossy(&found).into_owned();
            let owner = Owner::parse(&found);
            let is_gone = match &owner {
                Some(owner) => owner.is_gone(&me, &found),
                None => found.is_empty() && is_old(folder)?,
            };
            if is_gone {
                tracing::info!(found, "a run was killed: its owner file is removed");
                folder.remove(OWNER)?;
                continue;
            }
            let who = match owner {
                Some(Owner { process, host, .. }) => format!("process {process} on {host}"),
                None => "another run".to_owned(),
            };
            return Ok(Attempt::Busy(format!(
                "{who}, as {OWNER} says; if it no longer runs, remove this file"
            )));
        }
    }

    /// Whether nobody has removed or replaced the owner file, if there is one.
    pub(crate) fn is_held(&self, folder: &Folder) -> bool {
        self.owner.is_none()
            || folder
                .read_bounded(OWNER, MOST)
                .is_ok_and(|found| found == self.text().as_bytes())
    }

    /// Whether the file system has no locks.
    pub(crate) fn is_file(&self) -> bool {
        self.owner.is_some()
    }

    /// Lets others take the folder. The file system's own lock ends with the log's handle.
    pub(crate) fn release(&self, folder: &Folder) {
        if let Some(owner) = &self.owner {
            held().remove(owner);
            let is_mine = folder
                .read_bounded(OWNER, MOST)
                .is_ok_and(|found| owner.as_bytes().starts_with(&found));
            if is_mine {
                // Another run removes what cannot be removed here.
                let _ = folder.remove(OWNER);
            }
        }
    }

    fn text(&self) -> &str {
        self.owner.as_deref().unwrap_or_default()
    }
}

fn held() -> std::sync::MutexGuard<'static, BTreeSet<String>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A process that writes to a folder.
struct Owner {
    process: u32,
    host: String,
    token: u64,
}

impl Owner {
    fn me() -> Self {
        Self {
            process: process::id(),
            host: host(),
            token: rand::random(),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.strip_suffix('\n')?.split(' ');
        let owner = Self {
            process: words.next()?.parse().ok()?,
            host: words.next()?.to_owned(),
            token: u64::from_str_radix(words.next()?, 16).ok()?,
        };
        words.next().is_none().then_some(owner)
    }

    /// Whether this process has ended, as far as `me`, on its own machine, can know.
    fn is_gone(&self, me: &Self, text: &str) -> bool {
        if self.host != me.host {
            return false;
        }
        if self.process == me.process {
            return !held().contains(text);
        }
        !is_alive(self.process)
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            process,
            host,
            token,
        } = self;
        writeln!(f, "{process} {host} {token:016x}")
    }
}

/// Whether the owner file is older than the moment between its creation and its content.
fn is_old(folder: &Folder) -> io::Result<bool> {
    let Some(found) = folder.look(OWNER)? else {
        return Ok(true);
    };
    let age = found.modified()?.into_std().elapsed();
    Ok(age.is_ok_and(|age| age > UNNAMED))
}

/// The name of this machine, in one word.
#[cfg(unix)]
fn host() -> String {
    let name = nix::sys::utsname::uname();
    let name = name
        .as_ref()
        .map(|found| found.nodename().to_string_lossy());
    let name = name.unwrap_or_default();
    let word: String = name.split_whitespace().collect();
    if word.is_empty() {
        "-".to_owned()
    } else {
        word
    }
}

#[cfg(not(unix))]
fn host() -> String {
    "-".to_owned()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(temporary.path()).unwrap();
        (temporary, folder)
    }

    fn taken(attempt: io::Result<Attempt>) -> Lock {
        match attempt.unwrap() {
            Attempt::Taken(lock) => lock,
            Attempt::Busy(who) => panic!("{who} has it"),
        }
    }

    fn busy(attempt: io::Result<Attempt>) -> String {
        match attempt.unwrap() {
            Attempt::Taken(_) => panic!("two have it"),
            Attempt::Busy(who) => who,
        }
    }

    #[test]
    fn a_lock_keeps_others_away_until_the_log_is_closed() {
        let (_temporary, folder) = folder();
        let [first, second] = [(), ()].map(|()| folder.append("log").unwrap());
        let lock = taken(Lock::attempt(&folder, &first));
        assert_eq!(busy(Lock::attempt(&folder, &second)), "another run");
        lock.release(&folder);
        drop(first);
        taken(Lock::attempt(&folder, &second));
        assert_eq!(folder.names().unwrap(), ["log"]);
    }

    #[test]
    fn without_locks_a_file_keeps_others_away() {
        let (_temporary, folder) = folder();
        let lock = taken(Lock::attempt_without_locks(&folder));
        let who = busy(Lock::attempt_without_locks(&folder));
        assert!(
            who.starts_with(&format!("process {} on ", process::id())),
            "{who}"
        );
        assert!(lock.is_held(&folder));
        lock.release(&folder);
        assert!(folder.names().unwrap().is_empty());
        assert!(!lock.is_held(&folder));
        taken(Lock::attempt_without_locks(&folder));
    }

    #[test]
    fn the_file_of_a_process_that_is_gone_is_taken_over() {
        let gone = Owner {
            // The highest number that a process can have on Linux is far lower.
            process: 0x7fff_fff0,
            ..Owner::me()
        };
        let restarted = Owner::me();
        for owner in [gone, restarted] {
            let (temporary, folder) = folder();
            std::fs::write(temporary.path().join(OWNER), owner.to_string()).unwrap();
            taken(Lock::attempt_without_locks(&folder));
        }
    }

    #[test]
    fn the_file_of_an_unknown_process_is_respected() {
        let elsewhere = Owner {
            host: "elsewhere".to_owned(),
            ..Owner::me()
        };
        for text in [elsewhere.to_string(), String::new(), "1 2 3 4".to_owned()] {
            let (temporary, folder) = folder();
            std::fs::write(temporary.path().join(OWNER), text).unwrap();
            let who = busy(Lock::attempt_without_locks(&folder));
            assert!(who.contains("remove this file"), "{who}");
        }
    }
}
