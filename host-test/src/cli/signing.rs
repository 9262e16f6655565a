//! The options that sign a folder's log.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::anyhow;
use mv_clip_core::text::{error_chain, printable};
use mv_clip_footage::{LockedKey, SigningKey, TIMESTAMP_TIME};
use mv_clip_host::SecretFile;
use tokio::task::spawn_blocking;

use super::exit::Usage;
use super::password;
use super::thread::of_its_own;

/// Allowed for the password: to type it, and for the key to open with it.
const PASSWORD: Duration = Duration::from_secs(120);

/// The option of [`Signing::timestamp`].
const TIMESTAMP: &str = "--timestamp";

/// What proves later that the folder was not changed.
#[derive(clap::Args)]
pub(super) struct Signing {
    /// Sign the log at the end, with this secret key of minisign's (`minisign -G` makes one)
    #[arg(long, value_name = "KEY")]
    sign: Option<PathBuf>,

    /// The file whose first line is the password of the signing key; nobody else may read it. Without it, the terminal is asked
    #[arg(long, value_name = "FILE", requires = "sign")]
    sign_password_file: Option<PathBuf>,

    /// Get a timestamp (RFC 3161) of the log at the end from this authority, over http or https, also in a private network
    #[arg(long, value_name = "URL")]
    pub(super) timestamp: Option<String>,
}

impl Signing {
    /// How much longer a command may take with these options.
    pub(super) fn time(&self) -> Duration {
        let password = self.sign.as_ref().map(|_| PASSWORD);
        let timestamp = self.timestamp.as_ref().map(|_| TIMESTAMP_TIME);
        password.unwrap_or_default() + timestamp.unwrap_or_default()
    }

    /// The signing key, open. A key that cannot be used is a mistake in the arguments.
    pub(super) async fn key(&self) -> anyhow::Result<Option<SigningKey>> {
        let Some(path) = self.sign.clone() else {
            return Ok(None);
        };
        // The file may be a pipe that stays silent.
        let locked = of_its_own(|| LockedKey::read(path)).await?;
        let locked = locked.map_err(usage)?;
        let password = match &self.sign_password_file {
            _ if !locked.is_encrypted() => None,
            Some(file) => Some(from_file(file).await?),
            None => Some(asked(locked.path()).await?),
        };
        let unlock = move || locked.unlock(password.as_ref().map(|text| text.as_str()));
        let key = spawn_blocking(unlock).await?.map_err(usage)?;
        Ok(Some(key))
    }
}

async fn from_file(file: &Path) -> anyhow::Result<password::Password> {
    let path = file.to_owned();
    let read = of_its_own(|| SecretFile::read(path, "password of the signing key")).await?;
    let read = read.map_err(usage)?;
    let text = read.text().ok_or_else(|| {
        let file = file.display();
        Usage(format!("{file} holds no password: it is not text in UTF-8"))
    })?;
    let line = text.lines().next().unwrap_or_default();
    Ok(line.to_owned().into())
}

async fn asked(key: &Path) -> anyhow::Result<password::Password> {
    let key = key.to_string_lossy();
    let prompt = format!("Password of the signing key {}: ", printable(&key));
    password::ask(prompt).await.map_err(|error| {
        let (key, error) = (printable(&key), error_chain(&error));
        anyhow!(Usage(format!(
            "the signing key in {key} is encrypted, and {error}; --sign-password-file names a file that holds its password"
        )))
    })
}

/// Arguments in which the URL of an authority is only its scheme, host and port: the rest may be a token.
pub(super) fn without_secrets(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut is_url = false;
    let arguments = arguments.map(|argument| {
        if std::mem::replace(&mut is_url, argument == TIMESTAMP) {
            return origin(argument.to_str()).into();
        }
        let text = argument.to_str();
        let url = text.and_then(|text| text.strip_prefix(TIMESTAMP)?.strip_prefix('='));
        match url {
            Some(url) => format!("{TIMESTAMP}={}", origin(Some(url))).into(),
            None => argument,
        }
    });
    arguments.collect()
}

fn origin(url: Option<&str>) -> String {
    let url = url.and_then(|url| url.parse::<http::Uri>().ok());
    let parts = url.as_ref().and_then(|url| {
        let port = url
            .port()
            .map_or_else(String::new, |port| format!(":{port}"));
        Some(format!("{}://{}{port}", url.scheme_str()?, url.host()?))
    });
    parts.unwrap_or_else(|| "URL".to_owned())
}

fn usage(error: impl std::error::Error + 'static) -> Usage {
    Usage(error_chain(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_authority_only_its_server_is_recorded() {
        for (given, expected) in [
            (
                "--timestamp https://tsa.example:8443/t0ken?key=t0ken",
                "--timestamp https://tsa.example:8443",
            ),
            (
                "--timestamp=http://t0ken@tsa.example/t0ken",
                "--timestamp=http://tsa.example",
            ),
            ("--timestamp t0ken", "--timestamp URL"),
            (
                "range A --out /b/c --timestamp",
                "range A --out /b/c --timestamp",
            ),
        ] {
            let recorded = without_secrets(given.split(' ').map(Into::into));
            let recorded: Vec<_> = recorded.iter().map(|text| text.to_str().unwrap()).collect();
            assert_eq!(recorded.join(" "), expected);
        }
    }
}
