//! Connecting: the choice of address, and the errors.

use std::net::IpAddr;
use std::time::Duration;

use mv_clip_host::{Lookup, Resolve, Timeouts};
use tokio::time::Instant;
use tracing::Level;
use wasmtime_wasi_http::Error;

use super::{allowing, get};
use crate::simulated::Simulated;
use crate::support::{Log, closed_port};

#[tokio::test]
async fn a_closed_port_refuses_the_connection() {
    let (_held, address) = closed_port();
    let origin = format!("http://{address}");
    let outbound = allowing(std::slice::from_ref(&origin)).build().unwrap();
    let result = get(&outbound, &origin).await;
    assert!(
        matches!(result, Err(Error::ConnectionRefused)),
        "{result:?}"
    );
}

/// On one thread, so that all events go to the subscriber of this test.
#[tokio::test(flavor = "current_thread")]
async fn the_cause_of_a_failure_is_logged_without_path_or_query() {
    let log = Log::default();
    let _guard = log.collect(Level::DEBUG);
    let (_held, address) = closed_port();
    let origin = format!("http://{address}");
    let outbound = allowing(std::slice::from_ref(&origin)).build().unwrap();
    get(&outbound, &format!("{origin}/path-5ec2e7?query-5ec2e7"))
        .await
        .unwrap_err();
    let log = log.text();
    assert!(log.contains("Connection refused"), "{log}");
    assert!(!log.contains("5ec2e7"), "{log}");
}

struct Addresses(Vec<IpAddr>);

impl Resolve for Addresses {
    fn resolve(&self, _: &str) -> Lookup {
        let addresses = self.0.clone();
        Box::pin(async move { Ok(addresses) })
    }
}

/// Linux drops SYNs to a listener whose accept queue is full, and accepts all of 127.0.0.0/8. Together they give an
/// unreachable address without a network.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_unreachable_address_leaves_time_for_the_next() {
    let _time = Simulated::time();
    use tokio::net::{TcpSocket, TcpStream};

    let server = super::server::Server::well_behaved().await;
    let dead = TcpSocket::new_v4().unwrap();
    dead.bind(([127, 0, 0, 2], server.port()).into()).unwrap();
    let dead = dead.listen(0).unwrap();
    let _fills_its_queue = TcpStream::connect(dead.local_addr().unwrap())
        .await
        .unwrap();

    let origin = format!("http://localhost:{}", server.port());
    let limit = Duration::from_secs(2);
    let outbound = allowing(std::slice::from_ref(&origin))
        .resolver(Addresses(vec![
            dead.local_addr().unwrap().ip(),
            server.address.ip(),
        ]))
        .timeouts(Timeouts::default().connect(limit))
        .build()
        .unwrap();
    let started = Instant::now();
    get(&outbound, &origin).await.unwrap();
    assert!(
        started.elapsed() >= limit / 2,
        "the unreachable address answered"
    );
}
