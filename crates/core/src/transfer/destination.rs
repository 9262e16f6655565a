//! [`Destination`]: the presigned URL that a clip is uploaded to with one `PUT`, without further credentials.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::fmt;

use crate::error::{Failure, FailureKind};
use crate::text::excerpt;
use crate::url::Url;

/// The media type of an MPEG transport stream (RFC 3555, section 4.2.9).
const CONTENT_TYPE: (&str, &str) = ("content-type", "video/mp2t");

/// Azure requires the type of the blob ("Put Blob" in the reference of its Blob service).
const BLOB_TYPE: (&str, &str) = ("x-ms-blob-type", "BlockBlob");

const HIDDEN: &str = "(hidden)";

/// Shorter values are not secret: `host`, `UNSIGNED`, a number.
const MIN_SECRET: usize = 8;

/// The destination of a clip. Whoever has the URL can write there, so `Debug` does not print its path and query.
#[derive(Clone, PartialEq, Eq)]
pub struct Destination(Url);

impl Destination {
    /// Parses a destination: an https URL (plain http for a loopback address), without user name and fragment.
    ///
    /// # Errors
    ///
    /// [`FailureKind::InvalidDestination`] for any other text, and for a URL that was signed for header fields
    /// that are not sent, or for a checksum. The message does not contain the URL.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let url = Url::parse(text).map_err(|error| invalid(error.reason()))?;
        if url.has_fragment() {
            return Err(invalid("has a fragment (#), which is not sent to a server"));
        }
        let destination = Self(url);
        if let Some(field) = destination.unsendable() {
            return Err(invalid(&format!(
                "was signed for the header field {}, which is not sent: sign it without that",
                excerpt(&field)
            )));
        }
        if destination.has_checksum() {
            return Err(invalid(
                "was signed for a checksum of other bytes: sign it without a checksum",
            ));
        }
        let content_type = destination.content_type();
        if content_type.is_some_and(|given| given != CONTENT_TYPE.1) {
            return Err(invalid(
                "was signed for another content type than video/mp2t, which the clip has",
            ));
        }
        Ok(destination)
    }

    /// The URL to send the clip to.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// The header fields to send with the clip, apart from `Content-Length`: names in lower case, and values.
    ///
    /// S3 accepts unsigned fields that are not its own. Google's signatures are certain to hold only with the
    /// fields that were signed. The older signatures of both cover the content type, and some tools write it
    /// into the query. An Azure SAS covers no field.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let is_signed = self.signed_fields().any(|field| field == CONTENT_TYPE.0);
        let is_older = self.has("Signature") && self.content_type().is_none();
        let without = !is_signed && (is_older || self.has("X-Goog-Signature"));
        let content_type = (!without).then_some(CONTENT_TYPE);
        let blob_type = (self.has("sv") && self.has("sig")).then_some(BLOB_TYPE);
        content_type.into_iter().chain(blob_type)
    }

    /// Replaces the parts of the URL's path and query in a text, percent-encoded or decoded.
    pub(super) fn redact(&self, text: &str) -> String {
        let query = self.0.parameters().map(|(_, value)| value);
        let parts = query
            .map(|value| (value.as_str(), value.decode().to_string_lossy()))
            .chain(
                self.0
                    .segments()
                    .map(|part| (part.as_str(), part.decode().to_string_lossy())),
            );
        let secrets = parts.filter(|(raw, _)| raw.len() >= MIN_SECRET);
        let mut secrets: Vec<_> = secrets
            .flat_map(|(raw, decoded)| [raw.into(), decoded])
            .collect();
        // Longest first: a secret may contain another one.
        secrets.sort_by_key(|secret| Reverse(secret.len()));
        let hide = |text: String, secret: &Cow<'_, str>| text.replace(&**secret, HIDDEN);
        secrets.iter().fold(text.to_owned(), hide)
    }

    fn has(&self, parameter: &str) -> bool {
        self.0
            .parameters()
            .any(|(name, _)| name.as_str() == parameter)
    }

    /// Whether the query has a checksum, or asks for one. Amazon's SDK for JavaScript writes the checksum of no bytes.
    fn has_checksum(&self) -> bool {
        self.has("x-amz-checksum-crc32") || self.has("x-amz-sdk-checksum-algorithm")
    }

    /// The content type that an older signature covers, if the query has it.
    fn content_type(&self) -> Option<String> {
        let mut parameters = self.0.parameters();
        let (_, value) = parameters.find(|(name, _)| name.as_str() == CONTENT_TYPE.0)?;
        Some(value.decode().to_string_lossy().to_ascii_lowercase())
    }

    /// The header fields that the signature covers, in lower case.
    fn signed_fields(&self) -> impl Iterator<Item = String> {
        let lists = self.0.parameters().filter(|(name, _)| {
            matches!(
                name.as_str(),
                "X-Amz-SignedHeaders" | "X-Goog-SignedHeaders"
            )
        });
        lists.flat_map(|(_, list)| {
            let list = list.decode().to_string_lossy().to_ascii_lowercase();
            list.split(';').map(str::to_owned).collect::<Vec<_>>()
        })
    }

    /// A header field that the signature covers and that is not sent.
    fn unsendable(&self) -> Option<String> {
        self.signed_fields()
            .find(|field| !matches!(field.as_str(), "host" | "content-length" | "content-type"))
    }
}

fn invalid(reason: &str) -> Failure {
    let message = format!(
        "the destination {reason}. It takes a URL that was presigned for PUT, such as \
         https://footage.s3.eu-central-1.amazonaws.com/clip.ts?X-Amz-Signature=..."
    );
    Failure::before_request(FailureKind::InvalidDestination, message)
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Destination").field(&self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S3: &str = "https://b.s3.amazonaws.com/c.ts?X-Amz-Credential=AKIA5EC2E7%2F2026&X-Amz-Expires=600\
         &X-Amz-SignedHeaders=host&X-Amz-Signature=0123456789abcdef";
    const AZURE: &str =
        "https://a.blob.core.windows.net/c/x.ts?sv=2024-11-04&sr=b&sp=cw&sig=s3cr%2Bt%3D";
    const OLDER: &str =
        "https://storage.googleapis.com/b/c.ts?GoogleAccessId=x&Expires=1&Signature=s3cr3t";

    #[track_caller]
    fn destination(text: &str) -> Destination {
        Destination::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn other_urls_are_rejected_and_not_repeated() {
        for (text, reason) in [
            ("", "is not an absolute URL"),
            ("/s3cr3t", "is not an absolute URL"),
            ("s3://bucket/s3cr3t", "is not https"),
            ("http://minio.corp.example/b/s3cr3t", "is not https"),
            ("https://user:s3cr3t@h/b", "holds a user name"),
            ("https://h/b?X-Amz-Signature=s3cr3t#part", "has a fragment"),
            (
                "https://h/b?X-Amz-SignedHeaders=host%3Bx-amz-acl&X-Amz-Signature=s3cr3t",
                "was signed for the header field x-amz-acl, which is not sent: sign it without that",
            ),
            (
                "https://h/b?Signature=s3cr3t&content-type=video%2Fmp4",
                "was signed for another content type than video/mp2t",
            ),
            (
                "https://h/b?x-amz-checksum-crc32=AAAAAA%3D%3D&X-Amz-Signature=s3cr3t",
                "was signed for a checksum of other bytes: sign it without a checksum",
            ),
            (
                "https://h/b?X-Amz-Signature=s3cr3t&x-amz-sdk-checksum-algorithm=CRC32",
                "sign it without a checksum",
            ),
        ] {
            let failure = Destination::parse(text).unwrap_err();
            assert_eq!(failure.kind, FailureKind::InvalidDestination, "{text}");
            assert!(
                failure.message.contains(reason),
                "{text}: {}",
                failure.message
            );
            assert!(!failure.message.contains("s3cr3t"), "{}", failure.message);
        }
    }

    #[test]
    fn loopback_needs_no_tls() {
        for text in [
            "http://127.0.0.1:9000/b/c.ts?X-Amz-Signature=x",
            "http://[::1]/b",
        ] {
            assert_eq!(destination(text).url().expose(), text);
        }
    }

    #[test]
    fn header_fields_match_the_signature() {
        let headers = |text: &str| destination(text).headers().collect::<Vec<_>>();
        assert_eq!(headers(S3), [("content-type", "video/mp2t")]);
        assert_eq!(
            headers(AZURE),
            [
                ("content-type", "video/mp2t"),
                ("x-ms-blob-type", "BlockBlob")
            ]
        );
        assert_eq!(headers(OLDER), []);
        let told = format!("{OLDER}&content-type=video%2Fmp2t");
        assert_eq!(headers(&told), [("content-type", "video/mp2t")]);
        let google =
            |signed| format!("https://h/o?X-Goog-Signature=x&X-Goog-SignedHeaders={signed}");
        assert_eq!(headers(&google("host")), []);
        let both = google("content-type%3Bhost");
        assert_eq!(headers(&both), [("content-type", "video/mp2t")]);
        // A SAS has both `sv` and `sig`.
        for part in ["sv=2024-11-04", "sig=s3cr3t"] {
            let text = format!("https://h/b?{part}");
            assert_eq!(headers(&text), [("content-type", "video/mp2t")], "{part}");
        }
        let mixed = "https://h/b?X-Amz-SignedHeaders=host;content-type&Signature=x";
        assert_eq!(headers(mixed), [("content-type", "video/mp2t")]);
        assert_eq!(headers("https://h/plain"), [("content-type", "video/mp2t")]);
    }

    #[test]
    fn parts_of_the_url_are_redacted() {
        let shown = destination(S3).redact("<a>0123456789abcdef</a> host 600 AKIA5EC2E7/2026");
        assert_eq!(shown, "<a>(hidden)</a> host 600 (hidden)");
        let token = destination("https://h/p/t0ken-t0ken/o/inc%20ident.ts")
            .redact("/p/t0ken-t0ken/o/inc ident.ts");
        assert_eq!(token, "/p/(hidden)/o/(hidden)");
        let shown = destination(AZURE).redact("s3cr%2Bt%3D and s3cr+t=");
        assert_eq!(shown, "(hidden) and (hidden)");
    }

    #[test]
    fn the_longest_part_is_redacted_first() {
        let shown = destination("https://h/incident/incident-7.ts?sig=xincident-7.tsx")
            .redact("incident-7.ts xincident-7.tsx incident");
        assert_eq!(shown, "(hidden) (hidden) (hidden)");
    }

    #[test]
    fn debug_hides_the_url() {
        let shown = format!("{:?}", destination(S3));
        assert_eq!(shown, "Destination(Url(https://b.s3.amazonaws.com/...))");
    }
}
