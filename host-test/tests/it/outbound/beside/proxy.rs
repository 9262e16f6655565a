//! A proxy that all calls share.

use mv_clip_host::Proxy;
use tokio::time::Instant;

use super::{AT_ONCE, Call, number, settle};
use crate::outbound::proxy::tunnelling::Proxy as Tunnelling;
use crate::outbound::proxy::{Clips, ORIGIN};
use crate::outbound::request;
use crate::simulated::Simulated;

/// Connections through a proxy count as others do.
#[tokio::test]
async fn calls_that_take_all_tunnels_they_can_leave_another_call_its_own() {
    let _time = Simulated::time();
    let clips = Clips::new("sockets", &["http/1.1"]).await;
    let proxy = Tunnelling::to(clips.server.address).await;
    // One for each call and for the host, and four that they share.
    let outbound = clips.outbound().sockets(number(3), number(8)).unwrap();
    let outbound = outbound.proxy(Proxy::new(proxy.url("")).unwrap());
    let outbound = outbound.build().unwrap();
    let hang = format!("{ORIGIN}/hang");
    let mut hostile = [Call::new(&outbound), Call::new(&outbound)];
    let _held = hostile.each_mut().map(|call| call.hold(100, &hang));
    settle().await;
    assert_eq!(proxy.server.accepted(), 5);
    assert_eq!(Call::new(&outbound).fetch_at_once(ORIGIN).await, "ok");
    let started = Instant::now();
    let own = outbound.send(request(ORIGIN), None).await;
    assert_eq!(own.unwrap().status(), 200);
    assert!(started.elapsed() <= AT_ONCE);
    assert_eq!(proxy.server.accepted(), 7);
}
