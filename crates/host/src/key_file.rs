//! Reads an API key from a file.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use secrecy::zeroize::Zeroizing;

use crate::api_key::{ApiKey, ApiKeyError};

/// The longest content that is read, in bytes. A key of Meraki has 40.
const MOST: usize = 4 << 10;

/// Why no API key can be taken from a file. The content is not repeated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The file cannot be opened or read.
    #[error("cannot read the API key from {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// This is a folder, a device or a socket.
    #[error("{path} holds no API key: it is neither a file nor a pipe")]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The file belongs to this user, and others may read or write it.
    #[error("the API key in {path} is open to other users: make the file private with chmod 600")]
    Open {
        /// The file.
        path: PathBuf,
    },
    /// The file is too long for a key.
    #[error("{path} holds no API key: it has more than {MOST} bytes")]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// The content is not a key.
    #[error("{path} holds no API key, which it should in one line")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: ApiKeyError,
    },
}

impl ApiKey {
    /// Takes the key from a file or a pipe: the whole content, without one line end at its end.
    ///
    /// On Unix, a file of this user that others may read or write is an error, as ssh refuses such a private key. A
    /// warning would be overlooked, and the key would stay readable. A file of another user is accepted, whatever its
    /// mode: a container engine mounts secrets as files of root.
    ///
    /// # Errors
    ///
    /// See [`KeyFileError`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, KeyFileError> {
        read(path.as_ref())
    }
}

fn read(path: &Path) -> Result<ApiKey, KeyFileError> {
    let failed = |source| KeyFileError::Read {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(failed)?;
    check(path, &file.metadata().map_err(failed)?)?;
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
        return Err(KeyFileError::TooLong {
            path: path.to_owned(),
        });
    }
    let key = content.get(..length).unwrap_or_default();
    parse(key).map_err(|source| KeyFileError::Invalid {
        path: path.to_owned(),
        source,
    })
}

fn parse(content: &[u8]) -> Result<ApiKey, ApiKeyError> {
    let text = str::from_utf8(content).map_err(|_| ApiKeyError::Invalid)?;
    let line = text.strip_suffix('\n').unwrap_or(text);
    ApiKey::new(line.strip_suffix('\r').unwrap_or(line))
}

#[cfg(unix)]
fn check(path: &Path, found: &Metadata) -> Result<(), KeyFileError> {
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

    let path = || path.to_owned();
    if !found.is_file() && !found.file_type().is_fifo() {
        return Err(KeyFileError::NotAFile { path: path() });
    }
    let is_own = found.uid() == nix::unistd::Uid::effective().as_raw();
    if found.is_file() && is_own && found.mode() & 0o077 != 0 {
        return Err(KeyFileError::Open { path: path() });
    }
    Ok(())
}

#[cfg(not(unix))]
fn check(path: &Path, found: &Metadata) -> Result<(), KeyFileError> {
    match found.is_dir() {
        true => Err(KeyFileError::NotAFile {
            path: path.to_owned(),
        }),
        false => Ok(()),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn file(content: impl AsRef<[u8]>, mode: u32) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn one_line_end_is_cut() {
        for content in ["5ec2e7-key", "5ec2e7-key\n", "5ec2e7-key\r\n"] {
            let (_folder, path) = file(content, 0o600);
            let key = ApiKey::from_file(&path).unwrap();
            assert_eq!(key.expose(), "5ec2e7-key", "{content:?}");
        }
    }

    #[test]
    fn other_contents_are_refused_and_not_repeated() {
        let long = "5ec2e7".repeat(MOST);
        for content in [
            "",
            "\n",
            "5ec2e7\n\n",
            "5ec2e7\n5ec2e7",
            " 5ec2e7",
            "5ec2e7\u{e9}",
            &long,
        ] {
            let (_folder, path) = file(content, 0o600);
            let error = ApiKey::from_file(&path).unwrap_err();
            let printed = format!("{error} {error:?}");
            assert!(printed.contains("holds no API key"), "{printed}");
            assert!(!printed.contains("5ec2e7"), "{printed}");
        }
        let (_folder, path) = file(b"\xff", 0o600);
        let error = ApiKey::from_file(&path).unwrap_err();
        assert!(matches!(error, KeyFileError::Invalid { .. }), "{error:?}");
        let (_folder, path) = file("k".repeat(MOST), 0o600);
        assert_eq!(ApiKey::from_file(&path).unwrap().expose().len(), MOST);
    }

    #[test]
    fn a_file_that_others_may_use_is_refused() {
        for mode in [0o604, 0o640, 0o620, 0o601, 0o644, 0o666] {
            let (_folder, path) = file("5ec2e7-key", mode);
            let error = ApiKey::from_file(&path).unwrap_err();
            assert!(
                matches!(error, KeyFileError::Open { .. }),
                "{mode:o}: {error:?}"
            );
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
        for mode in [0o600, 0o400, 0o700] {
            let (_folder, path) = file("5ec2e7-key", mode);
            assert!(ApiKey::from_file(&path).is_ok(), "{mode:o}");
        }
    }

    #[test]
    fn only_a_file_or_a_pipe_is_read() {
        let folder = tempfile::tempdir().unwrap();
        for path in [
            folder.path(),
            Path::new("/dev/null"),
            Path::new("/dev/zero"),
        ] {
            let error = ApiKey::from_file(path).unwrap_err();
            assert!(matches!(error, KeyFileError::NotAFile { .. }), "{error:?}");
        }
        let error = ApiKey::from_file(folder.path().join("none")).unwrap_err();
        assert!(matches!(error, KeyFileError::Read { .. }), "{error:?}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_pipe_is_read_to_its_end() {
        use std::io::Write as _;
        use std::os::fd::AsRawFd as _;

        let (reader, mut writer) = io::pipe().unwrap();
        let path = format!("/proc/self/fd/{}", reader.as_raw_fd());
        let reading = std::thread::spawn(move || ApiKey::from_file(path));
        for piece in ["5ec2e7", "-key", "\n"] {
            writer.write_all(piece.as_bytes()).unwrap();
            writer.flush().unwrap();
        }
        drop(writer);
        let key = reading.join().unwrap().unwrap();
        assert_eq!(key.expose(), "5ec2e7-key");
        drop(reader);
    }
}
