//! One writer for a folder.
//!
//! The writer locks the log. Some shares of other machines have no locks; there, a file that only one process can
//! create says who writes. A file outlives a process that is killed. So it names the process, and the next one takes
//! the folder over if that process is gone. Only a process of the same start of the same machine, and with the same
//! process numbers, can know this. It never does if the system does not say which start it is, as only Linux does.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::process;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::folder::{Folder, WriteError};
use crate::names::{self, LOG, OWNER};

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
    /// The open log is no longer the one in the folder.
    Replaced,
}

/// The right to write to a folder.
#[derive(Debug)]
pub(crate) struct Lock {
    /// The content of the owner file, if there are no locks.
    owner: Option<String>,
}

impl Lock {
    /// Takes the folder whose log this is, if nobody has it.
    pub(crate) fn attempt(folder: &Folder, log: &File) -> Result<Attempt, WriteError> {
        let [at_log, at_owner] = [LOG, OWNER].map(|name| {
            move |source| WriteError {
                path: folder.path_of(name),
                source,
            }
        });
        match log.try_lock() {
            Ok(()) if !folder.is_named(LOG, log).map_err(at_log)? => Ok(Attempt::Replaced),
            // A process on another machine, or one before a mount with other options, may have found no locks.
            Ok(()) => match other_without_locks(folder).map_err(at_owner)? {
                None => Ok(Attempt::Taken(Self { owner: None })),
                Some(who) => {
                    log.unlock().map_err(at_log)?;
                    Ok(Attempt::Busy(who))
                }
            },
            Err(TryLockError::WouldBlock) => Ok(Attempt::Busy("another run".to_owned())),
            Err(TryLockError::Error(error)) if has_no_locks(&error) => {
                tracing::info!(%error, "the file system has no locks");
                Self::attempt_without_locks(folder).map_err(at_owner)
            }
            Err(TryLockError::Error(error)) => Err(at_log(error)),
        }
    }

    fn attempt_without_locks(folder: &Folder) -> io::Result<Attempt> {
        let me = Owner::me();
        let text = me.to_string();
        loop {
            match folder.create_new(OWNER) {
                Ok(mut file) => {
                    held().insert(text.clone());
                    if let Err(error) = file.write_all(text.as_bytes()) {
                        held().remove(&text);
                        // Another run removes what cannot be removed here.
                        let _ = remove_if(folder, |found| text.as_bytes().starts_with(found));
                        return Err(error);
                    }
                    let lock = Self { owner: Some(text) };
                    // Another run takes an empty file away if it is old.
                    if !lock.is_in_owner_file(folder) {
                        lock.release(folder);
                        return Ok(Attempt::Busy("another run".to_owned()));
                    }
                    return Ok(Attempt::Taken(lock));
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            if let Some(who) = other(folder, &me)? {
                return Ok(Attempt::Busy(who));
            }
        }
    }

    /// Whether nobody has removed or replaced the log, or the owner file if there is one.
    pub(crate) fn is_held(&self, folder: &Folder, log: &File) -> bool {
        folder.is_named(LOG, log).unwrap_or(false) && self.is_in_owner_file(folder)
    }

    fn is_in_owner_file(&self, folder: &Folder) -> bool {
        self.owner.as_ref().is_none_or(|owner| {
            folder
                .read_bounded(OWNER, MOST)
                .is_ok_and(|found| found == owner.as_bytes())
        })
    }

    /// Whether the file system has no locks.
    pub(crate) fn is_file(&self) -> bool {
        self.owner.is_some()
    }

    /// Lets others take the folder. The file system's own lock ends with the log's handle.
    pub(crate) fn release(&self, folder: &Folder) {
        if let Some(owner) = &self.owner {
            held().remove(owner);
            if self.is_in_owner_file(folder) {
                // Another run removes what cannot be removed here.
                let _ = remove_if(folder, |found| found == owner.as_bytes());
            }
        }
    }
}

/// Whether this error means that the file system has no locks.
fn has_no_locks(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        use nix::errno::Errno;
        let without = [
            Errno::ENOLCK,
            Errno::ENOSYS,
            Errno::ENOTSUP,
            Errno::EOPNOTSUPP,
        ];
        let code = error.raw_os_error();
        if code.is_some_and(|code| without.contains(&Errno::from_raw(code))) {
            return true;
        }
    }
    error.kind() == ErrorKind::Unsupported
}

/// Who has the folder, as the owner file says. The file of a process that is gone is removed.
fn other(folder: &Folder, me: &Owner) -> io::Result<Option<String>> {
    let bytes = match folder.read_bounded(OWNER, MOST) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        found => found?,
    };
    let found = String::from_utf8_lossy(&bytes);
    let owner = Owner::parse(&found);
    let is_gone = match &owner {
        Some(owner) => owner.is_gone(me, &found),
        None => cfg!(unix) && found.is_empty() && is_old(folder)?,
    };
    if is_gone {
        tracing::info!(%found, "a run was killed: its owner file is removed");
        remove_if(folder, |now| now == bytes)?;
        return Ok(None);
    }
    let who = match owner {
        Some(Owner { process, host, .. }) => format!("process {process} on {host}"),
        None => "another run".to_owned(),
    };
    Ok(Some(format!(
        "{who}, as {OWNER} says; if it no longer runs, remove this file"
    )))
}

/// Who found no locks and has the folder.
fn other_without_locks(folder: &Folder) -> io::Result<Option<String>> {
    // No run creates a link or the like.
    if folder.is_refused(OWNER)? {
        return Ok(None);
    }
    other(folder, &Owner::me())
}

/// Removes the owner file if its content is as expected. Of several processes that try, one succeeds: it first gives the
/// file a name that no other process knows. So no process removes a file that another one has just created.
fn remove_if(folder: &Folder, is_expected: impl Fn(&[u8]) -> bool) -> io::Result<()> {
    let aside = names::unique_part(OWNER);
    match folder.rename(OWNER, &aside) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        renamed => renamed?,
    }
    let found = folder.read_bounded(&aside, MOST)?;
    if !is_expected(&found) {
        // Its process goes on if this works. Otherwise it ends, because it finds its file gone.
        match folder.create_new(OWNER) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            created => created?.write_all(&found)?,
        }
    }
    folder.remove(&aside)
}

fn held() -> std::sync::MutexGuard<'static, BTreeSet<String>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A process that writes to a folder.
struct Owner {
    process: u32,
    host: String,
    /// Which start of the machine this is.
    boot: String,
    /// In which namespace the process has its number. A container has its own.
    namespace: String,
    token: u64,
}

/// What the system does not say.
const UNKNOWN: &str = "-";

impl Owner {
    fn me() -> Self {
        Self {
            process: process::id(),
            host: word(&host()),
            boot: word(&boot()),
            namespace: word(&namespace()),
            token: rand::random(),
        }
    }

    fn parse(text: &str) -> Option<Self> {
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
    fn is_gone(&self, me: &Self, text: &str) -> bool {
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

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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

/// Whether the owner file is older than the moment between its creation and its content.
fn is_old(folder: &Folder) -> io::Result<bool> {
    let Some(found) = folder.look(OWNER)? else {
        return Ok(true);
    };
    let age = found.modified()?.into_std().elapsed();
    Ok(age.is_ok_and(|age| age > UNNAMED))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(temporary.path()).unwrap();
        (temporary, folder)
    }

    fn taken<E: std::fmt::Debug>(attempt: Result<Attempt, E>) -> Lock {
        match attempt.unwrap() {
            Attempt::Taken(lock) => lock,
            Attempt::Busy(who) => panic!("{who} has it"),
            Attempt::Replaced => panic!("the log was replaced"),
        }
    }

    fn busy<E: std::fmt::Debug>(attempt: Result<Attempt, E>) -> String {
        match attempt.unwrap() {
            Attempt::Busy(who) => who,
            Attempt::Taken(_) | Attempt::Replaced => panic!("two have it"),
        }
    }

    #[test]
    fn a_lock_keeps_others_away_until_the_log_is_closed() {
        let (_temporary, folder) = folder();
        let [first, second] = [(), ()].map(|()| folder.append(LOG).unwrap());
        let lock = taken(Lock::attempt(&folder, &first));
        assert_eq!(busy(Lock::attempt(&folder, &second)), "another run");
        lock.release(&folder);
        drop(first);
        taken(Lock::attempt(&folder, &second));
        assert_eq!(folder.names().unwrap(), [LOG]);
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
        assert!(lock.is_in_owner_file(&folder));
        lock.release(&folder);
        assert!(folder.names().unwrap().is_empty());
        assert!(!lock.is_in_owner_file(&folder));
        taken(Lock::attempt_without_locks(&folder));
    }

    #[cfg(unix)]
    #[test]
    fn the_lock_of_a_log_that_was_replaced_is_worth_nothing() {
        let (_temporary, folder) = folder();
        let log = folder.append(LOG).unwrap();
        let lock = taken(Lock::attempt(&folder, &log));
        assert!(lock.is_held(&folder, &log));
        folder.remove(LOG).unwrap();
        let other = folder.append(LOG).unwrap();
        assert!(!lock.is_held(&folder, &log));
        let attempt = Lock::attempt(&folder, &log);
        assert!(matches!(attempt, Ok(Attempt::Replaced)));
        taken(Lock::attempt(&folder, &other));
    }

    #[test]
    fn an_owner_file_is_respected_where_there_are_locks() {
        let (_temporary, folder) = folder();
        let [first, second] = [(), ()].map(|()| folder.append(LOG).unwrap());
        let lock = taken(Lock::attempt_without_locks(&folder));
        assert!(busy(Lock::attempt(&folder, &first)).contains("remove this file"));
        lock.release(&folder);
        // The first one keeps no lock while it waits.
        taken(Lock::attempt(&folder, &second));
    }

    #[test]
    fn only_the_owner_file_that_was_looked_at_is_removed() {
        let (temporary, folder) = folder();
        let path = temporary.path().join(OWNER);
        std::fs::write(&path, "of another run").unwrap();
        remove_if(&folder, |found| found == b"of a run that is gone").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"of another run");
        let lock = Lock {
            owner: Some("mine".to_owned()),
        };
        for other in ["", "min", "of another run"] {
            std::fs::write(&path, other).unwrap();
            lock.release(&folder);
            assert_eq!(folder.names().unwrap(), [OWNER]);
        }
        std::fs::write(&path, "mine").unwrap();
        lock.release(&folder);
        assert!(folder.names().unwrap().is_empty());
    }

    #[test]
    fn only_a_file_system_without_locks_gets_an_owner_file() {
        assert!(has_no_locks(&ErrorKind::Unsupported.into()));
        for other in [ErrorKind::Interrupted, ErrorKind::PermissionDenied] {
            assert!(!has_no_locks(&other.into()));
        }
    }

    #[cfg(target_os = "linux")]
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
        let gone = || Owner {
            process: 0x7fff_fff0,
            ..Owner::me()
        };
        let restarted = Owner {
            boot: "another".to_owned(),
            ..gone()
        };
        let container = Owner {
            namespace: "1".to_owned(),
            ..gone()
        };
        let named = [elsewhere, restarted, container].map(|owner| owner.to_string());
        let unnamed = [String::new(), "1 2 3 4".to_owned()];
        for text in named.into_iter().chain(unnamed) {
            let (temporary, folder) = folder();
            std::fs::write(temporary.path().join(OWNER), text).unwrap();
            let who = busy(Lock::attempt_without_locks(&folder));
            assert!(who.contains("remove this file"), "{who}");
        }
    }
}
