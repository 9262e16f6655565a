//! An address that is this machine's own by a route, as no interface tells.

use std::env;
use std::process::Command;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use wasmtime_wasi_http::Error;

use super::reach::Fixed;
use super::server::{OK, read_head};
use super::{allowing, get};

const ROUTE: &str = "ip link set lo up && ip route add local 8.8.8.8/32 dev lo";

/// Runs the other test in a network of its own. Where the system lets no user make one, a test of the host's library
/// (`outbound::resolve`) still checks the addresses of the two ends.
#[test]
fn no_name_leads_to_an_own_address_that_no_interface_has() {
    let inside = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["-rn", "sh", "-c", script]);
        command.arg(env::current_exe().unwrap()).output()
    };
    if !inside(ROUTE).is_ok_and(|made| made.status.success()) {
        eprintln!("skipped: needs Linux with `unshare -rn` and `ip`");
        return;
    }
    let test = "outbound::route::in_a_network_of_its_own";
    let output = inside(&format!("{ROUTE} && \"$0\" --exact {test} --ignored")).unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("1 passed"), "{text}");
}

#[tokio::test]
#[ignore = "the other test runs it"]
async fn in_a_network_of_its_own() {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            if read_head(&mut stream).await.is_some() {
                stream.write_all(OK.as_bytes()).await.unwrap();
            }
        }
    });
    let name = format!("http://media.example:{port}");
    let address = format!("http://8.8.8.8:{port}");
    let outbound = allowing(&[name.clone(), address.clone()])
        .resolver(Fixed(vec!["8.8.8.8".parse().unwrap()]))
        .build()
        .unwrap();
    let result = get(&outbound, &name).await;
    assert!(
        matches!(result, Err(Error::DestinationIpProhibited)),
        "{result:?}"
    );
    // The policy names the address itself.
    assert_eq!(get(&outbound, &address).await.unwrap().status(), 200);
}
