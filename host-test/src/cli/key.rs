//! Where the API key comes from.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};

use mv_clip_core::text::error_chain;
use mv_clip_host::{ApiKey, ApiKeyError, Setting};

use super::exit::Usage;
use super::options::KEY_FILE;
use super::thread::of_its_own;

/// The file with the key in the folder of a systemd service's credentials.
const CREDENTIAL: &str = "meraki-dashboard-api-key";

/// Where the key of this process comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    File(PathBuf),
    Credential(PathBuf),
    Variable,
    Mock,
    Nowhere,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variable = Setting::ApiKey;
        match self {
            Self::File(file) => write!(
                f,
                "the API key is from the file {} (--key-file or {KEY_FILE})",
                file.display()
            ),
            Self::Credential(file) => write!(
                f,
                "the API key is from the systemd credential {}",
                file.display()
            ),
            Self::Variable => write!(f, "the API key is from the variable {variable}"),
            Self::Mock => write!(f, "the API key is that of the mock"),
            Self::Nowhere => write!(
                f,
                "there is no API key: set {variable}, or name a file that holds one with --key-file"
            ),
        }
    }
}

/// The key of this process, and its source: from the file of `--key-file` or its variable, else from the credentials that systemd gives
/// to the service, else from the environment.
///
/// A file and the environment with different keys are an error: whichever counts, the user may mean the other.
pub(super) async fn find(file: Option<&Path>) -> anyhow::Result<(Option<ApiKey>, Source)> {
    let of_environment = match ApiKey::from_env() {
        Ok(key) => Some(key),
        Err(ApiKeyError::Missing) => None,
        Err(error) => return Err(Usage(format!("{}: {error}", Setting::ApiKey)).into()),
    };
    let source = match file {
        Some(file) => Source::File(file.to_owned()),
        None => match credential()? {
            Some(file) => Source::Credential(file),
            None if of_environment.is_some() => Source::Variable,
            None => Source::Nowhere,
        },
    };
    let (Source::File(file) | Source::Credential(file)) = &source else {
        return Ok((of_environment, source));
    };
    let key = read(file.clone()).await?;
    if of_environment.is_some_and(|other| other != key) {
        let message = format!(
            "{} and {} hold different keys: unset the variable, or take the right file",
            Setting::ApiKey,
            file.display()
        );
        return Err(Usage(message).into());
    }
    Ok((Some(key), source))
}

/// A pipe may stay silent.
async fn read(file: PathBuf) -> anyhow::Result<ApiKey> {
    let key = of_its_own(|| ApiKey::from_file(file)).await?;
    key.map_err(|error| Usage(error_chain(&error)).into())
}

/// systemd.exec(5), "Credentials": `LoadCredential=meraki-dashboard-api-key:/path`.
fn credential() -> Result<Option<PathBuf>, Usage> {
    let Some(folder) = env::var_os("CREDENTIALS_DIRECTORY") else {
        return Ok(None);
    };
    let file = Path::new(&folder).join(CREDENTIAL);
    match file.try_exists() {
        Ok(exists) => Ok(exists.then_some(file)),
        Err(error) => {
            let file = file.display();
            let message = format!("cannot read the API key from {file}: {error}");
            Err(Usage(message))
        }
    }
}
