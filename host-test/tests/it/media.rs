//! Downloads from a clip's URL.

use std::error::Error;
use std::future::ready;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use http::{Response, StatusCode};
use meraki_mock::{CLIP, MockConfig, Point, Scripted, WireFault};
use mv_clip_host::{
    ClipHost, ClipRequest, ClipUrl, FailureKind, Lookup, MediaError, Policy, Resolve, Settings,
};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use crate::guest;
use crate::outbound::server::{OK, Server, read_head};
use crate::simulated::Simulated;
use crate::support::{SERIAL, World, closed_port, footage, permanent, tenant};

fn redirect(to: &str) -> Scripted {
    let reply = Response::builder().status(302).header("location", to);
    reply.body("").unwrap().into()
}

/// The error of a download. It must never print the URL.
async fn failure(world: &World, url: &ClipUrl) -> MediaError {
    let error = world.fetch(url).await.unwrap_err();
    let secret = url.expose().rsplit('/').next().unwrap();
    let mut printed = format!("{error:?}");
    let mut cause: Option<&dyn Error> = Some(&error);
    while let Some(error) = cause {
        printed.push_str(&format!(" {error} {error:?}"));
        cause = error.source();
    }
    assert!(secret.len() > 8 && !printed.contains(secret), "{printed}");
    error
}

#[tokio::test]
async fn a_redirect_does_not_leak_the_url_to_the_next_server() {
    let (heads, mut seen) = mpsc::unbounded_channel();
    let next = Server::start(move |mut stream| {
        let heads = heads.clone();
        async move {
            heads.send(read_head(&mut stream).await.unwrap()).unwrap();
            stream.write_all(OK.as_bytes()).await.unwrap();
        }
    })
    .await;
    let world = World::new().await.also(&next.origin());
    world.mock.script_media([redirect(&next.origin())]);
    let url = world.get().await.unwrap().url;
    assert_eq!(world.fetch(&url).await.unwrap(), b"ok");
    let head = seen.recv().await.unwrap().to_lowercase();
    assert!(head.starts_with("get / "), "{head}");
    assert!(!head.contains("referer"), "{head}");
    assert!(head.contains("accept-encoding: identity\r\n"), "{head}");
}

/// A reply of the API that names this URL.
fn naming(url: &str) -> Scripted {
    let body = serde_json::json!({ "url": url }).to_string();
    Response::new(body).into()
}

/// URLs that the API may name, and targets of redirects by a media server.
#[tokio::test]
async fn a_clip_is_not_fetched_from_an_origin_the_guest_may_not_reach() {
    let other = Server::start(|_| async {}).await;
    let world = World::new().await;
    let cases = [
        ("another port of this machine", other.origin()),
        (
            "the same by name",
            other.origin().replace("127.0.0.1", "localhost"),
        ),
        (
            "the same over https",
            other.origin().replace("http:", "https:"),
        ),
        ("metadata", "http://169.254.169.254".to_owned()),
        ("metadata over https", "https://169.254.169.254".to_owned()),
        ("a private network", "https://10.0.0.1".to_owned()),
        ("this machine's name", "https://localhost".to_owned()),
        ("plain http", "http://media.example".to_owned()),
        ("no host", "file:///etc/passwd".to_owned()),
        ("no URL", "clip ".to_owned()),
    ];
    for (case, origin) in cases {
        let url = ClipUrl::from(format!("{origin}/media/5ec2e7-5ec2e7"));
        let error = failure(&world, &url).await;
        let is_refused = matches!(error, MediaError::Denied(_) | MediaError::NotNamed);
        assert!(is_refused, "{case}, by the embedder: {error:?}");

        world.mock.script([naming(url.expose())]);
        // The component refuses some of them itself.
        let clip = world.get().await.ok();
        if let Some(clip) = clip.filter(|clip| clip.url.expose() == url.expose()) {
            let error = failure(&world, &clip.url).await;
            assert!(matches!(error, MediaError::Denied(_)), "{case}: {error:?}");
        }

        world.mock.script_media([redirect(url.expose())]);
        let clip = world.get().await.unwrap().url;
        let error = failure(&world, &clip).await;
        let is_refused = matches!(error, MediaError::Denied(_) | MediaError::Redirect(_));
        assert!(is_refused, "{case}, by a redirect: {error:?}");
    }
    assert_eq!(other.connected().await, 0);
}

#[tokio::test]
async fn redirects_are_limited() {
    let world = World::new().await;
    let url = world.get().await.unwrap().url;
    let again = || redirect(url.expose());
    world
        .mock
        .script_media([again(), again(), again(), again()]);
    let error = failure(&world, &url).await;
    assert!(matches!(error, MediaError::Redirect(_)), "{error:?}");
}

#[tokio::test]
async fn a_clip_that_is_not_available_yet_is_requested_again() {
    let _time = Simulated::time();
    let world = World::with(MockConfig::default().media_not_ready(1));
    let world = world.await;
    let url = world.get().await.unwrap().url;
    assert_eq!(world.fetch(&url).await.unwrap(), CLIP);
    assert_eq!(world.media_statuses(), [Some(404), Some(200)]);
}

#[tokio::test]
async fn a_clip_that_is_gone_is_not_requested_again() {
    let world = World::new().await;
    world
        .mock
        .script_media([Scripted::error(StatusCode::GONE, "expired")]);
    let url = world.get().await.unwrap().url;
    let error = failure(&world, &url).await;
    assert!(
        matches!(error, MediaError::Status(StatusCode::GONE)),
        "{error:?}"
    );
    assert_eq!(world.media_statuses(), [Some(410)]);
}

#[tokio::test]
async fn half_a_clip_is_an_error() {
    let world = World::new().await;
    world.mock.script_media([WireFault::Close(Point::InBody)]);
    let url = world.get().await.unwrap().url;
    let error = failure(&world, &url).await;
    assert!(matches!(error, MediaError::Transport(_)), "{error:?}");
}

#[tokio::test]
async fn a_failed_connection_is_reported_with_its_cause() {
    let (_held, address) = closed_port();
    let origin = format!("http://{address}");
    let world = World::new().await.also(&origin);
    let url = ClipUrl::from(format!("{origin}/media/5ec2e7-5ec2e7"));
    let error = anyhow::Error::from(failure(&world, &url).await);
    let printed = format!("{error:#}");
    assert!(printed.contains("connection refused"), "{printed}");
}

/// Resolves every name to a private address.
struct Private;

impl Resolve for Private {
    fn resolve(&self, _: &str) -> Lookup {
        Box::pin(ready(Ok(vec![IpAddr::from([10, 0, 0, 1])])))
    }
}

#[tokio::test]
async fn a_name_is_resolved_by_the_hosts_resolver_and_checked() {
    let world = World::new().await;
    let host = tenant(world.host.tenant().resolver(Private));
    world
        .mock
        .script([naming("https://media.example/media/5ec2e7-5ec2e7")]);
    let clip = host.request_clip(world.settings(), &footage(SERIAL)).await;
    let media = host.media_client().unwrap();
    let error = media.fetch(&clip.unwrap().url).await.unwrap_err();
    assert!(matches!(error, MediaError::Denied(_)), "{error:?}");
}

/// F14: with the system's resolver this is a network that translates addresses, or a firewall that answers for names.
#[tokio::test]
async fn an_address_that_is_not_public_is_named_as_the_cause() {
    let world = World::new().await;
    let host = world.host.tenant().policy(Policy::meraki());
    let host = tenant(host.resolver(Private));
    let settings = world.settings().clone();
    let settings = settings.base_url("https://api.meraki.com/api/v1");
    let result = host.request_clip(&settings, &footage(SERIAL)).await;
    let failure = permanent(result, FailureKind::Rejected);
    let cause = "api.meraki.com resolves to an address that is not public";
    assert!(failure.message.contains(cause), "{}", failure.message);
}

/// Records the names that are looked up, and resolves none.
#[derive(Clone, Default)]
struct Recording(Arc<Mutex<Vec<String>>>);

impl Resolve for Recording {
    fn resolve(&self, name: &str) -> Lookup {
        self.0.lock().unwrap().push(name.to_owned());
        Box::pin(ready(Ok(Vec::new())))
    }
}

/// A host that records look-ups. Its guest returns whatever URL the call passes to it.
async fn forging_host(policy: Policy, names: &Recording) -> ClipHost {
    let builder = ClipHost::builder().policy(policy).resolver(names.clone());
    builder.load_bytes(guest::by_serial()).await.unwrap()
}

/// R7: a name under an attacker's domain leaks a secret as soon as it is looked up.
#[tokio::test]
async fn no_name_is_looked_up_on_a_guests_word_alone() {
    let names = Recording::default();
    let host = forging_host(Policy::meraki(), &names).await;
    let media = host.media_client().unwrap();
    for url in [
        "https://5ec2e7-key.attacker.example/",
        "https://spn49.meraki.com.attacker.example/5ec2e7-key",
        "https://s3.amazonaws.com/5ec2e7-key",
    ] {
        let answer = host.get_clip(&Settings::default(), "=", url, "").await;
        let answer = answer.unwrap();
        assert_eq!(answer.expose(), url);
        for url in [answer, ClipUrl::from(url.to_owned())] {
            let error = media.fetch(&url).await.unwrap_err();
            assert!(matches!(error, MediaError::NotNamed), "{error:?}");
            assert!(error.to_string().contains("Allow the host"), "{error}");
        }
    }
    assert_eq!(names.0.lock().unwrap().as_slice(), [""; 0]);

    // The policy lists the host, so the API need not have named the URL.
    let url = ClipUrl::from("https://spn49.meraki.com/5ec2e7-5ec2e7".to_owned());
    let error = media.fetch(&url).await.unwrap_err();
    assert!(matches!(error, MediaError::Transport(_)), "{error:?}");
    assert_eq!(names.0.lock().unwrap().as_slice(), ["spn49.meraki.com"]);
}

/// Only exactly this URL, and only in the call whose reply named it.
#[tokio::test]
async fn a_url_that_the_api_named_is_fetched_from_any_public_host() {
    let world = World::new().await;
    let names = Recording::default();
    let host = tenant(world.host.tenant().resolver(names.clone()));
    let media = host.media_client().unwrap();
    let url = "https://media.example/5ec2e7-5ec2e7";
    let (settings, request) = (world.settings(), footage(SERIAL));
    world.mock.script([naming(url), naming(url), naming(url)]);
    let one = host.request_clip(settings, &request).await.unwrap().url;
    let range = host.get_range(settings, &request).await.unwrap();
    let many = range.into_iter().map(|clip| clip.outcome.unwrap().url);
    let ClipRequest { start, end, .. } = &request;
    let short = host.get_clip(settings, SERIAL, start, end).await.unwrap();
    for clip in many.chain([one, short]) {
        let error = media.fetch(&clip).await.unwrap_err();
        assert!(matches!(error, MediaError::Transport(_)), "{error:?}");
    }
    assert_eq!(names.0.lock().unwrap().as_slice(), ["media.example"; 3]);

    // A host with another component, whose reply did not name the URL.
    let forging = forging_host(world.host.policy().clone(), &names).await;
    let answer = forging.get_clip(settings, "=", url, "").await.unwrap();
    let error = media.fetch(&answer).await.unwrap_err();
    assert!(matches!(error, MediaError::NotNamed), "{error:?}");
    assert_eq!(names.0.lock().unwrap().len(), 3);
}
