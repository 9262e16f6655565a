use http::HeaderName;

use super::super::key::{KeptKey, KeyMode};
use super::*;
use crate::api_key::ApiKey;

const KEY: &str = "5ec2e7-key";
const BASE: &str = "https://api.meraki.com/api/v1";
const CLIP: &str = "/devices/Q2XX-ABCD-1234/camera/clip\
    ?startTimestamp=2026-03-12T14:30:00.000Z&endTimestamp=2026-03-12T14:32:00.000Z";

/// A call with this base URL, on a host that keeps a key in this mode.
fn call(base_url: &str, mode: Option<KeyMode>) -> CallApi {
    let key = mode.map(|mode| CallKey::new(KeptKey::new(ApiKey::new(KEY).unwrap(), mode)));
    CallApi::new(key, &Settings::default().base_url(base_url))
}

fn request(method: Method, uri: &str, fields: &[(&str, &str)]) -> Request<WasiBody> {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let body = http_body_util::Full::new(Bytes::from_static(b"smuggled"));
    let body = body.map_err(|never| match never {}).boxed_unsync();
    request.body(body).unwrap()
}

type Sent = Result<(Request<WasiBody>, Option<ReplyFilter>), Error>;

fn sent(call: &CallApi, policy: &Policy, request: Request<WasiBody>) -> Sent {
    let origin = Origin::of(request.uri()).unwrap();
    let (request, _, filter) = call.prepare(request, policy, &origin)?;
    Ok((request, filter))
}

/// Whether a GET of this URI gets the key.
fn gets_key(call: &CallApi, policy: &Policy, uri: &str) -> bool {
    let (request, filter) = sent(call, policy, request(Method::GET, uri, &[])).unwrap();
    let has_key = request.headers().get(AUTHORIZATION);
    assert!(has_key.is_none_or(|value| value == &format!("Bearer {KEY}") && value.is_sensitive()));
    // A reply to a request with the key is always filtered.
    assert_eq!(
        has_key.is_some(),
        filter.is_some_and(|filter| filter.key.is_some())
    );
    has_key.is_some()
}

#[test]
fn the_key_goes_to_the_apis_of_meraki_only() {
    let (call, policy) = (call(BASE, Some(KeyMode::Injection)), Policy::meraki());
    for origin in [
        "https://api.meraki.com",
        "https://API.Meraki.com:443",
        "https://api.meraki.ca",
        "https://n149.meraki.cn",
        "https://n1.gov-meraki.com",
    ] {
        assert!(
            gets_key(&call, &policy, &format!("{origin}/api/v1{CLIP}")),
            "{origin}"
        );
    }
    for origin in [
        "http://api.meraki.com",
        "https://api.meraki.com:8443",
        "https://meraki.com",
        "https://spn49.meraki.com",
        "https://n.meraki.com",
        "https://n1x.meraki.com",
        "https://api.n1.meraki.com",
        "https://dashboard.meraki.com",
        "https://api.notmeraki.com",
        "https://api.meraki.com.evil.net",
        "https://media.example.net",
    ] {
        assert!(
            !gets_key(&call, &policy, &format!("{origin}/api/v1{CLIP}")),
            "{origin}"
        );
    }
}

#[test]
fn the_key_goes_to_the_origins_of_a_policy_that_are_the_api() {
    let call = call("http://127.0.0.1:8080/api/v1", Some(KeyMode::Injection));
    let api = [
        "http://127.0.0.1:8080".parse().unwrap(),
        "http://localhost:8080".parse().unwrap(),
    ];
    let policy = Policy::new(api).allow(["https://*.meraki.com".parse().unwrap()]);
    for (origin, expected) in [
        ("http://127.0.0.1:8080", true),
        ("http://localhost:8080", true),
        ("http://127.0.0.1:8081", false),
        ("https://api.meraki.com", false),
    ] {
        let found = gets_key(&call, &policy, &format!("{origin}/api/v1{CLIP}"));
        assert_eq!(found, expected, "{origin}");
    }
}

#[test]
fn the_key_is_for_one_operation_below_the_base_path() {
    let policy = Policy::meraki();
    let default = CallApi::new(
        Some(CallKey::new(KeptKey::new(
            ApiKey::new(KEY).unwrap(),
            KeyMode::Injection,
        ))),
        &Settings::default(),
    );
    assert!(gets_key(
        &default,
        &policy,
        &format!("https://api.meraki.com/api/v1{CLIP}")
    ));
    for (base, path, expected) in [
        ("/api/v1", "/api/v1", true),
        ("/api/v1/", "/api/v1", true),
        // Not a base URL at Meraki.
        ("", "", false),
        ("/meraki/api/v1", "/meraki/api/v1", true),
        ("/api/v1", "", false),
        ("/api/v1", "/api/v0", false),
        ("/api/v1", "/x/api/v1", false),
        ("/api/v1", "/api/v1/organizations/1%3F", false),
        ("/api/v1", "/api/v1/..", false),
        ("", "/api/v1", false),
    ] {
        let base_url = format!("https://api.meraki.com{base}");
        let call = call(&base_url, Some(KeyMode::Injection));
        let uri = format!("https://api.meraki.com{path}{CLIP}");
        assert_eq!(gets_key(&call, &policy, &uri), expected, "{base} {path}");
    }
    let api = |path: &str| format!("https://api.meraki.com/api/v1{path}");
    let injection = call(BASE, Some(KeyMode::Injection));
    for path in [
        "/organizations",
        "/devices/Q2XX-ABCD-1234/camera/clip",
        &format!("{CLIP}&x=1"),
    ] {
        assert!(!gets_key(&injection, &policy, &api(path)), "{path}");
    }
    for method in [
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::HEAD,
        Method::OPTIONS,
    ] {
        let request = request(method.clone(), &api(CLIP), &[]);
        let (request, filter) = sent(&injection, &policy, request).unwrap();
        assert!(!request.headers().contains_key(AUTHORIZATION), "{method}");
        assert!(filter.is_none(), "{method}");
    }
    let unusable = call("not a URL", Some(KeyMode::Injection));
    assert!(!gets_key(&unusable, &policy, &api(CLIP)));
}

#[tokio::test]
async fn the_host_writes_the_request_for_a_clip() {
    let uri = "https://api.meraki.com/api/v1/devices/q2xx-abcd-1234/camera/clip\
        ?imagerId=02&endTimestamp=2026-03-12T15:32:00%2B01:00&startTimestamp=2026-03-12T14:30:00Z";
    let fields = [
        ("accept", "text/html"),
        ("user-agent", "the guest's"),
        ("accept-encoding", "gzip"),
        ("range", "bytes=0-7"),
        ("content-length", "8"),
        ("transfer-encoding", "chunked"),
        ("x-http-method-override", "DELETE"),
    ];
    for mode in [None, Some(KeyMode::Injection)] {
        let mut fields = fields.to_vec();
        if mode.is_none() {
            fields.push(("authorization", "Bearer mine"));
        }
        let request = request(Method::GET, uri, &fields);
        let (sent, filter) = sent(&call(BASE, mode), &Policy::meraki(), request).unwrap();
        let expected = format!("https://api.meraki.com/api/v1{CLIP}&imagerId=2");
        assert_eq!(sent.uri().to_string(), expected);
        let mut names: Vec<_> = sent.headers().keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "authorization", "user-agent"], "{mode:?}");
        assert_eq!(filter.unwrap().key.is_some(), mode.is_some());
        let agent = &sent.headers()["user-agent"];
        assert_eq!(
            agent,
            concat!("mv-clip/", env!("CARGO_PKG_VERSION"), " mv-clip")
        );
        assert_eq!(sent.headers()["accept"], "application/json");
        let body = sent.into_body().collect().await.unwrap().to_bytes();
        assert!(body.is_empty(), "{mode:?}");
    }
}

#[tokio::test]
async fn other_requests_are_sent_as_they_are() {
    for (method, uri) in [
        (Method::GET, "https://spn49.meraki.com/t"),
        (Method::PUT, "https://media.example.net/t"),
        (Method::GET, "https://api.meraki.com/api/v1/organizations"),
    ] {
        let request = request(method, uri, &[("range", "bytes=0-7")]);
        let call = call(BASE, Some(KeyMode::Injection));
        let (sent, filter) = sent(&call, &Policy::meraki(), request).unwrap();
        assert_eq!(
            (sent.uri().to_string().as_str(), filter.is_none()),
            (uri, true)
        );
        assert_eq!(sent.headers()["range"], "bytes=0-7");
        assert_eq!(
            sent.into_body().collect().await.unwrap().to_bytes(),
            "smuggled"
        );
    }
}

#[test]
fn the_host_wrote_a_request_for_a_clip_with_the_key_of_the_call_and_no_other() {
    let clip = format!("https://api.meraki.com/api/v1{CLIP}");
    let with_setting = || {
        CallApi::new(
            None,
            &Settings::default()
                .base_url(BASE)
                .api_key(&ApiKey::new(KEY).unwrap()),
        )
    };
    let bearer = format!("Bearer {KEY}");
    for (call, uri, authorization, expected) in [
        (
            call(BASE, Some(KeyMode::Injection)),
            &clip,
            None,
            Author::Host,
        ),
        (with_setting(), &clip, Some(bearer.as_str()), Author::Host),
        (
            with_setting(),
            &clip,
            Some("Bearer 5ec2e7-ke"),
            Author::Guest,
        ),
        (with_setting(), &clip, Some(KEY), Author::Guest),
        (with_setting(), &clip, None, Author::Guest),
        (
            with_setting(),
            &format!("{clip}&x=1"),
            Some(&bearer),
            Author::Guest,
        ),
        (call(BASE, None), &clip, Some("Bearer "), Author::Guest),
        (
            call(BASE, Some(KeyMode::Placeholder)),
            &clip,
            Some(&bearer),
            Author::Guest,
        ),
    ] {
        let fields: Vec<_> = authorization
            .map(|value| ("authorization", value))
            .into_iter()
            .collect();
        let request = request(Method::GET, uri, &fields);
        let origin = Origin::of(request.uri()).unwrap();
        let (_, author, _) = call.prepare(request, &Policy::meraki(), &origin).unwrap();
        assert_eq!(author, expected, "{uri} {authorization:?}");
    }
}

#[test]
fn misuse_of_the_key_is_denied() {
    let uri = format!("https://api.meraki.com/api/v1{CLIP}");
    let own = request(Method::GET, &uri, &[("authorization", "Bearer own")]);
    let injection = call(BASE, Some(KeyMode::Injection));
    let error = sent(&injection, &Policy::meraki(), own).err().unwrap();
    assert!(matches!(error, Error::HttpRequestDenied), "{error:?}");
}
