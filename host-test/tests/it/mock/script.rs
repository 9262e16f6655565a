//! Scripted replies.

use std::panic::{AssertUnwindSafe, catch_unwind};

use host_test::mock::{CLIP, Scripted, WireFault};
use http::header::RETRY_AFTER;
use http::{Response, StatusCode};

use super::{ask, errors, get, good, media_url, unlimited};

#[tokio::test]
async fn a_script_answers_api_requests_in_order_and_then_the_mock_is_itself() {
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
async fn media_requests_have_a_script_of_their_own() {
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
async fn what_is_left_of_a_script_is_named() {
    let mock = unlimited().await;
    mock.script([Scripted::Pass, Scripted::error(StatusCode::BAD_GATEWAY, "")]);
    mock.script_media([WireFault::Silent]);
    ask(&mock, &good()).await;
    let unused = mock.finish().unwrap_err();
    assert_eq!(unused.left, ["API: reply 502 Bad Gateway", "media: Silent"]);
    assert_eq!(
        unused.to_string(),
        "the client made fewer requests than the script expects; not used: API: reply 502 Bad \
         Gateway, media: Silent. Correct the script, or find out why the client stopped"
    );
}

#[tokio::test]
async fn a_script_cannot_be_left_unused_in_silence() {
    let mock = unlimited().await;
    mock.script([Scripted::Pass]);
    catch_unwind(AssertUnwindSafe(|| drop(mock))).unwrap_err();
}
