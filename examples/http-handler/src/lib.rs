//! Responds to `GET /?serial=…&start=…&end=…` with the URL of a clip.
//!
//! This is an ordinary `wasi:http` handler that imports `meraki-mv:clips/clips`. Spin and wasmCloud link the
//! import to mv-clip.

#[expect(unsafe_code, reason = "generated from the contract")]
mod bindings {
    wit_bindgen::generate!({
        inline: "
            package example:http-handler;
            world handler {
                import meraki-mv:clips/clips@0.1.0;
                export wasi:http/incoming-handler@0.2.12;
            }
        ",
        path: "../../wit",
        world: "example:http-handler/handler",
        generate_all,
    });
    export!(Handler with_types_in self);
    use super::Handler;
}

use bindings::exports::wasi::http::incoming_handler::Guest;
use bindings::meraki_mv::clips::clips::{ClipError, get_clip};
use bindings::wasi::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

struct Handler;

impl Guest for Handler {
    fn handle(request: IncomingRequest, reply: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let query = path.split_once('?').map_or("", |(_, query)| query);
        let value = |name| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let mut values = pairs
                .filter(|(key, _)| *key == name)
                .map(|(_, value)| value);
            values.next().unwrap_or_default()
        };
        // mv-clip checks the arguments. It returns its own error for an invalid one, such as a time without an offset.
        let (status, text) = match get_clip(value("serial"), value("start"), value("end")) {
            Ok(url) => (200, url),
            Err(ClipError::Permanent(failure)) => (422, failure.message),
            Err(ClipError::Transient(failure)) => (503, failure.message),
            Err(ClipError::ExecutionFailed) => (500, String::new()),
        };
        respond(reply, status, &text);
    }
}

fn respond(reply: ResponseOutparam, status: u16, text: &str) {
    let response = OutgoingResponse::new(Fields::new());
    let Ok(()) = response.set_status_code(status) else {
        return;
    };
    let Ok(body) = response.body() else { return };
    ResponseOutparam::set(reply, Ok(response));
    if let Ok(stream) = body.write() {
        // One write takes at most 4096 bytes. It fails if the client has disconnected.
        for piece in text.as_bytes().chunks(4096) {
            if stream.blocking_write_and_flush(piece).is_err() {
                break;
            }
        }
    }
    let _ = OutgoingBody::finish(body, None);
}
