//! One clip from its URL into a file.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use mv_clip_host::{ClipUrl, MediaClient, MediaError};
use mv_clip_mpegts::{NotMpegTs, Summary};
use tokio::time::sleep;

use crate::collect::Progress;
use crate::part::{AppendError, PartFile};

/// How many times a download that breaks off is continued.
const BREAKS: u32 = 5;

/// How long to wait before that.
const PAUSE: Duration = Duration::from_secs(1);

/// Why a clip is not in its file. No message holds the URL.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The media server gave nothing, or broke off again and again.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// It gave something else than a clip.
    #[error("the media server sent no clip: {0}")]
    Form(#[from] NotMpegTs),
    /// It gave less than it announced.
    #[error(
        "the media server sent {got} of {length} bytes; run the same command again to continue"
    )]
    Short {
        /// The bytes that came.
        got: u64,
        /// The bytes that were to come.
        length: u64,
    },
    /// What it gives changes from request to request.
    #[error("the media server sends a different clip each time; run the same command again later")]
    Unsteady,
    /// The file cannot be written.
    #[error("cannot write {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl DownloadError {
    /// Whether the URL is spent, so that only a new one can help.
    pub(crate) fn url_is_spent(&self) -> bool {
        use StatusCode as Is;
        matches!(
            self,
            Self::Media(MediaError::Status(
                Is::UNAUTHORIZED | Is::FORBIDDEN | Is::NOT_FOUND | Is::GONE
            ))
        )
    }

    /// Whether trying again cannot help.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::File { .. } | Self::Media(MediaError::Denied(_)))
    }

    /// The status of the media server's last reply, where that was the trouble.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Media(MediaError::Status(status)) => Some(status.as_u16()),
            _ => None,
        }
    }
}

/// What is known of the clip behind the URL: as long as it stays the same, a break can be mended.
struct Version {
    length: Option<u64>,
    etag: Option<HeaderValue>,
}

impl Version {
    fn contradicts(&self, other: &Self) -> bool {
        fn differ<T: PartialEq>(one: Option<&T>, other: Option<&T>) -> bool {
            one.zip(other).is_some_and(|(one, other)| one != other)
        }
        differ(self.length.as_ref(), other.length.as_ref())
            || differ(self.etag.as_ref(), other.etag.as_ref())
    }
}

/// How an attempt ended short of the whole clip.
enum Stop {
    /// Another attempt may get further.
    Broken(DownloadError),
    /// What is there already does not belong to this clip.
    OtherClip,
    /// No attempt can help.
    Final(DownloadError),
}

/// Fetches what is missing of a clip, and checks the whole.
///
/// # Errors
///
/// See [`DownloadError`]; what has arrived stays in `part`.
pub(crate) async fn download(
    client: &MediaClient,
    url: &ClipUrl,
    part: &mut PartFile,
    progress: &dyn Progress,
) -> Result<Summary, DownloadError> {
    let mut version = None;
    let mut breaks = 0;
    loop {
        match attempt(client, url, part, &mut version, progress).await {
            Ok(summary) => return Ok(summary),
            Err(Stop::Final(error)) => return Err(error),
            Err(Stop::OtherClip) if breaks >= BREAKS => return Err(DownloadError::Unsteady),
            Err(Stop::OtherClip) => {
                tracing::info!("what was there is no part of this clip: starting again");
                part.restart().await.map_err(|error| file(part, error))?;
                version = None;
                breaks += 1;
                continue;
            }
            Err(Stop::Broken(error)) if breaks >= BREAKS => return Err(error),
            Err(Stop::Broken(error)) => {
                breaks += 1;
                tracing::info!(%error, have = part.length(), "the download broke off");
            }
        }
        sleep(PAUSE).await;
    }
}

async fn attempt(
    client: &MediaClient,
    url: &ClipUrl,
    part: &mut PartFile,
    version: &mut Option<Version>,
    progress: &dyn Progress,
) -> Result<Summary, Stop> {
    let tail = part
        .tail()
        .await
        .map_err(|error| write_failed(part, error))?;
    let from = part.length() - tail.len() as u64;
    let response = match tail.is_empty() {
        true => client.get(url).await,
        false => client.get_from(url, from).await,
    };
    let mut response = response.map_err(failed)?;
    let (is_whole, found) = match response.status() {
        StatusCode::PARTIAL_CONTENT => (false, continued(response.headers(), from)?),
        StatusCode::RANGE_NOT_SATISFIABLE => return Err(Stop::OtherClip),
        _ => (true, whole(response.headers())),
    };
    let mut overlap = tail.as_slice();
    if is_whole {
        overlap = &[];
        part.restart()
            .await
            .map_err(|error| write_failed(part, error))?;
    } else if version
        .as_ref()
        .is_some_and(|before| before.contradicts(&found))
    {
        return Err(Stop::OtherClip);
    }
    let length = found.length;
    *version = Some(found);

    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        let again = chunk.len().min(overlap.len());
        let (known, new) = chunk.split_at_checked(again).unwrap_or((&chunk, &[]));
        overlap = overlap.strip_prefix(known).ok_or(Stop::OtherClip)?;
        if part.length() + new.len() as u64 > MediaClient::LARGEST as u64 {
            part.restart()
                .await
                .map_err(|error| write_failed(part, error))?;
            return Err(Stop::Final(MediaError::TooLarge.into()));
        }
        if let Err(error) = part.append(new).await {
            return Err(match error {
                AppendError::Form(form) => no_clip(part, form).await,
                AppendError::Io(error) => write_failed(part, error),
            });
        }
        progress.at(part.length(), length);
    }
    if let Some(length) = length.filter(|length| *length != part.length()) {
        let got = part.length();
        return Err(Stop::Broken(DownloadError::Short { got, length }));
    }
    match part.check() {
        Ok(summary) => Ok(summary),
        Err(form) => Err(no_clip(part, form).await),
    }
}

/// Bytes that are no clip are not continued but fetched again.
async fn no_clip(part: &mut PartFile, form: NotMpegTs) -> Stop {
    match part.restart().await {
        Ok(()) => Stop::Broken(form.into()),
        Err(error) => write_failed(part, error),
    }
}

/// RFC 9110, section 14.4: `bytes 188-375/55836`, or `*` for a length that is not known.
fn continued(headers: &HeaderMap, from: u64) -> Result<Version, Stop> {
    let range = text(headers, CONTENT_RANGE).and_then(|value| value.strip_prefix("bytes "));
    let (range, length) = range
        .and_then(|value| value.split_once('/'))
        .ok_or(Stop::OtherClip)?;
    let first = range
        .split_once('-')
        .and_then(|(first, _)| first.parse().ok());
    if first != Some(from) {
        return Err(Stop::OtherClip);
    }
    Ok(Version {
        length: length.parse().ok(),
        etag: headers.get(ETAG).cloned(),
    })
}

fn whole(headers: &HeaderMap) -> Version {
    Version {
        length: text(headers, CONTENT_LENGTH).and_then(|value| value.parse().ok()),
        etag: headers.get(ETAG).cloned(),
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn failed(error: MediaError) -> Stop {
    match error {
        error @ MediaError::Transport(_) => Stop::Broken(error.into()),
        error => Stop::Final(error.into()),
    }
}

fn write_failed(part: &PartFile, error: io::Error) -> Stop {
    Stop::Final(file(part, error))
}

fn file(part: &PartFile, source: io::Error) -> DownloadError {
    DownloadError::File {
        path: part.path().to_owned(),
        source,
    }
}
