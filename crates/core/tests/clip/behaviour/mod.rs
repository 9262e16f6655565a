//! The behavior of a call for one clip, rule by rule.

mod attempts;
mod backoff;
mod deadline;
mod footage;
mod messages;
mod redirects;

use std::time::Duration;

use mv_clip_core::error::FailureKind;
use mv_clip_core::transport::TransportError;

use crate::simulation::*;

/// The largest jitter.
const MOST: u64 = u64::MAX;
/// Half of the largest jitter.
const HALF: u64 = 1 << 63;

const NO_VIDEO: &str = "No video for specified timestamp";

fn five(exchange: Exchange) -> [Exchange; 5] {
    std::array::from_fn(|_| exchange.clone())
}

#[test]
fn a_clip_at_the_first_attempt() {
    let call = Simulation::new().run([clip()]);
    assert_eq!(call.url(), MEDIA);
    assert_eq!(call.times(), [0]);
    let request = &call.sent[0].1;
    assert_eq!(
        request.url.expose(),
        "https://api.meraki.com/api/v1/devices/Q2XX-ABCD-1234/camera/clip\
         ?startTimestamp=2026-03-12T14:30:00.000Z&endTimestamp=2026-03-12T14:32:00.000Z"
    );
    assert_eq!(
        request.api_key.as_ref().unwrap().authorization(),
        format!("Bearer {KEY}")
    );
}

#[test]
fn without_a_key_the_host_adds_it() {
    let mut simulation = Simulation::new();
    simulation.variables.clear();
    assert_eq!(simulation.run([clip()]).sent[0].1.api_key, None);
}

#[test]
fn the_expiry_is_returned() {
    let body = format!(r#"{{"url":"{MEDIA}","expiry":"until 2026-03-12T16:00:00Z."}}"#);
    let call = Simulation::new().run([reply(202, &body)]);
    let expires_at = call.result.unwrap().expires_at.unwrap();
    assert_eq!(expires_at.to_string(), "2026-03-12T16:00:00.000Z");
}
