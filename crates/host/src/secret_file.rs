//! Reads a secret from a file.

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use secrecy::zeroize::Zeroizing;

/// The longest content that is read, in bytes. An API key has 40, and a password that a person types fewer.
const MOST: usize = 4 << 10;

/// Why no secret can be taken from a file. The content is not repeated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretFileError {
    /// The file cannot be opened or read.
    #[error("cannot read the {what} from {path}")]
    Read {
        /// What the file should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// This is a folder, a device or a socket.
    #[error("{path} holds no {what}: it is neither a file nor a pipe")]
    NotAFile {
        /// What the file should hold.
        what: &'static str,
        /// The path.
        path: PathBuf,
    },
    /// The file belongs to this user, and others may read or write it.
    #[error("the {what} in {path} is open to other users: make the file private with chmod 600")]
    Open {
        /// What the file should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The file is too long.
    #[error("{path} holds no {what}: it has more than {MOST} bytes")]
    TooLong {
        /// What the file should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
}

/// The content of a file that holds a secret. Its memory is cleared when it is dropped, and `Debug` hides it.
pub struct SecretFile {
    content: Zeroizing<Vec<u8>>,
    length: usize,
}

impl SecretFile {
    /// Reads a file or a pipe of at most 4 KiB to its end. `what` says what it should hold, for the error.
    ///
    /// On Unix, a file of this user that others may read or write is an error, as ssh refuses such a private key. A
    /// warning would be overlooked, and the secret would stay readable. A file of another user is accepted, whatever its
    /// mode: a container engine mounts secrets as files of root.
    ///
    /// # Errors
    ///
    /// See [`SecretFileError`].
    pub fn read(path: impl AsRef<Path>, what: &'static str) -> Result<Self, SecretFileError> {
        let path = path.as_ref();
        let failed = |source| SecretFileError::Read {
            what,
            path: path.to_owned(),
            source,
        };
        let mut file = File::open(path).map_err(failed)?;
        check(path, what, &file.metadata().map_err(failed)?)?;
        // Never grows, so that no copy stays behind.
        let mut content = Zeroizing::new(vec![0; MOST + 1]);
        let mut length = 0;
        while let Some(rest) = content.get_mut(length..).filter(|rest| !rest.is_empty()) {
            match file.read(rest) {
                Ok(0) => break,
                Ok(more) => length += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(error)),
            }
        }
        if length > MOST {
            let path = path.to_owned();
            return Err(SecretFileError::TooLong { what, path });
        }
        Ok(Self { content, length })
    }

    /// The content, without one line end at its end. None if it is not text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        let text = str::from_utf8(self.content.get(..self.length)?).ok()?;
        let line = text.strip_suffix('\n').unwrap_or(text);
        Some(line.strip_suffix('\r').unwrap_or(line))
    }
}

impl fmt::Debug for SecretFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretFile").finish_non_exhaustive()
    }
}

#[cfg(unix)]
fn check(path: &Path, what: &'static str, found: &Metadata) -> Result<(), SecretFileError> {
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

    let path = || path.to_owned();
    if !found.is_file() && !found.file_type().is_fifo() {
        return Err(SecretFileError::NotAFile { what, path: path() });
    }
    let is_own = found.uid() == nix::unistd::Uid::effective().as_raw();
    if found.is_file() && is_own && found.mode() & 0o077 != 0 {
        return Err(SecretFileError::Open { what, path: path() });
    }
    Ok(())
}

#[cfg(not(unix))]
fn check(path: &Path, what: &'static str, found: &Metadata) -> Result<(), SecretFileError> {
    match found.is_dir() {
        true => Err(SecretFileError::NotAFile {
            what,
            path: path.to_owned(),
        }),
        false => Ok(()),
    }
}
