//! One writer for a folder.
//!
//! The writer locks the log. Some shares of other machines have no locks; there, a file that only one process can
//! create says who writes. A file outlives a process that is killed. So it names the process, and the next one takes
//! the folder over if that process is gone. Only a process of the same start of the same machine, and with the same
//! process numbers, can know this. It never does if the system does not say which start it is, as only Linux does.

mod owner;

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::time::Duration;

use crate::folder::{Folder, WriteError};
use crate::names::{self, LOG, OWNER};

use self::owner::{Owner, held};

/// A process is named in fewer bytes.
const MOST: u64 = 4_096;

/// How long an owner file may have no content.
const UNNAMED: Duration = Duration::from_secs(10);

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

/// Whether the owner file is older than the moment between its creation and its content.
fn is_old(folder: &Folder) -> io::Result<bool> {
    let Some(found) = folder.look(OWNER)? else {
        return Ok(true);
    };
    let age = found.modified()?.into_std().elapsed();
    Ok(age.is_ok_and(|age| age > UNNAMED))
}

#[cfg(test)]
mod tests;
