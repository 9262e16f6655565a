//! Fetches the clip behind a URL.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use tokio::time::{Instant, sleep};

use crate::clip::ClipUrl;
use crate::outbound::tls;

/// For so long a URL may answer 404 or 5xx before it counts as gone: Meraki hands out URLs a moment
/// before the clip is behind them.
const READY_WITHIN: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_secs(1);

/// How long the server may stay silent.
const SILENCE: Duration = Duration::from_secs(30);

/// The largest clip that is fetched, in bytes: five minutes at more than ten times the highest
/// bitrate of an MV camera.
const LARGEST: usize = 1 << 30;

/// Why a clip cannot be fetched. No message holds the URL.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    /// No connection, or a reply that broke off.
    #[error("cannot fetch the clip: {0}. Its URL may still work: try again")]
    Transport(reqwest::Error),
    /// The server has no clip there.
    #[error("the media server answered {0}. The URL may have expired: get a new one")]
    Status(StatusCode),
    /// Larger than any clip.
    #[error("the media server sent more than {LARGEST} bytes, which is no clip")]
    TooLarge,
}

impl From<reqwest::Error> for MediaError {
    fn from(error: reqwest::Error) -> Self {
        Self::Transport(error.without_url())
    }
}

/// Fetches a clip into memory: tens of megabytes for a long one. The API key is not sent along.
///
/// # Errors
///
/// See [`MediaError`].
pub async fn fetch(url: &ClipUrl) -> Result<Vec<u8>, MediaError> {
    let client = Client::builder()
        .tls_backend_preconfigured(tls::client_config(&[])?)
        .redirect(Policy::limited(3))
        .connect_timeout(SILENCE)
        .read_timeout(SILENCE)
        .build()?;
    let started = Instant::now();
    loop {
        let mut response = client.get(url.expose()).send().await?;
        let status = response.status();
        if status.is_success() {
            let mut bytes = Vec::new();
            while let Some(chunk) = response.chunk().await? {
                bytes.extend_from_slice(&chunk);
                if bytes.len() > LARGEST {
                    return Err(MediaError::TooLarge);
                }
            }
            return Ok(bytes);
        }
        let may_come = status == StatusCode::NOT_FOUND || status.is_server_error();
        if !may_come || started.elapsed() + PAUSE > READY_WITHIN {
            return Err(MediaError::Status(status));
        }
        sleep(PAUSE).await;
    }
}
