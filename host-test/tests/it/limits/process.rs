//! The limits of the process, which all calls share.

use std::num::NonZeroU32;
use std::time::Duration;

use mv_clip_host::{ClipHost, Limits, LoadError, OpenFiles, Policy, Settings};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;

use super::{LONG, call_to, watched};
use crate::guest;
use crate::outbound::server::Server;
use crate::support::in_own_process;

/// Three calls of three tenants, each within all default limits, could open 1,536 connections.
#[cfg(target_os = "linux")]
#[test]
fn calls_cannot_take_every_descriptor_of_the_process() {
    use nix::sys::resource::{Resource, setrlimit};

    let name = "limits::process::calls_cannot_take_every_descriptor_of_the_process";
    watched(2, async move {
        if !in_own_process(name, LONG).await {
            return;
        }
        setrlimit(Resource::RLIMIT_NOFILE, 512, 512).unwrap();
        let server = Server::well_behaved().await;
        // Connections to it are made by the system, and take no descriptors on this side.
        let silent = TcpSocket::new_v4().unwrap();
        silent.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let silent = silent.listen(4_096).unwrap();
        let silent = silent.local_addr().unwrap().to_string();
        let policy = Policy::default()
            .allow([server.origin().parse().unwrap()])
            .allow([format!("http://{silent}").parse().unwrap()]);
        let limits = Limits::default()
            .wall_time(Duration::from_secs(2))
            .concurrent_calls(NonZeroU32::new(20).unwrap());
        let builder = ClipHost::builder().policy(policy).limits(limits);
        let host = builder.load_bytes_blocking(&guest::by_serial()).unwrap();
        let mut hostile = JoinSet::new();
        for _ in 0..3 {
            let (host, silent) = (host.tenant().build().unwrap(), silent.clone());
            hostile.spawn(async move { call_to(&host, "y", &silent, &"x".repeat(500)).await });
        }
        let address = server.address.to_string();
        let mut most = 0;
        let mut beside = 0;
        while !hostile.is_empty() {
            let answer = call_to(&host, "r", &address, "").await;
            assert_eq!(answer.unwrap(), "Y");
            std::fs::read("/proc/self/stat").unwrap();
            most = most.max(std::fs::read_dir("/proc/self/fd").unwrap().count());
            beside += 1;
            while let Some(ended) = hostile.try_join_next() {
                assert!(ended.unwrap().is_err());
            }
        }
        eprintln!("three calls with 1,500 requests: {most} descriptors, {beside} calls beside it");
        assert!((100..500).contains(&most), "{most}");
    });
}

#[test]
fn a_host_for_more_sockets_than_the_process_may_open_is_not_made() {
    let limits = Limits::default().sockets(NonZeroU32::MAX);
    let builder = ClipHost::builder().limits(limits);
    let error = builder.load_bytes_blocking(&guest::by_serial()).err();
    let Some(LoadError::OpenFiles(OpenFiles { needed, .. })) = error else {
        panic!("{error:?}");
    };
    assert!(needed > u32::MAX as usize);
}

/// A host that has one connection at a time for its one call works.
#[test]
fn one_socket_is_enough_for_one_call() {
    watched(2, async {
        let server = Server::well_behaved().await;
        let limits = Limits::default()
            .concurrent_calls(NonZeroU32::MIN)
            .sockets(NonZeroU32::MIN);
        let policy = Policy::new([server.origin().parse().unwrap()]);
        let builder = ClipHost::builder().policy(policy).limits(limits);
        let host = builder.load_bytes_blocking(&guest::by_serial()).unwrap();
        let address = server.address.to_string();
        let settings = Settings::default();
        for _ in 0..3 {
            let url = host.get_clip(&settings, "r", &address, "").await.unwrap();
            assert_eq!(url.expose(), "Y");
        }
        assert_eq!(server.accepted(), 3, "one for each request of a guest");
    });
}
