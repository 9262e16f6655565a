//! What servers may answer.

use arbitrary::Arbitrary;
use mv_clip_core::api::{self, Reply, TransportError};

use crate::words::{KEY, TOKEN};

/// A text of a server, which may repeat what it was sent.
#[derive(Arbitrary, Clone, Debug)]
pub(crate) enum Text {
    /// Any text.
    Any(String),
    /// The key, somewhere.
    Key(String, String),
    /// Of those that mean something.
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

    /// The text where a URL of a clip stands, with a token.
    pub(crate) fn write_url(&self) -> String {
        match self {
            Self::Known(index) => URLS[usize::from(*index) % URLS.len()].replace("TOKEN", TOKEN),
            _ => self.write(),
        }
    }

    /// Whether a server came upon the token by itself, and not where it belongs.
    pub(crate) fn has_token(&self) -> bool {
        self.write().contains(TOKEN)
    }
}

/// Good ones, and some that are refused.
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

/// What becomes of a request, and how long that takes, in units of 50 ms.
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

/// Every kind.
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

/// A status of three digits.
pub(crate) fn status(any: u16) -> u16 {
    100 + any % 500
}

impl Outcome {
    /// Whether the token stands where it is no secret: a server may say in public what it likes.
    pub(crate) fn tells_token(&self) -> bool {
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
                    .reply()
                    .and_then(Result::ok)
                    .map(|reply| api::errors(&reply));
                let mut errors = errors.into_iter().flatten();
                errors.any(|error| error.contains(TOKEN))
                    || String::from_utf8_lossy(body).contains(TOKEN)
            }
            Self::Failed(_) | Self::Silence => false,
        }
    }

    /// What the API answers, if it does.
    pub(crate) fn reply(&self) -> Option<Result<Reply, TransportError>> {
        let write = |text: &Option<Text>| text.as_ref().map(Text::write);
        let reply = |status, body: String| Reply {
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
                Reply {
                    request_id: write(request_id),
                    ..reply(200, body.to_string())
                }
            }
            Self::Redirect { status, location } => {
                let status = [301, 302, 303, 307, 308][usize::from(*status) % 5];
                Reply {
                    location: write(location),
                    ..reply(status, String::new())
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
                Reply {
                    retry_after: write(retry_after),
                    request_id: write(request_id),
                    ..reply(self::status(*status), body.to_string())
                }
            }
            Self::Other { status, body } => Reply {
                body: Ok(body.clone()),
                ..reply(self::status(*status), String::new())
            },
            Self::Failed(which) => return Some(Err(failure(*which))),
            Self::Silence => return None,
        }))
    }
}
