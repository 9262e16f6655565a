//! The request and the reply of RFC 3161, in DER.

use chrono::{DateTime, NaiveDateTime, Utc};
use der::asn1::{AnyRef, Null, ObjectIdentifier, OctetStringRef, UintRef};
use der::{Decode, Encode, Reader, Sequence, SliceReader, Tag, Tagged};
use mv_clip_core::text::printable;

const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");

/// The longest reason of a refusal, in characters.
const WORDS: usize = 200;

#[derive(Sequence)]
struct Algorithm {
    algorithm: ObjectIdentifier,
    parameters: Null,
}

#[derive(Sequence)]
struct Imprint<'a> {
    algorithm: Algorithm,
    hash: &'a OctetStringRef,
}

#[derive(Sequence)]
struct Query<'a> {
    version: u8,
    imprint: Imprint<'a>,
    nonce: UintRef<'a>,
    /// The token is to contain the authority's certificate, so that years later its authority's is enough.
    with_certificate: bool,
}

/// A request for a timestamp of this SHA-256.
pub(super) fn query(sha256: &[u8; 32], nonce: u64) -> Option<Vec<u8>> {
    let nonce = nonce.to_be_bytes();
    let query = Query {
        version: 1,
        imprint: Imprint {
            algorithm: Algorithm {
                algorithm: SHA256,
                parameters: Null,
            },
            hash: OctetStringRef::new(sha256).ok()?,
        },
        nonce: UintRef::new(&nonce).ok()?,
        with_certificate: true,
    };
    query.to_der().ok()
}

/// What a timestamp says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Timestamp {
    /// The SHA-256 of what existed.
    pub(crate) sha256: [u8; 32],
    /// When it existed, by the authority's clock.
    pub(crate) at: DateTime<Utc>,
    /// The number of the request, in as few bytes as it takes.
    nonce: Option<Vec<u8>>,
}

/// Why a reply is no timestamp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// It is not in the form of RFC 3161.
    Form,
    /// It is over another hash than SHA-256.
    Hash,
    /// The authority refused, for this reason.
    Refused(String),
}

impl From<der::Error> for Problem {
    fn from(_: der::Error) -> Self {
        Self::Form
    }
}

impl Timestamp {
    /// Reads a reply (`TimeStampResp`).
    pub(crate) fn parse(reply: &[u8]) -> Result<Self, Problem> {
        let mut reply = parts(AnyRef::from_der(reply)?)?.into_iter();
        let mut status = parts(reply.next().ok_or(Problem::Form)?)?.into_iter();
        // 0: granted; 1: granted with changes.
        let code: u8 = status.next().ok_or(Problem::Form)?.decode_as()?;
        if code > 1 {
            return Err(Problem::Refused(reason(code, status.next())));
        }
        let token = reply.next().ok_or(Problem::Form)?;
        let signed = content(token, SIGNED_DATA)?;
        // Version, hash algorithms, content.
        let encapsulated = parts(signed)?.into_iter().nth(2).ok_or(Problem::Form)?;
        let info = content(encapsulated, TST_INFO)?;
        let info: &OctetStringRef = info.decode_as()?;
        Self::of(AnyRef::from_der(info.as_bytes())?)
    }

    /// Reads what the authority signed (`TSTInfo`).
    fn of(info: AnyRef<'_>) -> Result<Self, Problem> {
        let info = parts(info)?;
        let [_version, _policy, imprint, _serial, time, others @ ..] = info.as_slice() else {
            return Err(Problem::Form);
        };
        let imprint = parts(*imprint)?;
        let [algorithm, hash] = imprint.as_slice() else {
            return Err(Problem::Form);
        };
        let algorithm = parts(*algorithm)?.into_iter().next();
        let algorithm: ObjectIdentifier = algorithm.ok_or(Problem::Form)?.decode_as()?;
        let hash: &OctetStringRef = hash.decode_as()?;
        let sha256 = hash.as_bytes().try_into();
        let sha256 = sha256.ok().filter(|_| algorithm == SHA256);
        let nonce = others.iter().find(|other| other.tag() == Tag::Integer);
        let nonce = nonce.map(|nonce| nonce.decode_as::<UintRef<'_>>());
        Ok(Self {
            sha256: sha256.ok_or(Problem::Hash)?,
            at: time_of(*time).ok_or(Problem::Form)?,
            nonce: nonce.transpose()?.map(|nonce| nonce.as_bytes().to_vec()),
        })
    }

    /// Whether the reply is to the request with this number.
    pub(super) fn answers(&self, nonce: u64) -> bool {
        let bytes = nonce.to_be_bytes();
        let expected = UintRef::new(&bytes).map(|nonce| nonce.as_bytes().to_vec());
        expected
            .ok()
            .is_some_and(|expected| self.nonce == Some(expected))
    }
}

/// The parts of a sequence, or of a value with a tag of its own.
fn parts(value: AnyRef<'_>) -> Result<Vec<AnyRef<'_>>, Problem> {
    if !value.tag().is_constructed() {
        return Err(Problem::Form);
    }
    let mut reader = SliceReader::new(value.value())?;
    let mut parts = Vec::new();
    while !reader.is_finished() {
        parts.push(AnyRef::decode(&mut reader)?);
    }
    Ok(parts)
}

/// The content of a `ContentInfo` or an `EncapsulatedContentInfo` of this type.
fn content(value: AnyRef<'_>, kind: ObjectIdentifier) -> Result<AnyRef<'_>, Problem> {
    let value = parts(value)?;
    let [found, content] = value.as_slice() else {
        return Err(Problem::Form);
    };
    let found: ObjectIdentifier = found.decode_as()?;
    let content = parts(*content)?.into_iter().next();
    content.filter(|_| found == kind).ok_or(Problem::Form)
}

/// RFC 3161 allows fractions of a second.
fn time_of(value: AnyRef<'_>) -> Option<DateTime<Utc>> {
    if value.tag() != Tag::GeneralizedTime {
        return None;
    }
    let text = str::from_utf8(value.value()).ok()?;
    let time = NaiveDateTime::parse_from_str(text, "%Y%m%d%H%M%S%.fZ").ok()?;
    Some(time.and_utc())
}

/// The authority's words, or its code.
fn reason(code: u8, words: Option<AnyRef<'_>>) -> String {
    let words = words.filter(|words| words.tag() == Tag::Sequence);
    let words = words
        .and_then(|words| parts(words).ok())
        .unwrap_or_default();
    let words = words
        .iter()
        .map(|word| String::from_utf8_lossy(word.value()));
    let words: Vec<_> = words.collect();
    match words.join("; ") {
        words if words.is_empty() => format!("status {code}"),
        words => printable(&words).chars().take(WORDS).collect(),
    }
}

#[cfg(test)]
mod tests;
