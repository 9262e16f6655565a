//! The proxy variables.

use meraki_mock::MockConfig;
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;

use super::{World, command, error, get_command};
use crate::outbound::proxy::tunnelling::{CREDENTIALS, Proxy};
use crate::outbound::server::Server;
use crate::outbound::tls;
use crate::support::{SERIAL, closed_port};

/// Leads nowhere but through the proxy.
const API: &str = "10.255.255.1";

/// A mock behind a proxy, with TLS. The last one is the file with its root certificate.
async fn behind_a_proxy(test: &str) -> (World, Proxy, std::path::PathBuf) {
    let world = World::with(MockConfig::default()).await;
    let certified = tls::certificate(API);
    let acceptor = tls::acceptor(&certified, &[]);
    let mock = world.origin().replace("http://", "");
    let server = Server::start(move |stream| {
        let (acceptor, mock) = (acceptor.clone(), mock.clone());
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                return;
            };
            let mut mock = TcpStream::connect(mock).await.unwrap();
            let _gone = copy_bidirectional(&mut stream, &mut mock).await;
        }
    })
    .await;
    let world = world.set("MERAKI_BASE_URL", &format!("https://{API}/api/v1"));
    let root = tls::file(&format!("cli-proxy-{test}"), &certified.cert.pem());
    (world, Proxy::with_credentials(server.address).await, root)
}

#[tokio::test]
async fn the_command_line_goes_through_the_proxy_of_its_environment() {
    let (world, proxy, root) = behind_a_proxy("through").await;
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let output = get_command(&world, SERIAL, &["-vv"])
            .env(variable, proxy.url("user:s3cret@"))
            .env("HTTP_PROXY", "http://127.0.0.1:9")
            .env("SSL_CERT_FILE", &root)
            .output();
        let output = output.await.unwrap();
        let words = error(&output);
        assert_eq!(output.status.code(), Some(0), "{words}");
        assert!(
            !words.contains("s3cret") && !words.contains(CREDENTIALS),
            "{words}"
        );
    }
    assert_eq!(proxy.asked(), vec![format!("{API}:443"); 3]);
    let key = world.mock.key().as_bytes();
    assert!(memchr::memmem::find(&proxy.sent(), key).is_none());
}

#[tokio::test]
async fn a_proxy_that_wants_credentials_is_named_in_the_error() {
    let (world, proxy, root) = behind_a_proxy("credentials").await;
    let world = world.set("MV_CLIP_MAX_ATTEMPTS", "1");
    let output = get_command(&world, SERIAL, &[])
        .env("HTTPS_PROXY", proxy.url("user:wr0ng@"))
        .env("SSL_CERT_FILE", &root)
        .output();
    let output = output.await.unwrap();
    let words = error(&output);
    assert_eq!(output.status.code(), Some(75), "{words}");
    for expected in [
        "the proxy refused the connection, or cannot be reached",
        &format!("the proxy {} refused", proxy.url("")),
        "proxy authorization required",
    ] {
        assert!(words.contains(expected), "{words}");
    }
    assert!(!words.contains("wr0ng"), "{words}");
    assert!(world.mock.requests().is_empty());
}

#[tokio::test]
async fn a_proxy_that_cannot_be_used_is_an_error() {
    let world = World::new().await;
    for value in ["socks5://user:s3cret@127.0.0.1:1080", "http://user:s3cret@"] {
        let output = get_command(&world, SERIAL, &[])
            .env("HTTPS_PROXY", value)
            .output();
        let output = output.await.unwrap();
        let words = error(&output);
        assert_eq!(output.status.code(), Some(2), "{words}");
        assert!(words.contains("HTTPS_PROXY: "), "{words}");
        assert!(!words.contains("s3cret"), "{words}");
    }
    assert!(world.mock.requests().is_empty());
}

#[tokio::test]
async fn a_mock_on_this_machine_is_reached_without_a_proxy() {
    let (_held, address) = closed_port();
    let mut demo = command(&World::new().await, &["demo"]);
    for variable in ["http_proxy", "https_proxy", "all_proxy"] {
        demo.env(variable, format!("http://{address}"));
    }
    let output = demo.output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", error(&output));
}
