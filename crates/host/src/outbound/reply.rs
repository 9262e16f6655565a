//! What a guest gets of the API's reply to a request for a clip.
//!
//! Header fields other than those of [`PASSED`] and trailers are left out. The body is read whole, at most
//! [`MAX_REPLY`], and then passed on as one piece. So the guest does not see in which pieces, and with which other
//! fields, it arrived. A key that was sent is replaced by asterisks.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::header::{
    CONTENT_ENCODING, CONTENT_TYPE, DATE, LOCATION, RETRY_AFTER, TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use mv_clip_core::{api, redact};
use wasmtime_wasi_http::{Error, WasiBody};

use super::named::NamedUrls;
use crate::api_key::ApiKey;

/// The fields of a reply that a guest gets, each at most once. The component reads `Location`, `Retry-After` and
/// `X-Request-Id`.
const PASSED: [HeaderName; 5] = [
    CONTENT_TYPE,
    DATE,
    LOCATION,
    RETRY_AFTER,
    HeaderName::from_static("x-request-id"),
];

/// The longest body, in bytes: 192 KiB. Meraki's have a few hundred. It fits into the memory of a request in flight with
/// [`WINDOW`](super::budget::WINDOW).
pub(super) const MAX_REPLY: usize = 192 << 10;

/// A longer body gets all its memory at once, so that no two copies of it are held.
const SMALL: usize = 16 << 10;

/// Makes the reply to one request fit for the guest.
pub(super) struct ReplyFilter {
    /// The key, if the host put it into the request.
    pub(super) key: Option<ApiKey>,
    pub(super) named: Arc<NamedUrls>,
}

impl ReplyFilter {
    /// The reply that the guest gets. An encoded one is an error, because the key would not be found in it.
    pub(super) fn apply(self, response: Response<WasiBody>) -> Result<Response<WasiBody>, Error> {
        let (head, body) = response.into_parts();
        // The errors do not repeat the coding, which is the server's text.
        if !are_all(&head.headers, CONTENT_ENCODING, "identity") {
            return Err(Error::HttpResponseContentCoding(None));
        }
        if !are_all(&head.headers, TRANSFER_ENCODING, "chunked") {
            return Err(Error::HttpResponseTransferCoding(None));
        }
        let fields = self.fields(&head.headers);
        let whole = WholeBody {
            body: Some(body),
            bytes: Vec::new(),
            status: head.status,
            filter: self,
        };
        let mut response = Response::new(whole.boxed_unsync());
        *response.status_mut() = head.status;
        *response.version_mut() = Version::HTTP_11;
        *response.headers_mut() = fields;
        Ok(response)
    }

    fn fields(&self, fields: &HeaderMap) -> HeaderMap {
        let passed = PASSED.into_iter();
        passed
            .filter_map(|name| {
                let value = self.field(fields.get(&name)?)?;
                Some((name, value))
            })
            .collect()
    }

    fn field(&self, value: &HeaderValue) -> Option<HeaderValue> {
        if self.key.is_none() {
            return Some(value.clone());
        }
        let mut value = BytesMut::from(value.as_bytes());
        self.hide_key(&mut value);
        HeaderValue::from_maybe_shared(value.freeze()).ok()
    }

    fn hide_key(&self, bytes: &mut [u8]) {
        if let Some(key) = &self.key {
            redact::hide(bytes, key.expose().as_bytes());
        }
    }

    /// The whole body as the guest gets it. The URL of a clip in it is noted first.
    fn whole(&self, status: StatusCode, mut bytes: Vec<u8>) -> Bytes {
        self.hide_key(&mut bytes);
        if status.is_success()
            && let Some(url) = api::url_in(&bytes)
        {
            self.named.add(url);
        }
        bytes.into()
    }
}

/// Whether all members of a list field are this one, in either case.
fn are_all(fields: &HeaderMap, name: HeaderName, only: &str) -> bool {
    fields.get_all(name).iter().all(|value| {
        let members = value.as_bytes().split(|byte| *byte == b',');
        members
            .map(<[u8]>::trim_ascii)
            .all(|member| member.is_empty() || member.eq_ignore_ascii_case(only.as_bytes()))
    })
}

/// A body that is read to its end before any of it is passed on, in one piece. An error takes the place of the piece.
struct WholeBody {
    /// None at its end.
    body: Option<WasiBody>,
    bytes: Vec<u8>,
    status: StatusCode,
    filter: ReplyFilter,
}

impl WholeBody {
    /// Adds what arrives. Ready at the end.
    fn poll_all(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        while let Some(body) = &mut self.body {
            let Some(frame) = ready!(Pin::new(body).poll_frame(context)) else {
                break;
            };
            // Trailers are left out.
            let Ok(data) = frame?.into_data() else {
                continue;
            };
            let length = self.bytes.len() + data.len();
            if length > MAX_REPLY {
                let most = u64::try_from(MAX_REPLY).ok();
                return Poll::Ready(Err(Error::HttpResponseBodySize(most)));
            }
            self.make_room(length);
            self.bytes.extend_from_slice(&data);
        }
        Poll::Ready(Ok(()))
    }

    fn make_room(&mut self, length: usize) {
        if length > self.bytes.capacity() {
            let capacity = match length > SMALL {
                true => MAX_REPLY,
                false => length.next_power_of_two(),
            };
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
    }
}

impl Body for WholeBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.body.is_none() {
            return Poll::Ready(None);
        }
        let end = ready!(self.poll_all(context));
        self.body = None;
        let bytes = std::mem::take(&mut self.bytes);
        if let Err(error) = end {
            return Poll::Ready(Some(Err(error)));
        }
        let whole = self.filter.whole(self.status, bytes);
        let piece = (!whole.is_empty()).then(|| Ok(Frame::data(whole)));
        Poll::Ready(piece)
    }
}

#[cfg(test)]
#[path = "reply_tests.rs"]
mod tests;
