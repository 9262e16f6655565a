//! Reads an API key from a file.

use std::path::{Path, PathBuf};

use crate::api_key::{ApiKey, ApiKeyError};
use crate::secret_file::{SecretFile, SecretFileError};

/// Why no API key can be taken from a file. The content is not repeated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The file cannot be read, or must not be.
    #[error(transparent)]
    File(#[from] SecretFileError),
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
    /// Takes the key from a file or a pipe: the whole content, without one line end at its end. See
    /// [`SecretFile::read`].
    ///
    /// # Errors
    ///
    /// See [`KeyFileError`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, KeyFileError> {
        let path = path.as_ref();
        let file = SecretFile::read(path, "API key")?;
        let key = file.text().ok_or(ApiKeyError::Invalid).and_then(Self::new);
        key.map_err(|source| KeyFileError::Invalid {
            path: path.to_owned(),
            source,
        })
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs::{self, Permissions};
    use std::io;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// The longest content that is read.
    const MOST: usize = 4 << 10;

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
                matches!(error, KeyFileError::File(SecretFileError::Open { .. })),
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
            assert!(
                matches!(error, KeyFileError::File(SecretFileError::NotAFile { .. })),
                "{error:?}"
            );
        }
        let error = ApiKey::from_file(folder.path().join("none")).unwrap_err();
        assert!(
            matches!(error, KeyFileError::File(SecretFileError::Read { .. })),
            "{error:?}"
        );
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
