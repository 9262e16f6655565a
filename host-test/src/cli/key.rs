//! Where the API key comes from.

use std::env;
use std::path::{Path, PathBuf};

use mv_clip_core::text::error_chain;
use mv_clip_host::{ApiKey, ApiKeyError, Setting};

use super::exit::Usage;
use super::thread::of_its_own;

/// The file with the key in the folder of a systemd service's credentials.
const CREDENTIAL: &str = "meraki-dashboard-api-key";

/// The key of this process: from the file of `--key-file` or its variable, else from the credentials that systemd gives
/// to the service, else from the environment.
///
/// A file and the environment with different keys are an error: whichever counts, the user may mean the other.
pub(super) async fn find(file: Option<&Path>) -> anyhow::Result<Option<ApiKey>> {
    let of_environment = match ApiKey::from_env() {
        Ok(key) => Some(key),
        Err(ApiKeyError::Missing) => None,
        Err(error) => return Err(Usage(format!("{}: {error}", Setting::ApiKey)).into()),
    };
    let file = match file {
        Some(file) => Some(file.to_owned()),
        None => credential()?,
    };
    let Some(file) = file else {
        return Ok(of_environment);
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
    Ok(Some(key))
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
