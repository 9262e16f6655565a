//! What wasmtime calls when a guest sends a request.

use std::future::{Future, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Request, Response};
use http_body_util::BodyExt;
use tracing::Instrument;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::body::OwnedBody;
use super::call_api::CallApi;
use super::in_flight::{self, InFlight};
use super::key::CallKey;
use super::named::NamedUrls;
use super::sender::{CallSender, Outbound};
use super::traffic::Traffic;
use crate::setting::Setting;
use crate::settings::Settings;

/// How many bytes of a body are taken from a guest at once. As many more wait to be sent.
const CHUNK: usize = 64 << 10;

/// The hooks of one store: the shared [`Outbound`], and what belongs to the call.
///
/// In the data of a store, put them before its `ResourceTable`. If the guest traps or the call is dropped while a
/// request's body is being sent, the request is then aborted. Otherwise the body would look complete.
#[derive(Debug)]
pub struct OutboundHooks {
    outbound: Outbound,
    api: Arc<CallApi>,
    in_flight: Arc<InFlight>,
    sender: Arc<CallSender>,
    gone: Arc<AtomicBool>,
}

impl OutboundHooks {
    pub(crate) fn new(
        outbound: &Outbound,
        in_flight: Arc<InFlight>,
        traffic: Arc<Traffic>,
        settings: &Settings,
    ) -> Self {
        let key = outbound.kept_key().cloned().map(CallKey::new);
        Self {
            outbound: outbound.clone(),
            api: Arc::new(CallApi::new(key, settings)),
            in_flight,
            sender: Arc::new(outbound.call(traffic)),
            gone: Arc::default(),
        }
    }

    /// For a call without limits.
    #[must_use]
    pub fn of(outbound: &Outbound, settings: &Settings) -> Self {
        let in_flight = Arc::new(InFlight::at_most(usize::MAX));
        Self::new(outbound, in_flight, Arc::default(), settings)
    }

    /// The guest's environment variables: the settings of its call. If the host keeps the API key, the
    /// placeholder in its place or nothing. See [`key`](super::key).
    pub(crate) fn variables(&self, settings: &Settings, set: impl FnMut(Setting, &str)) {
        self.api.variables(settings, set);
    }

    /// The URLs of clips that the API named in this call.
    pub(crate) fn named(&self) -> &NamedUrls {
        self.api.named()
    }
}

impl Drop for OutboundHooks {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Release);
    }
}

type Completion = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for OutboundHooks {
    /// No: the client writes `Host` from the URI that the policy checked.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Completion,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Completion), Error>> + Send> {
        let Some(place) = self.in_flight.begin() else {
            return Box::new(ready(Err(Error::ConnectionLimitReached)));
        };
        let outbound = self.outbound.clone();
        let api = Arc::clone(&self.api);
        let sender = Arc::clone(&self.sender);
        let gone = Arc::clone(&self.gone);
        let request = request.map(|body| OwnedBody::new(body, gone).boxed_unsync());
        let sending = async move {
            let response = outbound.dispatch(request, options, Some(&api), &sender);
            let response = response.await?;
            let response = response.map(|body| in_flight::counted(body, place));
            // The client's own tasks drive the connection, so there is nothing to poll.
            Ok((response, Box::new(ready(Ok(()))) as Completion))
        };
        // wasmtime polls it in a task of its own, which is in no span.
        Box::new(sending.in_current_span())
    }
}
