//! Keys for signatures, in the files of minisign.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::BASE64;
use minisign::{PublicKey, SecretKey, SecretKeyBox};
use mv_clip_host::{SecretFile, SecretFileError};
use secrecy::zeroize::Zeroizing;

/// Identifies a pair of keys, as minisign prints it: 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyId(u64);

impl KeyId {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let bytes = bytes.try_into().unwrap_or_default();
        Self(u64::from_le_bytes(bytes))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a key cannot be used. Neither the key nor its password is in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file of a secret key cannot be read, or must not be.
    #[error(transparent)]
    Secret(#[from] SecretFileError),
    /// The file of a public key cannot be read.
    #[error("cannot read the public key from {path}")]
    Public {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The file holds no secret key.
    #[error("{path} is not a secret key of minisign; `minisign -G -s FILE -p FILE.pub` makes one")]
    NotSecret {
        /// The file.
        path: PathBuf,
    },
    /// The key is encrypted, and there is no password.
    #[error("the signing key in {path} is encrypted, and no password is given")]
    NoPassword {
        /// The file.
        path: PathBuf,
    },
    /// The password is not that of the key.
    #[error("the password does not open the signing key in {path}")]
    WrongPassword {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged, or the password asks for more memory than one gigabyte.
    #[error(
        "the signing key in {path} cannot be used: it is damaged, or its password takes too much memory"
    )]
    Unusable {
        /// The file.
        path: PathBuf,
    },
    /// This is not a public key.
    #[error(
        "not a public key of minisign: name the file that `minisign -G` made, or the line in it that begins with RW"
    )]
    NotPublic,
}

/// What a secret key file of minisign holds, in order: three algorithms, the parameters of the password, the key's
/// identifier, the key, a checksum.
const SECRET_BYTES: usize = 2 + 2 + 2 + 32 + 8 + 8 + 8 + 64 + 32;

/// An algorithm, the key's identifier and the key.
const PUBLIC_BYTES: usize = 2 + 8 + 32;

/// Ed25519, in files of keys.
const ED25519: &[u8] = b"Ed";

/// The second algorithm of a key without a password.
const NOT_ENCRYPTED: &[u8] = b"\0\0";

/// A secret key file of minisign that has been read, and may still need a password.
#[derive(Debug)]
pub struct LockedKey {
    file: SecretFile,
    path: PathBuf,
    is_encrypted: bool,
}

impl LockedKey {
    /// Reads the file: a regular file or a pipe, which on Unix nobody else may read.
    ///
    /// # Errors
    ///
    /// See [`KeyError`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self, KeyError> {
        let path = path.as_ref();
        let file = SecretFile::read(path, "signing key")?;
        let not_secret = || KeyError::NotSecret {
            path: path.to_owned(),
        };
        let key = file.text().and_then(decoded);
        let derivation = key.as_ref().and_then(|key| key.get(2..4));
        let is_encrypted = derivation.ok_or_else(not_secret)? != NOT_ENCRYPTED;
        Ok(Self {
            file,
            path: path.to_owned(),
            is_encrypted,
        })
    }

    /// Whether the key has a password.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the key. With a password, that takes a second and a gigabyte of memory, which minisign chose against those who
    /// try out passwords. It blocks the thread.
    ///
    /// The content of the file is cleared from memory. minisign's library gets a copy of the password, and of the text of an
    /// encrypted key, and clears neither these nor the open key.
    ///
    /// # Errors
    ///
    /// See [`KeyError`].
    pub fn unlock(self, password: Option<&str>) -> Result<SigningKey, KeyError> {
        let Self {
            file,
            path,
            is_encrypted,
        } = self;
        let text = file.text().unwrap_or_default();
        let opened = match (is_encrypted, password) {
            // The library expects a checksum here, and minisign writes none.
            (false, _) => SecretKey::from_bytes(&decoded(text).unwrap_or_default()),
            (true, Some(password)) => {
                let text = SecretKeyBox::from(text.to_owned());
                text.into_secret_key(Some(password.to_owned()))
            }
            (true, None) => return Err(KeyError::NoPassword { path }),
        };
        let secret = match opened {
            Ok(secret) => secret,
            Err(error) if is_encrypted && matches!(error.kind(), minisign::ErrorKind::Verify) => {
                return Err(KeyError::WrongPassword { path });
            }
            Err(_) => return Err(KeyError::Unusable { path }),
        };
        let public = PublicKey::from_secret_key(&secret).ok();
        let public = public.filter(|public| are_a_pair(public, &secret));
        match public.map(VerifyingKey) {
            Some(public) => Ok(SigningKey {
                secret: Arc::new(secret),
                public,
            }),
            None => Err(KeyError::Unusable { path }),
        }
    }
}

/// The bytes of a secret key, from the second line of its file.
fn decoded(file: &str) -> Option<Zeroizing<Vec<u8>>> {
    let key = BASE64.decode(file.lines().nth(1)?.as_bytes()).ok();
    let key = key.map(Zeroizing::new);
    key.filter(|key| key.len() == SECRET_BYTES && key.starts_with(ED25519))
}

/// Whether the public key verifies what the secret key signs: a damaged file is found now, and not after the footage.
fn are_a_pair(public: &PublicKey, secret: &SecretKey) -> bool {
    minisign::sign(Some(public), secret, io::empty(), None, None).is_ok()
}

/// A secret key that signs. All clones share one copy of it.
///
/// minisign's library does not clear the memory of a key when it is dropped.
#[derive(Clone)]
pub struct SigningKey {
    pub(crate) secret: Arc<SecretKey>,
    public: VerifyingKey,
}

impl SigningKey {
    /// The public key of the pair.
    #[must_use]
    pub fn public(&self) -> &VerifyingKey {
        &self.public
    }
}

// minisign's own would print the key.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("id", &self.public.id())
            .finish_non_exhaustive()
    }
}

/// A public key that verifies signatures.
#[derive(Clone)]
pub struct VerifyingKey(pub(crate) PublicKey);

impl VerifyingKey {
    /// Takes the base64 of a public key: what `minisign -P` takes.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotPublic`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes = BASE64.decode(text.trim().as_bytes()).ok();
        let bytes = bytes.filter(|bytes| bytes.len() == PUBLIC_BYTES && bytes.starts_with(ED25519));
        let key = bytes.and_then(|bytes| PublicKey::from_bytes(&bytes).ok());
        key.map(Self).ok_or(KeyError::NotPublic)
    }

    /// Reads a public key file of minisign: a comment, and the key in base64.
    ///
    /// # Errors
    ///
    /// See [`KeyError`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self, KeyError> {
        let path = path.as_ref();
        let failed = |source| KeyError::Public {
            path: path.to_owned(),
            source,
        };
        let mut text = String::new();
        let file = File::open(path).map_err(failed)?;
        file.take(4 << 10)
            .read_to_string(&mut text)
            .map_err(failed)?;
        Self::parse(text.lines().nth(1).unwrap_or_default())
    }

    /// The identifier of the pair of keys.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId::of(self.0.keynum())
    }
}

/// The base64 that [`VerifyingKey::parse`] takes.
impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_base64())
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VerifyingKey").field(&self.id()).finish()
    }
}

#[cfg(test)]
mod tests {
    use minisign::KeyPair;

    use super::*;

    fn file(folder: &tempfile::TempDir, text: &str) -> PathBuf {
        let path = folder.path().join("key");
        std::fs::write(&path, text).unwrap();
        #[cfg(unix)]
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
        path
    }

    fn secret(pair: &KeyPair) -> String {
        pair.sk.to_box(None).unwrap().into_string()
    }

    #[test]
    fn a_key_without_a_password_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let pair = KeyPair::generate_unencrypted_keypair().unwrap();
        let locked = LockedKey::read(file(&folder, &secret(&pair))).unwrap();
        assert!(!locked.is_encrypted());
        let key = locked.unlock(None).unwrap();
        let public = VerifyingKey::parse(&pair.pk.to_base64()).unwrap();
        assert_eq!(key.public().id(), public.id());
        let printed = format!("{key:?} {public:?}");
        let bytes = pair.sk.to_bytes();
        let hex = hex::encode(&bytes[70..80]);
        assert!(!printed.to_lowercase().contains(&hex), "{printed}");
    }

    #[test]
    fn a_password_opens_its_key_alone_and_is_not_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let pair = KeyPair::generate_encrypted_keypair(Some("5ec2e7".into())).unwrap();
        let path = file(&folder, &secret(&pair));
        let locked = || LockedKey::read(&path).unwrap();
        assert!(locked().is_encrypted());
        assert!(locked().unlock(Some("5ec2e7")).is_ok());
        for (password, expected) in [
            (Some("5ec2e8"), "does not open"),
            (Some(""), "does not open"),
            (None, "no password is given"),
        ] {
            let error = locked().unlock(password).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert!(!format!("{error} {error:?}").contains("5ec2e8"), "{error}");
        }
    }

    #[test]
    fn other_files_are_no_keys() {
        let folder = tempfile::tempdir().unwrap();
        let pair = KeyPair::generate_unencrypted_keypair().unwrap();
        let public = pair.pk.to_box().unwrap().into_string();
        let whole = secret(&pair);
        let cut = whole.get(..whole.len() - 20).unwrap();
        for text in ["", "one line", "comment\nnot base64!", &public, cut] {
            let error = LockedKey::read(file(&folder, text)).unwrap_err();
            assert!(matches!(error, KeyError::NotSecret { .. }), "{error:?}");
        }
        for text in ["", "RW", "RWQ=", &whole] {
            assert!(VerifyingKey::parse(text).is_err(), "{text}");
            assert!(VerifyingKey::read(file(&folder, text)).is_err(), "{text}");
        }
        assert!(VerifyingKey::read(file(&folder, &public)).is_ok());
        let mut damaged = BASE64
            .decode(whole.lines().nth(1).unwrap().as_bytes())
            .unwrap();
        damaged[80] ^= 1;
        let damaged = format!("comment\n{}\n", BASE64.encode(&damaged));
        let locked = LockedKey::read(file(&folder, &damaged)).unwrap();
        assert!(matches!(
            locked.unlock(None),
            Err(KeyError::Unusable { .. })
        ));
    }
}
