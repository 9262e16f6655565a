//! The responses of servers.

use arbitrary::Arbitrary;
use mv_clip_core::api;
use mv_clip_core::transport::{Response, TransportError};

use crate::message::{KEY, TOKEN};

/// A server's text, which may contain what it received.
#[derive(Arbitrary, Clone, Debug)]
pub(crate) enum Text {
    /// Any text.
    Any(String),
    /// Text with the API key.
    Key(String, String),
    /// Text that has a meaning.
    Known(u8),
}

const KNOWN: [&str; 16] = [
    "/x",
    "?",
    "https://n1.meraki.com/x",
    "https://api.meraki.cn/x",
    "https://k3y-0f-s0mebody.meraki.com/x",
    "https://evil.com/x",
    "https://k3y-0f-s0mebody.evil.com/x",
    "http://api.meraki.com/x",
    "http://127.0.0.1:1/x",
    "https://n1.meraki.com@evil.com/x",
    "0",
    "17",
    "99999999999999",
    "Thu, 12 Mar 2026 15:00:30 GMT",
    "No video for specified timestamp",
    "at 2026-03-12T15:00:30Z",
];

impl Text {
    pub(crate) fn write(&self) -> String {
        match self {
            Self::Any(text) => text.clone(),
            Self::Key(before, after) => format!("{before}{KEY}{after}"),
            Self::Known(index) => KNOWN[usize::from(*index) % KNOWN.len()].to_owned(),
        }
    }

    /// The text as a clip's URL, with the token.
    pub(crate) fn write_url(&self) -> String {
        match self {
            Self::Known(index) => URLS[usize::from(*index) % URLS.len()].replace("TOKEN", TOKEN),
            _ => self.write(),
        }
    }

    /// Whether the fuzzer wrote the token itself.
    pub(crate) fn has_token(&self) -> bool {
        self.write().contains(TOKEN)
    }
}

/// Some are accepted and some are not.
const URLS: [&str; 8] = [
    "https://spn49.meraki.com/stream/TOKEN",
    "https://spn49.meraki.com/stream?token=TOKEN&x",
    "/stream/TOKEN",
    "http://127.0.0.1:1/TOKEN",
    "http://spn49.meraki.com/TOKEN",
    "https://u:TOKEN@spn49.meraki.com/TOKEN",
    "https://spn49.meraki.com/ TOKEN",
    "//spn49.meraki.com:99999/TOKEN",
];

/// The outcome of a request, and its duration in units of 50 ms.
#[derive(Arbitrary, Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) takes: u8,
    pub(crate) outcome: Outcome,
}

#[derive(Arbitrary, Clone, Debug)]
pub(crate) enum Outcome {
    Clip {
        url: Text,
        expiry: Option<Text>,
        request_id: Option<Text>,
    },
    Redirect {
        status: u8,
        location: Option<Text>,
    },
    Refused {
        status: u16,
        errors: Vec<Text>,
        retry_after: Option<Text>,
        request_id: Option<Text>,
    },
    Other {
        status: u16,
        body: Vec<u8>,
    },
    Failed(u8),
    Silence,
}

/// One of all errors.
pub(crate) fn failure(which: u8) -> TransportError {
    let all = [
        TransportError::Connection("refused"),
        TransportError::Certificate,
        TransportError::TimedOut,
        TransportError::Denied,
        TransportError::TooLarge,
    ];
    all[usize::from(which) % all.len()]
}

/// A status of three digits, made from any number.
pub(crate) fn status(any: u16) -> u16 {
    100 + any % 500
}

impl Outcome {
    /// Whether the token is in a place that is not secret.
    pub(crate) fn leaks_token(&self) -> bool {
        let any = |texts: &[&Option<Text>]| texts.iter().copied().flatten().any(Text::has_token);
        match self {
            Self::Clip {
                url,
                expiry,
                request_id,
            } => url.has_token() || any(&[expiry, request_id]),
            Self::Redirect { location, .. } => any(&[location]),
            Self::Refused {
                errors,
                retry_after,
                request_id,
                ..
            } => errors.iter().any(Text::has_token) || any(&[retry_after, request_id]),
            Self::Other { body, .. } => {
                let errors = self
                    .response()
                    .and_then(Result::ok)
                    .map(|response| api::errors(&response));
                let mut errors = errors.into_iter().flatten();
                errors.any(|error| error.contains(TOKEN))
                    || String::from_utf8_lossy(body).contains(TOKEN)
            }
            Self::Failed(_) | Self::Silence => false,
        }
    }

    /// The API's response, if there is one.
    pub(crate) fn response(&self) -> Option<Result<Response, TransportError>> {
        let write = |text: &Option<Text>| text.as_ref().map(Text::write);
        let response = |status, body: String| Response {
            status,
            location: None,
            retry_after: None,
            request_id: None,
            body: Ok(body.into_bytes()),
        };
        Some(Ok(match self {
            Self::Clip {
                url,
                expiry,
                request_id,
            } => {
                let body = serde_json::json!({ "url": url.write_url(), "expiry": write(expiry) });
                Response {
                    request_id: write(request_id),
                    ..response(200, body.to_string())
                }
            }
            Self::Redirect { status, location } => {
                let status = [301, 302, 303, 307, 308][usize::from(*status) % 5];
                Response {
                    location: write(location),
                    ..response(status, String::new())
                }
            }
            Self::Refused {
                status,
                errors,
                retry_after,
                request_id,
            } => {
                let errors: Vec<_> = errors.iter().map(Text::write).collect();
                let body = serde_json::json!({ "errors": errors });
                Response {
                    retry_after: write(retry_after),
                    request_id: write(request_id),
                    ..response(self::status(*status), body.to_string())
                }
            }
            Self::Other { status, body } => Response {
                body: Ok(body.clone()),
                ..response(self::status(*status), String::new())
            },
            Self::Failed(which) => return Some(Err(failure(*which))),
            Self::Silence => return None,
        }))
    }
}
