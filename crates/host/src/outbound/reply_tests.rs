use futures_util::stream;
use http_body_util::StreamBody;
use proptest::prelude::*;

use super::*;

const KEY: &str = "5ec2e7-key";

fn data(text: &str) -> Result<Frame<Bytes>, Error> {
    Ok(Frame::data(Bytes::copy_from_slice(text.as_bytes())))
}

fn filter(key: Option<&str>) -> ReplyFilter {
    ReplyFilter {
        key: key.map(|key| ApiKey::new(key).unwrap()),
        named: Arc::default(),
    }
}

type FrameResult = Result<Frame<Bytes>, Error>;

fn reply(
    fields: &[(&str, &[u8])],
    frames: impl IntoIterator<Item = FrameResult>,
) -> Response<WasiBody> {
    let body = frames.into_iter().collect::<Vec<_>>();
    let body = StreamBody::new(stream::iter(body)).boxed_unsync();
    let mut reply = Response::builder().status(200);
    for (name, value) in fields {
        reply = reply.header(*name, *value);
    }
    reply.body(body).unwrap()
}

/// The pieces of a body, or its error.
async fn pieces(reply: Response<WasiBody>) -> Vec<Result<String, Error>> {
    let mut body = reply.into_body();
    let mut pieces = Vec::new();
    while let Some(frame) = body.frame().await {
        let text = |frame: Frame<Bytes>| {
            let data = frame.into_data().expect("no trailers");
            String::from_utf8(data.to_vec()).unwrap()
        };
        pieces.push(frame.map(text));
    }
    pieces
}

fn names(reply: &Response<WasiBody>) -> Vec<&str> {
    reply.headers().keys().map(HeaderName::as_str).collect()
}

#[test]
fn only_known_fields_are_passed_each_once_and_without_the_key() {
    let echo = format!("Bearer {KEY}");
    let reply = reply(
        &[
            ("server", b"x"),
            ("x-request-id", echo.as_bytes()),
            ("x-request-id", b"second"),
            ("5ec2e7-key", b"x"),
            ("location", b"https://n1.meraki.com/5ec2e7-KEY?\xff"),
            ("retry-after", b"5"),
            ("content-type", b"application/json"),
            ("content-length", b"0"),
            ("date", b"now"),
            ("set-cookie", b"5ec2e7-key"),
            ("x-echo", echo.as_bytes()),
        ],
        [],
    );
    let passed = filter(Some(KEY)).apply(reply).unwrap();
    let expected = [
        "content-type",
        "date",
        "location",
        "retry-after",
        "x-request-id",
    ];
    assert_eq!(names(&passed), expected);
    let fields = passed.headers();
    assert_eq!(fields["x-request-id"], "Bearer **********");
    let location = fields["location"].as_bytes();
    assert_eq!(location, b"https://n1.meraki.com/**********?\xff");
}

#[test]
fn a_reply_in_another_coding_is_refused() {
    let cases: [(&str, &[u8], bool); 9] = [
        ("content-encoding", b"identity", true),
        ("content-encoding", b"", true),
        ("content-encoding", b"Identity, identity", true),
        ("content-encoding", b"gzip", false),
        ("content-encoding", b"identity, br", false),
        ("content-encoding", b"\xff", false),
        ("transfer-encoding", b"chunked", true),
        ("transfer-encoding", b"gzip, chunked", false),
        ("transfer-encoding", b"identity", false),
    ];
    for (name, value, is_passed) in cases {
        let result = filter(Some(KEY)).apply(reply(&[(name, value)], []));
        let printed = result
            .as_ref()
            .map(|_| ())
            .map_err(|error| format!("{error:?}"));
        assert_eq!(result.is_ok(), is_passed, "{name}: {printed:?}");
        if let Err(error) = result {
            let is_silent = matches!(
                error,
                Error::HttpResponseContentCoding(None) | Error::HttpResponseTransferCoding(None)
            );
            assert!(is_silent, "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_body_is_one_piece_without_trailers() {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-echo", KEY.parse().unwrap());
    let frames = [
        data("x 5ec2"),
        data(""),
        data("e7-key 5ec2"),
        Ok(Frame::trailers(trailers)),
    ];
    let passed = filter(Some(KEY)).apply(reply(&[], frames)).unwrap();
    let pieces = pieces(passed).await;
    assert!(
        matches!(pieces.as_slice(), [Ok(whole)] if whole == "x ********** 5ec2"),
        "{pieces:?}"
    );
    let empty = filter(Some(KEY)).apply(reply(&[], [data("")])).unwrap();
    assert!(self::pieces(empty).await.is_empty());
    let unkeyed = filter(None).apply(reply(&[], [data(KEY)])).unwrap();
    let pieces = self::pieces(unkeyed).await;
    assert!(
        matches!(pieces.as_slice(), [Ok(whole)] if whole == KEY),
        "{pieces:?}"
    );
}

#[tokio::test]
async fn an_incomplete_body_is_not_passed_on() {
    let frames = [data("x"), Err(Error::HttpResponseIncomplete)];
    let passed = filter(Some(KEY)).apply(reply(&[], frames)).unwrap();
    let pieces = pieces(passed).await;
    let is_error = matches!(pieces.as_slice(), [Err(Error::HttpResponseIncomplete)]);
    assert!(is_error, "{pieces:?}");
}

#[tokio::test]
async fn a_body_has_a_limit() {
    let half = "x".repeat(MAX_REPLY / 2);
    let passed = filter(Some(KEY))
        .apply(reply(&[], [data(&half), data(&half)]))
        .unwrap();
    let pieces = pieces(passed).await;
    assert!(matches!(pieces.as_slice(), [Ok(whole)] if whole.len() == MAX_REPLY));
    let frames = [data(&half), data(&half), data("x")];
    let passed = filter(Some(KEY)).apply(reply(&[], frames)).unwrap();
    let pieces = self::pieces(passed).await;
    let is_error = matches!(
        pieces.as_slice(),
        [Err(Error::HttpResponseBodySize(Some(196_608)))]
    );
    assert!(is_error, "{} pieces", pieces.len());
}

/// The bound of the host's memory counts on it.
#[tokio::test]
async fn a_body_takes_no_more_memory_than_the_longest_one() {
    for size in [1, 999, 16 << 10, 100_000] {
        let pieces = "x".repeat(MAX_REPLY);
        let pieces = pieces.as_bytes().chunks(size);
        let frames = pieces.map(|piece| data(std::str::from_utf8(piece).unwrap()));
        let mut whole = WholeBody {
            body: Some(reply(&[], frames).into_body()),
            bytes: Vec::new(),
            status: StatusCode::OK,
            filter: filter(Some(KEY)),
        };
        let read = std::future::poll_fn(|context| whole.poll_all(context)).await;
        assert!(read.is_ok(), "{read:?}");
        assert_eq!(whole.bytes.len(), MAX_REPLY);
        assert_eq!(whole.bytes.capacity(), MAX_REPLY, "pieces of {size}");
    }
}

#[tokio::test]
async fn the_url_of_a_clip_is_noted_as_the_guest_gets_it() {
    let cases = [
        (
            200,
            r#"{"url":"https:\/\/spn49.meraki.com\/t"}"#,
            Some("https://spn49.meraki.com/t"),
        ),
        (
            202,
            r#"{"url":"https://spn49.meraki.com/t"}"#,
            Some("https://spn49.meraki.com/t"),
        ),
        (
            200,
            r#"{"url":"https://h/5ec2e7-key"}"#,
            Some("https://h/**********"),
        ),
        (200, r#"{"url":"https://5ec2e7-key.h/"}"#, None),
        (200, r#"{"x":{"url":"https://spn49.meraki.com/t"}}"#, None),
        (200, r#"{"url":"http://spn49.meraki.com/t"}"#, None),
        (400, r#"{"url":"https://spn49.meraki.com/t"}"#, None),
        (302, r#"{"url":"https://spn49.meraki.com/t"}"#, None),
    ];
    for (status, body, expected) in cases {
        let filter = filter(Some(KEY));
        let named = Arc::clone(&filter.named);
        let mut reply = reply(&[], [data(body)]);
        *reply.status_mut() = StatusCode::from_u16(status).unwrap();
        let passed = filter.apply(reply).unwrap();
        assert!(
            expected.is_none_or(|url| !named.contains(url)),
            "before it is read"
        );
        pieces(passed).await;
        let urls = [
            "https://spn49.meraki.com/t",
            "https://h/**********",
            "https://5ec2e7-key.h/",
        ];
        let found = urls.into_iter().find(|url| named.contains(url));
        assert_eq!(found, expected, "{status} {body}");
    }
}

proptest! {
    /// However a body is split into frames, the guest gets the same piece for each key.
    #[test]
    fn the_piece_depends_neither_on_frames_nor_on_the_key(
        text in prop::collection::vec(
            prop_oneof![Just("KEY"), Just("5ec"), Just("5ec2e7-k"), Just("x"), Just("y9b2e")], 0..12),
        cuts in prop::collection::vec(0_usize..100, 0..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let seen = |key: &str, cuts: &[usize]| {
            let text = text.concat().replace("KEY", key);
            let mut places: Vec<_> = cuts.iter().map(|cut| (*cut).min(text.len())).collect();
            places.sort_unstable();
            let starts = [0].into_iter().chain(places.clone());
            let ends = places.clone().into_iter().chain([text.len()]);
            let frames: Vec<_> = starts.zip(ends).map(|(start, end)| data(text.get(start..end).unwrap())).collect();
            let passed = filter(Some(key)).apply(reply(&[], frames)).unwrap();
            runtime.block_on(pieces(passed)).into_iter().collect::<Result<Vec<_>, _>>().unwrap()
        };
        let expected = text.concat().replace("KEY", "**********");
        let expected: Vec<_> = (!expected.is_empty()).then_some(expected).into_iter().collect();
        prop_assert_eq!(&seen(KEY, &cuts), &expected);
        prop_assert_eq!(&seen("y9b2e7-abc", &cuts), &expected);
        prop_assert_eq!(&seen(KEY, &[]), &expected);
    }
}
