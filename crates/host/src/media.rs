//! Fetches the clips behind URLs, by the rules of [`mv_clip_core::media`].
//!
//! Meraki chooses where its clips are, and no policy can list all those hosts. So the client also fetches a URL from a
//! public server that is not on the list, if a reply of the API named this URL: see [`ClipUrl`]. The word of a guest is not
//! enough. It could have the host look up a name, or send a request, that tells somebody a secret.

use std::error::Error as StdError;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, LOCATION, RANGE, RETRY_AFTER};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use mv_clip_core::media::{MediaStatus, classify};
use mv_clip_core::redirect::{MAX_REDIRECTS, RedirectError, media_target};
use mv_clip_core::retry::{self, Retryability};
use mv_clip_core::time::Timestamp;
use mv_clip_core::url::Url;
use tokio::time::{Instant, sleep};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::clip::ClipUrl;
use crate::error::TlsError;
use crate::outbound::{Outbound, Policy, Timeouts};

/// For how long a media host may respond that the clip is not there: Meraki returns URLs a moment before their clips
/// are available.
const READY_WITHIN: Duration = Duration::from_secs(15);

/// How long the server may stay silent.
const SILENCE: Duration = Duration::from_secs(30);

/// Why a clip cannot be fetched. Neither `Display` nor `Debug` holds the URL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// The URL, or its redirect, leads neither to a public server over https nor to an origin that the policy allows.
    #[error(
        "the clip's URL leads neither to a public server over https nor to an origin that the outbound policy allows \
         ({0}); allow its host, or get a new URL"
    )]
    Denied(String),
    /// The policy does not list the URL's host, and no reply of the API named the URL in the call that returned it.
    #[error(
        "the outbound policy does not list the host of the clip's URL, and no reply of the API named this URL. Allow \
         the host if you trust the URL, or get a new one"
    )]
    NotNamed,
    /// There is no connection, or the reply broke off.
    #[error("cannot fetch the clip; its URL may still work, so try again")]
    Transport(#[source] Box<dyn StdError + Send + Sync>),
    /// The server redirects too many times, to plain http, or to no URL.
    #[error("the media server sent a redirect that must not be followed; get a new URL")]
    Redirect(#[source] RedirectRefused),
    /// The server responds with this status instead of a clip.
    #[error("the media server answered {0}. The URL may have expired: get a new one")]
    Status(StatusCode),
    /// The reply is larger than any clip.
    #[error(
        "the media server sent more than {} bytes, which cannot be a clip",
        MediaClient::LARGEST
    )]
    TooLarge,
}

impl MediaError {
    // Not `From`, which would make the type of `wasmtime_wasi_http` part of this library's interface.
    fn new(error: Error) -> Self {
        match error {
            Error::HttpRequestDenied
            | Error::HttpRequestUriInvalid
            | Error::DestinationIpProhibited => Self::Denied(error.to_string()),
            Error::ConfigurationError => {
                Self::Transport("the proxy refused the connection, or cannot be reached".into())
            }
            error => Self::Transport(Box::new(error)),
        }
    }
}

/// Why a redirect is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedirectRefused {
    /// There were three before it.
    #[error("more than {MAX_REDIRECTS} redirects")]
    TooMany,
    /// It leads to plain http, where everybody on the way could read the clip.
    #[error("it leads to plain http")]
    Insecure,
    /// `Location` is not a reference to a URL without user information (RFC 9110, section 10.2.2).
    #[error("it does not lead to a URL")]
    Malformed,
}

impl RedirectRefused {
    fn new(error: RedirectError) -> Self {
        match error {
            RedirectError::TooMany => Self::TooMany,
            RedirectError::Insecure(_) => Self::Insecure,
            _ => Self::Malformed,
        }
    }
}

/// Fetches clips, with connections of its own. Cloning is cheap and shares them.
///
/// [`ClipHost::media_client`](crate::ClipHost::media_client) makes one. It reaches what the policy of its host
/// allows. A URL that a reply of the API named ([`ClipUrl`]) may also lead to any public server with a name over https, on
/// port 443, and so may its redirects. It has the root certificates,
/// the resolver and the proxy of the host, and neither its key nor its rate limiter. Names lead to public addresses, as
/// they do for guests: see [`Policy`](crate::Policy).
///
/// It follows the rules of `save_clip`: a clip that is not there yet (202, 204, 205, 404), a server that cannot
/// respond now (408, 425, 429, 5xx) and a part that nobody requested (206) are requested again, for at most 15 s and
/// after the wait that `Retry-After` asks for; at most three redirects are followed, none of them to plain http.
#[derive(Clone, Debug)]
pub struct MediaClient {
    outbound: Outbound,
    /// What may be fetched from without the word of the API.
    listed: Policy,
}

impl MediaClient {
    /// The largest clip that is fetched, in bytes: five minutes at more than ten times the highest
    /// bitrate of an MV camera.
    pub const LARGEST: usize = 1 << 30;

    /// For the URLs of guests that send their requests through `guests`.
    pub(crate) fn new(guests: &Outbound) -> Result<Self, TlsError> {
        let timeouts = Timeouts::default()
            .connect(SILENCE)
            .first_byte(SILENCE)
            .between_bytes(SILENCE);
        let outbound = guests.like().policy(guests.policy().and_public());
        Ok(Self {
            outbound: outbound.timeouts(timeouts).build()?,
            listed: guests.policy().clone(),
        })
    }

    /// Fetches a clip into memory: tens of megabytes for a long one.
    ///
    /// # Errors
    ///
    /// See [`MediaError`].
    pub async fn fetch(&self, url: &ClipUrl) -> Result<Vec<u8>, MediaError> {
        let mut response = self.get(url).await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > Self::LARGEST {
                return Err(MediaError::TooLarge);
            }
        }
        Ok(bytes)
    }

    /// Opens a clip. The response is a success, and its body the whole clip.
    ///
    /// # Errors
    ///
    /// See [`MediaError`].
    pub async fn get(&self, url: &ClipUrl) -> Result<MediaResponse, MediaError> {
        self.open(url, None).await
    }

    /// Opens a clip at its byte `first`, counted from 0. The response is one of
    ///
    /// - 206: the body is the part that `Content-Range` names. Check that it is the requested one.
    /// - 416: the clip has no such byte.
    /// - another success: the body is the whole clip, because the server does not serve parts.
    ///
    /// # Errors
    ///
    /// See [`MediaError`].
    pub async fn get_from(&self, url: &ClipUrl, first: u64) -> Result<MediaResponse, MediaError> {
        self.open(url, Some(first)).await
    }

    async fn open(&self, url: &ClipUrl, first: Option<u64>) -> Result<MediaResponse, MediaError> {
        let is_named = url.is_named();
        let url = Url::parse(url.expose())
            .map_err(|error| MediaError::Denied(format!("it {}", error.reason())))?;
        let started = Instant::now();
        let mut retries = 0;
        loop {
            let response = self.follow(url.clone(), first, is_named).await?;
            let status = response.status();
            let base = match classify(status.as_u16(), first.is_some()) {
                MediaStatus::Whole | MediaStatus::Partial | MediaStatus::RangeNotSatisfiable => {
                    return Ok(MediaResponse(response));
                }
                MediaStatus::NotAvailable(Retryability::Soon(base)) => base,
                MediaStatus::NotAvailable(_) | MediaStatus::Redirect => {
                    return Err(MediaError::Status(status));
                }
            };
            let pause = retry::delay(
                base,
                retries,
                retry_after(response.headers()),
                rand::random(),
            );
            if started.elapsed() + pause > READY_WITHIN {
                return Err(MediaError::Status(status));
            }
            tracing::info!(%status, ?pause, "the clip is not available yet");
            drop(response);
            sleep(pause).await;
            retries += 1;
        }
    }

    /// The response after all redirects. The target of a redirect does not get the URL of the clip (no `Referer`).
    async fn follow(
        &self,
        mut url: Url,
        first: Option<u64>,
        is_named: bool,
    ) -> Result<Response<WasiBody>, MediaError> {
        let mut redirects = 0;
        loop {
            let request = request(&url, first)?;
            if !is_named && self.listed.allows(request.uri()).is_err() {
                return Err(MediaError::NotNamed);
            }
            let sent = self.outbound.send(request, None);
            let response = sent.await.map_err(MediaError::new)?;
            let status = response.status().as_u16();
            if classify(status, first.is_some()) != MediaStatus::Redirect {
                return Ok(response);
            }
            let location = response.headers().get(LOCATION);
            let location = location.and_then(|value| value.to_str().ok());
            url = media_target(&url, location, redirects)
                .map_err(|error| MediaError::Redirect(RedirectRefused::new(error)))?;
            redirects += 1;
        }
    }
}

/// A reply of a media host: see [`MediaClient::get_from`].
#[derive(Debug)]
pub struct MediaResponse(Response<WasiBody>);

impl MediaResponse {
    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// The header fields.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }

    /// The next piece of the body. None at its end.
    ///
    /// # Errors
    ///
    /// [`MediaError::Transport`] if the body breaks off, or if nothing comes for 30 s.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, MediaError> {
        while let Some(frame) = self.0.body_mut().frame().await {
            // Trailers are ignored.
            if let Ok(data) = frame.map_err(MediaError::new)?.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }
}

fn request(url: &Url, first: Option<u64>) -> Result<Request<WasiBody>, MediaError> {
    // Some servers compress replies although nobody asked for it.
    let mut request = Request::get(url.expose()).header(ACCEPT_ENCODING, "identity");
    if let Some(first) = first {
        request = request.header(RANGE, format!("bytes={first}-"));
    }
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let request = request.body(body);
    request.map_err(|_| MediaError::new(Error::HttpRequestUriInvalid))
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    retry::retry_after(value, Timestamp::from_unix(now))
}
