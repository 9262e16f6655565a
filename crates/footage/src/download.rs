//! Downloads a clip to a file.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use mv_clip_core::text::error_chain;
use mv_clip_host::{ClipUrl, MediaClient, MediaError};
use mv_clip_mpegts::{NotMpegTs, Summary};
use tokio::time::sleep;

use crate::part::{AppendError, PartFile};
use crate::progress::Progress;

/// How often an interrupted download is resumed.
const BREAKS: u32 = 5;

/// How long to wait before that.
const PAUSE: Duration = Duration::from_secs(1);

/// Why a clip cannot be downloaded. No message contains the URL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DownloadError {
    /// The media host sent no clip, or the connection broke too often.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// The media host sent something else than a clip.
    #[error("the media host sent no clip")]
    Form(#[from] NotMpegTs),
    /// The media host sent less than it announced.
    #[error("the media host sent {got} of {length} bytes; run the same command again to resume")]
    Short {
        /// The bytes that arrived.
        got: u64,
        /// The bytes that were announced.
        length: u64,
    },
    /// The clip changed between requests.
    #[error(
        "the media host sends different bytes for each request; run the same command again later"
    )]
    Unsteady,
    /// The media host sends too slowly.
    #[error(
        "the clip did not arrive within {} s; run the same command again to resume", limit.as_secs()
    )]
    TooSlow {
        /// How long the download could take.
        limit: Duration,
    },
    /// The file cannot be written.
    #[error("cannot write {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

impl DownloadError {
    /// Whether the URL has expired, so that only a new one can help.
    pub(crate) fn url_is_spent(&self) -> bool {
        use StatusCode as Is;
        matches!(
            self,
            Self::Media(MediaError::Status(
                Is::UNAUTHORIZED | Is::FORBIDDEN | Is::NOT_FOUND | Is::GONE
            ))
        )
    }

    /// Whether another run cannot help.
    pub(crate) fn is_final(&self) -> bool {
        matches!(
            self,
            Self::File { .. } | Self::Media(MediaError::Denied(_) | MediaError::NotNamed)
        )
    }

    /// The status of the media host's last reply, if it caused the failure.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Media(MediaError::Status(status)) => Some(status.as_u16()),
            _ => None,
        }
    }
}

/// Identifies the clip behind the URL: the download can resume while it stays the same.
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

/// Why an attempt did not complete the clip.
enum Stop {
    /// Another attempt may get further.
    Broken(DownloadError),
    /// The file does not belong to this clip.
    OtherClip,
    /// No attempt can help.
    Final(DownloadError),
}

/// Downloads the rest of a clip, and checks the clip as a whole.
///
/// # Errors
///
/// See [`DownloadError`]; the bytes that arrived stay in `part`.
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
                tracing::info!("the file is not part of this clip: downloading it again");
                part.restart().await.map_err(|error| file(part, error))?;
                version = None;
                breaks += 1;
                continue;
            }
            Err(Stop::Broken(error)) if breaks >= BREAKS => return Err(error),
            Err(Stop::Broken(error)) => {
                breaks += 1;
                tracing::info!(
                    error = error_chain(&error),
                    have = part.length(),
                    "the download was interrupted"
                );
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
        progress.update(part.length(), length);
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

/// Discards bytes that are not a clip, so that the next attempt starts from the beginning.
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
        path: part.path(),
        source,
    }
}
