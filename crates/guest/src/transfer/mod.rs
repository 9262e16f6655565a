//! Does the steps that [`Transfer`] asks for: fetches the clip, streams it to the destination, waits.

mod patience;
mod upload;

use mv_clip_core::api::{Clip, TransportError};
use mv_clip_core::error::ClipError;
use mv_clip_core::settings::Settings;
use mv_clip_core::transfer::{
    Destination, Digest, Footage, Get, Head, NotFootage, Put, PutError, SavedClip, Side, Step,
    Transfer,
};

use self::patience::Patience;
use self::upload::Upload;
use crate::clock::Clock;
use crate::error_code::{BROKEN, transport_error};
use crate::incoming::{Body, Response, text};
use crate::outgoing;
use crate::wasi::http::outgoing_handler;
use crate::wasi::http::types::Method;
use crate::wasi::random::random::get_random_u64;

/// How much of a clip is in the guest's memory at a time, in bytes.
const PIECE: usize = 64 * 1024;

/// Saves a clip, in the call that `clock` belongs to.
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
                // What was open before gives way: it was for another try.
                drop(media.take());
                let head = match fetch(clock, settings, &get) {
                    Ok((head, body)) => {
                        media = Some(body);
                        Ok(head)
                    }
                    Err(error) => Err(error),
                };
                transfer.fetched(clock.elapsed(), head, get_random_u64)
            }
            Step::Put(put) => {
                let outcome = match media.take() {
                    Some(body) => store(clock, &body, &put),
                    None => Err(PutError::NoReply(Side::Media, BROKEN)),
                };
                transfer.stored(clock.elapsed(), outcome, get_random_u64)
            }
            Step::Done(result) => return result,
        }
    }
}

/// Asks the media host.
fn fetch(clock: &Clock, settings: &Settings, get: &Get) -> Result<(Head, Body), TransportError> {
    let left = get.give_up_at.saturating_sub(clock.elapsed());
    let request = outgoing::request(&Method::Get, &get.url, &[("accept", "*/*")])?;
    let options = outgoing::options(left, left, settings.attempt_timeout);
    let future =
        outgoing_handler::handle(request, Some(options)).map_err(|code| transport_error(&code))?;
    let response = Patience::until(clock, get.give_up_at).take(&Response::of(future))?;
    let headers = response.headers();
    // Behind a content coding the length is not that of the clip.
    let length = match text(&headers, "content-encoding") {
        None => text(&headers, "content-length").and_then(|length| length.parse().ok()),
        Some(_) => None,
    };
    let head = Head {
        status: response.status(),
        location: text(&headers, "location"),
        retry_after: text(&headers, "retry-after"),
        length,
    };
    Ok((head, Body::of(&response)?))
}

/// Streams a clip from the media host to the destination.
fn store(clock: &Clock, media: &Body, put: &Put) -> Result<Digest, PutError> {
    let mut patience = Patience::new(clock, put.patience, put.give_up_at);
    let mut footage = Footage::new(put.length);
    let mut piece = read(media, None, &mut patience)?.ok_or(NotFootage::Empty)?;
    footage.push(&piece)?;
    let mut upload = Upload::start(clock, put)?;
    loop {
        upload.write(&mut patience, &piece)?;
        // A destination that has the announced length may have stored the clip before the media host says
        // that this was the end.
        let beside = (!footage.has_all()).then_some(&upload);
        piece = match read(media, beside, &mut patience)? {
            Some(next) => next,
            None => break,
        };
        footage.push(&piece)?;
    }
    let digest = footage.finish()?;
    upload.finish(&mut patience)?;
    Ok(digest)
}

/// The next piece of the clip, or nothing after the last; in between, the destination may have its say.
fn read(
    media: &Body,
    upload: Option<&Upload>,
    patience: &mut Patience<'_>,
) -> Result<Option<Vec<u8>>, PutError> {
    let failed = |error| PutError::NoReply(Side::Media, error);
    loop {
        match media.read(PIECE).map_err(failed)? {
            Some(piece) if piece.is_empty() => {
                let beside = upload.map(Upload::answered);
                let pollables = [media.pollable()].into_iter().chain(beside);
                patience
                    .wait(&pollables.collect::<Vec<_>>())
                    .map_err(failed)?;
            }
            piece => {
                patience.moved().map_err(failed)?;
                return Ok(piece);
            }
        }
        if let Some(upload) = upload {
            upload.check(patience)?;
        }
    }
}
