//! Properties that hold for any behavior of the two servers.

use std::time::Duration;

use mv_clip_core::error::ClipError;
use mv_clip_core::media::{MediaStatus, classify};
use mv_clip_core::transfer::{Head, Peer, StreamError};
use mv_clip_core::transport::TransportError;
use proptest::prelude::*;

use super::simulation::{Event, Outcome, Simulation};
use crate::simulation::KEY;

fn event() -> impl Strategy<Value = (Event, Event)> {
    let takes = || (0_u64..40_000).prop_map(Duration::from_millis);
    let transport = || {
        prop::sample::select(vec![
            TransportError::Connection("refused"),
            TransportError::Certificate,
            TransportError::TimedOut,
            TransportError::Denied,
        ])
    };
    let status = || prop_oneof![2 => Just(200_u16), 1 => prop::sample::select(vec![302, 404, 503]), 1 => 100_u16..600];
    let location = prop::option::of(prop::sample::select(vec![
        "/x",
        "http://h/x",
        "https://h/x",
        "?",
    ]));
    let wait = prop::sample::select(vec![
        None,
        Some("3"),
        Some("soon"),
        Some("Thu, 12 Mar 2026 15:00:30 GMT"),
    ]);
    let answered = (status(), location, wait.clone()).prop_map(|(status, location, wait)| {
        Ok(Head {
            status,
            location: location.map(str::to_owned),
            retry_after: wait.map(str::to_owned),
            length: None,
        })
    });
    let head = prop_oneof![4 => answered, 1 => transport().prop_map(Err)];
    let side = prop::sample::select(vec![Peer::Media, Peer::Destination]);
    let stored = prop_oneof![
        Just(Outcome::Stored),
        (side, transport()).prop_map(|(side, error)| Outcome::Transport(side, error)),
        Just(Outcome::Stream(StreamError::LostSync(3))),
        (status(), wait)
            .prop_filter("not a success", |(status, _)| !(200..300).contains(status))
            .prop_map(|(status, wait)| Outcome::Refused(
                status,
                wait,
                "<s3cret-s3cret> k3y-0f-s0mebody"
            )),
    ];
    (takes(), head, takes(), stored)
        .prop_map(|(t1, head, t2, stored)| (Event::Head(t1, head), Event::Stored(t2, stored)))
}

proptest! {
    #[test]
    fn it_ends_in_time_and_prints_no_secrets(
        events in prop::collection::vec(event(), 1..30),
        random in any::<u64>(),
        max_attempts in 1_usize..=10,
        deadline in 1_u64..300,
        begins in 0_u64..100,
    ) {
        let mut simulation = Simulation::new()
            .set("MV_CLIP_MAX_ATTEMPTS", &max_attempts.to_string())
            .set("MV_CLIP_DEADLINE_SECONDS", &deadline.to_string());
        simulation.random = random;
        simulation.begins = Duration::from_secs(begins.min(deadline));
        let mut heads = events.iter().map(|(head, _)| head).cycle();
        let mut stored = events.iter().map(|(_, stored)| stored).cycle();
        let mut wants_head = true;
        let call = simulation.run_against(|| {
            let event = if wants_head { heads.next() } else { stored.next() };
            let event = event.unwrap().clone();
            // A PUT follows a head with a whole clip in time; a GET follows everything else.
            wants_head = !matches!(&event, Event::Head(takes, Ok(head))
                if classify(head.status, false) == MediaStatus::Whole && *takes < Duration::from_secs(30));
            event
        });
        prop_assert!(call.took <= Duration::from_secs(deadline));
        prop_assert!(call.asked.len() <= max_attempts * 4 && call.puts <= max_attempts);
        let printed = format!("{:?}", call.result);
        prop_assert!(!printed.contains("s3cret"), "{printed}");
        prop_assert!(!printed.contains(KEY) && !printed.contains("t0ken"), "{printed}");
        if let Err(ClipError::Permanent(failure)) = &call.result {
            prop_assert_eq!(failure.retry_after_seconds, None);
        }
    }
}
