//! The driver of [`Transfer`]: fetches the clip, streams it to the destination, and waits.

mod progress_timeout;
mod upload;

use mv_clip_core::api::Clip;
use mv_clip_core::error::ClipError;
use mv_clip_core::settings::Settings;
use mv_clip_core::transfer::{
    Destination, Digest, Get, Head, Peer, Put, PutError, SavedClip, Step, StreamChecker,
    StreamError, Transfer,
};
use mv_clip_core::transport::TransportError;

use self::progress_timeout::ProgressTimeout;
use self::upload::Upload;
use crate::clock::Clock;
use crate::error_code::{BROKEN, transport_error};
use crate::incoming::{Body, PendingResponse, header};
use crate::outgoing::{self, NOT_COMPRESSED};
use crate::wasi::http::outgoing_handler;
use crate::wasi::http::types::Method;
use crate::wasi::random::random::get_random_u64;

/// The most bytes of a clip that are in memory at a time.
const PIECE: usize = 64 * 1024;

/// Saves a clip, in the call of `clock`.
pub(crate) fn run(
    clock: &Clock,
    settings: &Settings,
    clip: Clip,
    destination: Destination,
) -> Result<SavedClip, ClipError> {
    let mut transfer = Transfer::new(settings, clock.started(), clip, destination)?;
    let mut step = transfer.resume(clock.elapsed());
    let mut media = None;
    loop {
        step = match step {
            Step::Wait(until) => {
                clock.wait(&[], until);
                transfer.resume(clock.elapsed())
            }
            Step::Get(get) => {
                // Closes the connection of an earlier attempt.
                drop(media.take());
                let head = match fetch(clock, settings, &get) {
                    Ok((head, body)) => {
                        media = Some(body);
                        Ok(head)
                    }
                    Err(error) => Err(error),
                };
                transfer.receive_head(clock.elapsed(), head, get_random_u64)
            }
            Step::Put(put) => {
                let outcome = match media.take() {
                    Some(body) => store(clock, &body, &put),
                    None => Err(PutError::Transport(Peer::Media, BROKEN)),
                };
                transfer.receive_outcome(clock.elapsed(), outcome, get_random_u64)
            }
            Step::Done(result) => return result,
        }
    }
}

/// Sends the request to the media host.
fn fetch(clock: &Clock, settings: &Settings, get: &Get) -> Result<(Head, Body), TransportError> {
    let left = get.attempt_deadline.saturating_sub(clock.elapsed());
    let request = outgoing::request(&Method::Get, &get.url, &[("accept", "*/*"), NOT_COMPRESSED])?;
    let options = outgoing::options(left, left, settings.attempt_timeout);
    let future =
        outgoing_handler::handle(request, Some(options)).map_err(|code| transport_error(&code))?;
    let timeout = ProgressTimeout::until(clock, get.attempt_deadline);
    let response = timeout.take(&PendingResponse::of(future))?;
    let headers = response.headers();
    // With a content coding the length is not that of the clip.
    let length = match header(&headers, "content-encoding") {
        None => header(&headers, "content-length").and_then(|length| length.parse().ok()),
        Some(_) => None,
    };
    let head = Head {
        status: response.status(),
        location: header(&headers, "location"),
        retry_after: header(&headers, "retry-after"),
        length,
    };
    Ok((head, Body::of(&response)?))
}

/// Streams a clip from the media host to the destination.
fn store(clock: &Clock, media: &Body, put: &Put) -> Result<Digest, PutError> {
    let mut timeout = ProgressTimeout::new(clock, put.progress_timeout, put.attempt_deadline);
    let mut checker = StreamChecker::new(put.length);
    let mut piece = read(media, None, &mut timeout)?.ok_or(StreamError::Empty)?;
    checker.push(&piece)?;
    let mut upload = Upload::start(clock, put)?;
    loop {
        upload.write(&mut timeout, &piece)?;
        // A destination with the announced length may store the clip, and respond, before the media host ends
        // its response.
        let beside = (!checker.is_complete()).then_some(&upload);
        piece = match read(media, beside, &mut timeout)? {
            Some(next) => next,
            None => break,
        };
        checker.push(&piece)?;
    }
    let digest = checker.finish()?;
    upload.finish(&mut timeout)?;
    Ok(digest)
}

/// The next piece of the clip, or `None` after the last. Meanwhile the destination may respond.
fn read(
    media: &Body,
    upload: Option<&Upload>,
    timeout: &mut ProgressTimeout<'_>,
) -> Result<Option<Vec<u8>>, PutError> {
    let failed = |error| PutError::Transport(Peer::Media, error);
    loop {
        match media.read(PIECE).map_err(failed)? {
            Some(piece) if piece.is_empty() => {
                let beside = upload.map(Upload::responded);
                let pollables = [media.pollable()].into_iter().chain(beside);
                timeout
                    .wait(&pollables.collect::<Vec<_>>())
                    .map_err(failed)?;
            }
            piece => {
                timeout.reset().map_err(failed)?;
                return Ok(piece);
            }
        }
        if let Some(upload) = upload {
            upload.check(timeout)?;
        }
    }
}
