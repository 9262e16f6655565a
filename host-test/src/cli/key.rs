//! Where the API key comes from.

use std::env;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, bail};
use mv_clip_host::{ApiKey, ApiKeyError, Setting};
use tokio::sync::oneshot;

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
        Err(error) => return Err(error).context(Setting::ApiKey),
    };
    let Some(file) = file.map(Path::to_owned).or_else(credential) else {
        return Ok(of_environment);
    };
    let key = read(file.clone()).await?;
    if of_environment.is_some_and(|other| other != key) {
        bail!(
            "{} and {} hold different keys: unset the variable, or take the right file",
            Setting::ApiKey,
            file.display()
        );
    }
    Ok(Some(key))
}

/// Reads the file in a thread of its own, because a pipe may stay silent. The thread is not one of tokio's, which would wait
/// for it at exit.
async fn read(file: PathBuf) -> anyhow::Result<ApiKey> {
    let (sender, receiver) = oneshot::channel();
    thread::spawn(move || sender.send(ApiKey::from_file(file)));
    Ok(receiver.await??)
}

/// systemd.exec(5), "Credentials": `LoadCredential=meraki-dashboard-api-key:/path`.
fn credential() -> Option<PathBuf> {
    let folder = env::var_os("CREDENTIALS_DIRECTORY")?;
    let file = Path::new(&folder).join(CREDENTIAL);
    file.exists().then_some(file)
}
