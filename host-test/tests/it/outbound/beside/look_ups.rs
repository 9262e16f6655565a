//! Lookups of names.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mv_clip_host::{Lookup, Resolve};
use tokio::task::JoinSet;
use wasmtime_wasi_http::Error;

use super::{Call, settle};
use crate::outbound::server::Server;
use crate::outbound::{allowing, request};
use crate::simulated::Simulated;

/// Never answers for names that begin with `slow`, and counts the look-ups that run.
#[derive(Clone, Default)]
struct Slow {
    running: Arc<AtomicUsize>,
}

struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Resolve for Slow {
    fn resolve(&self, name: &str) -> Lookup {
        self.running.fetch_add(1, Ordering::SeqCst);
        let running = Running(Arc::clone(&self.running));
        let is_slow = name.starts_with("slow");
        Box::pin(async move {
            let _running = running;
            match is_slow {
                true => pending().await,
                false => Ok(vec!["127.0.0.1".parse().unwrap()]),
            }
        })
    }
}

#[tokio::test]
async fn look_ups_of_one_call_delay_no_other_call_and_end_with_it() {
    let _time = Simulated::time();
    let server = Server::well_behaved().await;
    let port = server.port();
    let resolver = Slow::default();
    let quick = format!("http://localhost:{port}");
    let outbound = allowing(&[format!("http://*.example.com:{port}"), quick.clone()]);
    let outbound = outbound.resolver(resolver.clone()).build().unwrap();
    let mut hostile = Call::new(&outbound);
    let mut held = JoinSet::new();
    for name in 0..400 {
        let uri = format!("http://slow{name}.example.com:{port}/");
        held.spawn(hostile.send(request(&uri)));
    }
    settle().await;
    let running = resolver.running.load(Ordering::SeqCst);
    // Of the 256 look-ups for 2048 sockets, one for each of a hundred calls, and half of those that are shared.
    assert!((2..=80).contains(&running), "{running}");
    assert_eq!(Call::new(&outbound).fetch_at_once(&quick).await, "ok");
    drop(held);
    settle().await;
    assert_eq!(resolver.running.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_look_up_ends_with_the_connect_timeout() {
    let _time = Simulated::time();
    let resolver = Slow::default();
    let outbound = allowing(&["http://*.example.com".to_owned()]).resolver(resolver.clone());
    let mut call = Call::new(&outbound.build().unwrap());
    let result = call.send(request("http://slow.example.com")).await;
    assert!(
        matches!(result, Err(Error::ConnectionTimeout)),
        "{result:?}"
    );
    assert_eq!(resolver.running.load(Ordering::SeqCst), 0);
}
