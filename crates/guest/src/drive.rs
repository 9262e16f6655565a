//! The driver of [`Batch`]: sends its requests, waits for responses, and reports them.

use std::ops::ControlFlow;
use std::time::Duration;

use mv_clip_core::api::Clip;
use mv_clip_core::batch::{Batch, Step};
use mv_clip_core::error::{ClipError, Failure};
use mv_clip_core::request::ClipRequest;
use mv_clip_core::settings::Settings;

use crate::clock::Clock;
use crate::exchange::{Exchange, Outcome};
use crate::wasi::io::poll::Pollable;
use crate::wasi::random::random::get_random_u64;

/// Gets clips: one result for each request, in the order of the requests.
pub(crate) fn run(
    clock: &Clock,
    settings: &Settings,
    requests: Vec<Result<ClipRequest, Failure>>,
) -> Vec<Result<Clip, ClipError>> {
    let mut batch = Batch::new(settings, requests, clock.started());
    let mut in_flight = Vec::new();
    loop {
        let now = clock.elapsed();
        let until = match batch.resume(now) {
            Step::Send(index, request) => {
                match Exchange::start(&request, now) {
                    Ok(exchange) => in_flight.push((index, exchange)),
                    Err(error) => receive(&mut batch, now, index, Err(error)),
                }
                continue;
            }
            Step::Wait(until) => Some(until),
            Step::Await => None,
            Step::Done(results) => return results,
        };
        let ready = wait(clock, &in_flight, until);
        let now = clock.elapsed();
        for (position, (index, exchange)) in std::mem::take(&mut in_flight).into_iter().enumerate()
        {
            match exchange.advance(now, ready.contains(&position)) {
                ControlFlow::Continue(exchange) => in_flight.push((index, exchange)),
                ControlFlow::Break(outcome) => receive(&mut batch, now, index, outcome),
            }
        }
    }
}

/// Waits until an exchange in flight is ready or times out, but not longer than `until`. Returns the positions of
/// the exchanges that are ready.
fn wait(clock: &Clock, in_flight: &[(usize, Exchange)], until: Option<Duration>) -> Vec<usize> {
    let deadlines = in_flight.iter().map(|(_, exchange)| exchange.deadline());
    let pollables = in_flight.iter().map(|(_, exchange)| exchange.pollable());
    // There is an exchange in flight, or a time to wait for.
    let until = deadlines.chain(until).min().unwrap_or_default();
    clock.wait(&pollables.collect::<Vec<&Pollable>>(), until)
}

fn receive(batch: &mut Batch<'_>, now: Duration, index: usize, outcome: Outcome) {
    batch.receive(index, now, outcome, get_random_u64);
}
