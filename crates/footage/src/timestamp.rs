//! Timestamps of the log by an authority (RFC 3161).
//!
//! The file is the authority's whole reply, as `openssl ts` reads and writes it. The authority's signature is not
//! verified here: that takes its certificates, and `openssl ts -verify` does it. What is checked is that the timestamp is
//! for this log.

mod asn1;

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use http::HeaderValue;
use mv_clip_host::{PostClient, PostError};

use crate::folder::WriteError;

pub(crate) use self::asn1::{Problem, Timestamp};

/// The largest reply in bytes. One with a chain of certificates has about 6,000.
pub(crate) const LARGEST: u64 = 64 << 10;

/// How long the authority may take.
pub const TIMESTAMP_TIME: Duration = Duration::from_secs(60);

/// Why there is no timestamp. What was saved and signed stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TimestampError {
    /// There is no reply.
    #[error(transparent)]
    Post(#[from] PostError),
    /// The authority refused.
    #[error("{server} refused to make a timestamp: {words}")]
    Refused {
        /// The authority.
        server: String,
        /// Its reason.
        words: String,
    },
    /// The reply is no timestamp of this log.
    #[error("{server} sent a reply that is not a timestamp of this log: {problem}")]
    Unusable {
        /// The authority.
        server: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// It cannot be stored.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl TimestampError {
    /// Whether the same command may get the timestamp later, without a change.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Post(error) => error.is_transient(),
            Self::Refused { .. } | Self::Unusable { .. } | Self::Write(_) => false,
        }
    }
}

/// A timestamp of the log, in `log.jsonl.tsr`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stamped {
    /// The authority: scheme, host and port.
    pub authority: String,
    /// When the log existed, by the authority's clock.
    pub at: SystemTime,
}

/// Asks for a timestamp of this SHA-256, in hexadecimal. Gives the reply, which has been checked, and its time.
pub(crate) async fn request(
    authority: &PostClient,
    sha256: &str,
) -> Result<(Vec<u8>, DateTime<Utc>), TimestampError> {
    let server = || authority.server().to_owned();
    let nonce = rand::random();
    let unusable = |problem| TimestampError::Unusable {
        server: server(),
        problem,
    };
    let mut digest = [0; 32];
    let decoded = hex::decode_to_slice(sha256, &mut digest).ok();
    let query = decoded.and_then(|()| asn1::query(&digest, nonce));
    let query = query.ok_or_else(|| unusable("the request cannot be made"))?;
    let kind = HeaderValue::from_static("application/timestamp-query");
    let most = usize::try_from(LARGEST).unwrap_or(usize::MAX);
    let reply = authority
        .post(kind, query.into(), most, TIMESTAMP_TIME)
        .await?;
    let timestamp = Timestamp::parse(&reply).map_err(|problem| match problem {
        Problem::Form => unusable("it is not in the form of RFC 3161"),
        Problem::Hash => unusable("it is over a hash other than SHA-256"),
        Problem::Refused(words) => TimestampError::Refused {
            server: server(),
            words,
        },
    })?;
    if timestamp.sha256 != digest {
        return Err(unusable("it is for another hash"));
    }
    // Otherwise it could be an old one.
    if !timestamp.answers(nonce) {
        return Err(unusable("it is not for this request"));
    }
    Ok((reply, timestamp.at))
}
