//! The length of a key that the host keeps.

use mv_clip_host::{ApiKey, ClipHost, KeyMode, Policy, Settings};
use tokio::io::AsyncWriteExt;

use super::attack::{CLIP, KEYS};
use super::observer::{self, Seen, observe};
use crate::outbound::server::{Server, read_head};

/// An API that takes heads of at most 8 KiB. The key is in the head, so its length would show if the guest could choose the
/// length of the rest.
#[tokio::test]
async fn no_limit_of_the_api_tells_the_length_of_the_key() {
    let server = Server::start(|mut stream| async move {
        while let Some(head) = read_head(&mut stream).await {
            let status = if head.len() > 8 << 10 { 431 } else { 200 };
            let reply = format!("HTTP/1.1 {status} X\r\ncontent-length: 2\r\n\r\nok");
            stream.write_all(reply.as_bytes()).await.unwrap();
        }
    })
    .await;
    let origin = server.origin();
    let settings = Settings::default().base_url(format!("{origin}/api/v1"));
    let authority = server.address.to_string();
    for key in [KEYS[0].to_owned(), KEYS[0].repeat(2)] {
        let host = ClipHost::builder()
            .policy(Policy::new([origin.parse().unwrap()]))
            .key(ApiKey::new(key.as_str()).unwrap(), KeyMode::Injection);
        let host = host.load_bytes(observer::component()).await.unwrap();
        for length in [1, 7_900, 8_000, 8_100, 9_000] {
            let agent = "x".repeat(length);
            let seen = observe(&host, &settings, &authority, CLIP, &agent).await;
            assert_eq!(seen[0], Seen::Status(200), "{length}");
        }
    }
}
