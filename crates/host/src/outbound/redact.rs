//! Redacts the API key in responses.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use memchr::memmem::Finder;
use wasmtime_wasi_http::{Error, WasiBody};

/// The response with the secret redacted.
pub(super) fn without(mut response: Response<WasiBody>, secret: &str) -> Response<WasiBody> {
    redact_fields(response.headers_mut(), secret);
    response.map(|body| RedactedBody::new(body, secret).boxed_unsync())
}

/// Replaces the secret in the header fields with asterisks.
fn redact_fields(fields: &mut HeaderMap, secret: &str) {
    let finder = Finder::new(secret);
    for value in fields.values_mut() {
        if finder.find(value.as_bytes()).is_some() {
            let mut bytes = BytesMut::from(value.as_bytes());
            star(&mut bytes, &finder);
            *value = HeaderValue::from_maybe_shared(bytes.freeze())
                .unwrap_or_else(|_| HeaderValue::from_static("(hidden)"));
        }
    }
}

/// A response body with the secret replaced by the same number of asterisks, which keeps its length.
struct RedactedBody {
    body: WasiBody,
    finder: Finder<'static>,
    /// Bytes that may be the start of the secret, whose rest may be in the next frame.
    held: BytesMut,
    /// The frame after those bytes.
    after: Option<Frame<Bytes>>,
}

impl RedactedBody {
    fn new(body: WasiBody, secret: &str) -> Self {
        Self {
            body,
            finder: Finder::new(secret).into_owned(),
            held: BytesMut::new(),
            after: None,
        }
    }

    /// The bytes so far that can be passed on.
    fn pass(&mut self, data: Bytes) -> Bytes {
        let secret = self.finder.needle();
        if self.held.is_empty()
            && self.finder.find(&data).is_none()
            && beginning_at_end(&data, secret) == 0
        {
            return data;
        }
        let mut bytes = std::mem::take(&mut self.held);
        bytes.extend_from_slice(&data);
        star(&mut bytes, &self.finder);
        self.held = bytes.split_off(bytes.len() - beginning_at_end(&bytes, secret));
        bytes.freeze()
    }
}

impl Body for RedactedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Some(frame) = self.after.take() {
            return Poll::Ready(Some(Ok(frame)));
        }
        loop {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        let data = self.pass(data);
                        if !data.is_empty() {
                            return Poll::Ready(Some(Ok(Frame::data(data))));
                        }
                    }
                    Err(mut frame) => {
                        if let Some(trailers) = frame.trailers_mut() {
                            let secret = String::from_utf8_lossy(self.finder.needle());
                            redact_fields(trailers, &secret);
                        }
                        if self.held.is_empty() {
                            return Poll::Ready(Some(Ok(frame)));
                        }
                        self.after = Some(frame);
                        break;
                    }
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None if self.held.is_empty() => return Poll::Ready(None),
                None => break,
            }
        }
        let held = std::mem::take(&mut self.held).freeze();
        Poll::Ready(Some(Ok(Frame::data(held))))
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_empty() && self.after.is_none() && self.body.is_end_stream()
    }
}

fn star(bytes: &mut [u8], finder: &Finder<'_>) {
    let length = finder.needle().len();
    let found: Vec<usize> = finder.find_iter(bytes).collect();
    for start in found {
        if let Some(secret) = bytes.get_mut(start..start + length) {
            secret.fill(b'*');
        }
    }
}

/// How many of the last bytes may be the start of the secret.
fn beginning_at_end(bytes: &[u8], secret: &[u8]) -> usize {
    let most = bytes.len().min(secret.len());
    (1..=most)
        .rev()
        .find(|&length| {
            secret
                .get(..length)
                .is_some_and(|beginning| bytes.ends_with(beginning))
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "abab-key";

    /// A response whose body knows when it ends.
    struct Reply(VecDeque<Frame<Bytes>>);

    impl Body for Reply {
        type Data = Bytes;
        type Error = Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
            Poll::Ready(self.0.pop_front().map(Ok))
        }

        fn is_end_stream(&self) -> bool {
            self.0.is_empty()
        }
    }

    fn redacted(frames: impl IntoIterator<Item = Frame<Bytes>>) -> RedactedBody {
        let reply = Reply(frames.into_iter().collect());
        RedactedBody::new(reply.boxed_unsync(), SECRET)
    }

    fn data(text: &'static str) -> Frame<Bytes> {
        Frame::data(Bytes::from_static(text.as_bytes()))
    }

    fn echo() -> HeaderMap {
        let mut fields = HeaderMap::new();
        fields.insert("x-echo", format!("Bearer {SECRET}").parse().unwrap());
        fields.insert("x-other", "abab".parse().unwrap());
        fields
    }

    /// The output frame by frame, and the frame after which the body says that it is at its end.
    async fn frames(mut body: RedactedBody) -> Vec<(String, bool)> {
        let mut frames = Vec::new();
        while let Some(frame) = body.frame().await {
            let text = match frame.unwrap().into_data() {
                Ok(data) => String::from_utf8(data.to_vec()).unwrap(),
                Err(frame) => format!("{:?}", frame.into_trailers().unwrap()["x-echo"]),
            };
            frames.push((text, body.is_end_stream()));
            assert!(frames.len() < 100, "the body does not end");
        }
        frames
    }

    proptest! {
        /// However a body is split into frames, the secret is redacted and the rest is unchanged.
        #[test]
        fn a_secret_is_found_wherever_frames_end(
            text in prop::collection::vec(
                prop_oneof![Just("abab-key"), Just("ab"), Just("abab-ke"), Just("x"), Just("-key")], 0..12),
            cuts in prop::collection::vec(0_usize..100, 0..8),
        ) {
            let text = text.concat();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.sort_unstable();
            let starts = [0].into_iter().chain(cuts.clone());
            let ends = cuts.clone().into_iter().chain([text.len()]);
            let pieces = starts.zip(ends).map(|(start, end)| {
                Bytes::copy_from_slice(&text.as_bytes()[start..end])
            });
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let passed = runtime.block_on(frames(redacted(pieces.map(Frame::data))));
            let passed: String = passed.into_iter().map(|(text, _)| text).collect();
            prop_assert_eq!(passed, text.replace(SECRET, "********"));
        }
    }

    #[test]
    fn header_fields_are_redacted_too() {
        let mut fields = echo();
        redact_fields(&mut fields, SECRET);
        assert_eq!(fields["x-echo"], "Bearer ********");
        assert_eq!(fields["x-other"], "abab");
    }

    #[tokio::test]
    async fn only_the_secret_is_redacted() {
        let body = Reply([data("key: abab-key")].into()).boxed_unsync();
        let mut reply = Response::builder().status(403).body(body).unwrap();
        *reply.headers_mut() = echo();
        let reply = without(reply, SECRET);
        assert_eq!(reply.status(), 403);
        assert_eq!(reply.headers()["x-echo"], "Bearer ********");
        assert_eq!(reply.headers()["x-other"], "abab");
        let body = reply.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "key: ********");
    }

    #[tokio::test]
    async fn a_body_ends_after_the_bytes_that_were_held_back() {
        let trailers = || Frame::trailers(echo());
        let cases = [
            (vec![], vec![]),
            (vec![data("x")], vec![("x", true)]),
            (vec![data("x-ab")], vec![("x-", false), ("ab", true)]),
            (
                vec![data("x"), trailers()],
                vec![("x", false), ("\"Bearer ********\"", true)],
            ),
            (
                vec![data("x-ab"), trailers()],
                vec![("x-", false), ("ab", false), ("\"Bearer ********\"", true)],
            ),
        ];
        for (reply, expected) in cases {
            let passed = frames(redacted(reply)).await;
            let expected: Vec<_> = expected
                .into_iter()
                .map(|(text, is_end)| (text.to_owned(), is_end))
                .collect();
            assert_eq!(passed, expected);
        }
    }
}
