//! Fetches the clip behind a URL.

use std::time::Duration;

use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, StatusCode, Url};
use tokio::time::{Instant, sleep};

use crate::clip::ClipUrl;
use crate::outbound::{Host, tls};

/// For so long a URL may answer 404 or 5xx before it counts as gone: Meraki hands out URLs a moment
/// before the clip is behind them.
pub(crate) const READY_WITHIN: Duration = Duration::from_secs(15);
pub(crate) const PAUSE: Duration = Duration::from_secs(1);

/// How long the server may stay silent.
const SILENCE: Duration = Duration::from_secs(30);

/// How many redirects are followed: as many as the guest follows at the API.
const REDIRECTS: usize = 3;

/// The largest clip that is fetched, in bytes: five minutes at more than ten times the highest
/// bitrate of an MV camera.
pub(crate) const LARGEST: usize = 1 << 30;

/// Why a clip cannot be fetched. Neither `Display` nor `Debug` holds the URL.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    /// No connection, or a reply that broke off.
    #[error("cannot fetch the clip; its URL may still work, so try again")]
    Transport(#[source] reqwest::Error),
    /// The server sends clients on to where a clip's URL must not go, or in circles.
    #[error("the media server redirects where a clip is not fetched from; get a new URL")]
    Redirect(#[source] reqwest::Error),
    /// The server has no clip there.
    #[error("the media server answered {0}. The URL may have expired: get a new one")]
    Status(StatusCode),
    /// Larger than any clip.
    #[error("the media server sent more than {LARGEST} bytes, which is no clip")]
    TooLarge,
}

impl From<reqwest::Error> for MediaError {
    fn from(error: reqwest::Error) -> Self {
        let kind = if error.is_redirect() {
            Self::Redirect
        } else {
            Self::Transport
        };
        kind(error.without_url())
    }
}

/// Why a redirect is not followed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Refused {
    #[error("more than {REDIRECTS} redirects")]
    TooMany,
    #[error("it leads from https to plain http")]
    Downgrade,
    #[error("it leads to plain http on another machine")]
    PlainText,
}

/// Redirects lead to https; plain http leads on to plain http on this machine only, which is where a
/// mock is.
fn judge(previous: &[Url], next: &Url) -> Result<(), Refused> {
    let is_https = |url: &Url| url.scheme() == "https";
    if previous.len() > REDIRECTS {
        Err(Refused::TooMany)
    } else if is_https(next) {
        Ok(())
    } else if previous.last().is_some_and(is_https) {
        Err(Refused::Downgrade)
    } else if !is_loopback(next) {
        Err(Refused::PlainText)
    } else {
        Ok(())
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host_str().map(Host::parse) {
        Some(Ok(Host::Ip(address))) => address.is_loopback(),
        Some(Ok(host @ Host::Name(_))) => host.is_localhost(),
        Some(Err(_)) | None => false,
    }
}

fn follow(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    match judge(attempt.previous(), attempt.url()) {
        Ok(()) => attempt.follow(),
        Err(refused) => attempt.error(refused),
    }
}

/// Nobody but the media server learns the URL: no proxy does, nor does the next server of a redirect
/// by a `Referer`.
pub(crate) fn client() -> Result<Client, MediaError> {
    Ok(Client::builder()
        .tls_backend_preconfigured(tls::client_config(&[])?)
        .redirect(Policy::custom(follow))
        .referer(false)
        .no_proxy()
        .connect_timeout(SILENCE)
        .read_timeout(SILENCE)
        .build()?)
}

/// Fetches a clip into memory: tens of megabytes for a long one. The API key is not sent along. At
/// most three redirects are followed, none of them from https to http. Proxy variables are not read.
///
/// # Errors
///
/// See [`MediaError`].
pub async fn fetch(url: &ClipUrl) -> Result<Vec<u8>, MediaError> {
    let client = client()?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn redirects_stay_on_https_or_on_this_machine() {
        use Refused::{Downgrade, PlainText};
        let cases = [
            ("https://a.example/1", "https://b.example/2", Ok(())),
            ("http://127.0.0.1:8080/1", "https://b.example/2", Ok(())),
            ("http://127.0.0.1:8080/1", "http://127.0.0.1:9090/2", Ok(())),
            ("http://localhost/1", "http://[::1]/2", Ok(())),
            ("http://[::1]/1", "http://localhost/2", Ok(())),
            ("https://a.example/1", "http://a.example/1", Err(Downgrade)),
            ("https://a.example/1", "http://127.0.0.1/2", Err(Downgrade)),
            ("http://127.0.0.1/1", "http://b.example/2", Err(PlainText)),
            ("http://127.0.0.1/1", "http://10.0.0.1/2", Err(PlainText)),
            (
                "http://127.0.0.1/1",
                "http://localhost.example/2",
                Err(PlainText),
            ),
        ];
        for (from, to, expected) in cases {
            assert_eq!(judge(&[url(from)], &url(to)), expected, "{from} to {to}");
        }
    }

    #[test]
    fn redirects_are_at_most_three() {
        let hops = vec![url("https://a.example/"); 4];
        assert_eq!(judge(&hops[..3], &hops[0]), Ok(()));
        assert_eq!(judge(&hops, &hops[0]), Err(Refused::TooMany));
    }
}
