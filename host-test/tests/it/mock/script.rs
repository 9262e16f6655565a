//! Scripted replies.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::header::{AUTHORIZATION, RETRY_AFTER};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use meraki_mock::{CLIP, Faults, MockConfig, MockMeraki, Scripted, WireFault};
use tokio::time::timeout;

use super::{ask, errors, get, good, media_url, start, unlimited};
use crate::simulated::Simulated;

#[tokio::test]
async fn scripted_replies_come_in_order_before_normal_replies() {
    let mock = unlimited().await;
    let url = media_url(&mock).await;
    let html = Response::builder().status(503).header(RETRY_AFTER, "3");
    mock.script([
        html.body("<html>Down</html>").unwrap().into(),
        Scripted::Pass,
        Scripted::error(StatusCode::UNAUTHORIZED, "Scripted"),
    ]);

    let down = ask(&mock, &good()).await;
    assert_eq!(down.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(down.headers()[RETRY_AFTER], "3");
    assert_eq!(down.body(), "<html>Down</html>");
    assert_eq!(
        get(&url, None).await.body(),
        CLIP,
        "media requests use no API entry"
    );
    assert_eq!(ask(&mock, &good()).await.status(), StatusCode::OK);
    assert_eq!(
        errors(&ask(&mock, &good()).await),
        serde_json::json!(["Scripted"])
    );
    assert_eq!(ask(&mock, &good()).await.status(), StatusCode::OK);
    mock.finish().unwrap();
}

#[tokio::test]
async fn media_requests_have_their_own_script() {
    let mock = unlimited().await;
    mock.script_media([Response::builder()
        .status(502)
        .body("<html>Oops</html>")
        .unwrap()]);
    let url = media_url(&mock).await;
    assert_eq!(get(&url, None).await.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(get(&url, None).await.status(), StatusCode::OK);
    mock.finish().unwrap();
}

#[tokio::test]
async fn unused_scripted_replies_are_named() {
    let mock = unlimited().await;
    mock.script([Scripted::Pass, Scripted::error(StatusCode::BAD_GATEWAY, "")]);
    mock.script_media([WireFault::Silent]);
    ask(&mock, &good()).await;
    let unused = mock.finish().unwrap_err();
    assert_eq!(unused.left, ["API: reply 502 Bad Gateway", "media: Silent"]);
    assert_eq!(
        unused.to_string(),
        "the client made fewer requests than the script expects; unused: API: reply 502 Bad \
         Gateway, media: Silent. Correct the script, or find out why the client stopped"
    );
}

#[tokio::test]
async fn an_unused_script_panics() {
    let mock = unlimited().await;
    mock.script([Scripted::Pass]);
    catch_unwind(AssertUnwindSafe(|| drop(mock))).unwrap_err();
}

/// Whether the mock returns a clip's URL in time.
async fn gets_a_url(mock: &MockMeraki) -> bool {
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let mut request = Request::get(format!("{}{}", mock.base_url(), good()));
    request = request.header(AUTHORIZATION, format!("Bearer {}", mock.key()));
    let got = async {
        let reply = client.request(request.body(Empty::new()).unwrap()).await;
        let reply = reply.ok().filter(|reply| reply.status().is_success())?;
        let body = reply.into_body().collect().await.ok()?.to_bytes();
        serde_json::from_slice::<serde_json::Value>(&body).ok()
    };
    let got = timeout(Duration::from_millis(300), got).await;
    got.is_ok_and(|body| body.is_some_and(|body| body["url"].is_string()))
}

#[tokio::test]
async fn scripted_replies_come_before_random_faults() {
    let _time = Simulated::time();
    let (percent, seed) = (100, 7);
    let mock = start(
        MockConfig::default()
            .faults(Faults::new(percent).seed(seed))
            .rate_limit(None),
    )
    .await;
    mock.script([Scripted::Pass, Scripted::Pass]);
    assert!(gets_a_url(&mock).await && gets_a_url(&mock).await);
    let faults = (0..60).map(|_| gets_a_url(&mock));
    assert!(!join_all(faults).await.contains(&true));

    let requests = mock.take_requests();
    let random_faults: Vec<_> = requests
        .iter()
        .map(|request| request.random_fault)
        .collect();
    assert_eq!(random_faults, [[false; 2].as_slice(), &[true; 60]].concat());
    let with = |status: u16| {
        let statuses = requests.iter().filter_map(|request| request.status);
        statuses.filter(|found| *found == status).count()
    };
    for status in [200, 429, 500, 502, 503, 504] {
        assert!(with(status) > 0, "{status}");
    }
    assert!(mock.requests().is_empty());
    mock.finish().unwrap();
}
