//! [`Host`]: the host of a URL, as an IP address or a domain name, in one spelling.
//!
//! Two programs that read the same host differently are a security problem: one decides that a request may be
//! sent, and the other sends it elsewhere. So this parser accepts only what all of them read alike, and
//! rejects the rest:
//!
//! - Labels have 1 to 63 letters, digits, hyphens and underscores, a name has at most 253 characters
//!   (RFC 1123, section 2.1; RFC 1035, section 2.3.4). Underscores are not in RFC 1123, but in use.
//! - A label neither starts nor ends with a hyphen (RFC 1123). The WHATWG URL standard, and with it the crate
//!   `url`, accepts such labels. No public host needs them, and a host that starts with a hyphen is an option
//!   to a program that gets it as an argument.
//! - A name whose last label is a number is not a name: `127.1`, `0x7f000001` and `2130706433` are
//!   `127.0.0.1` to the WHATWG URL standard and to the C library.
//! - No percent-encoding, no Unicode, no IPv6 zone. An international name has its `xn--` form.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The most characters of a domain name, without a trailing dot (RFC 1035, section 2.3.4).
const MAX_DOMAIN: usize = 253;

/// The most characters of one label of a domain name (RFC 1035, section 2.3.4).
const MAX_LABEL: usize = 63;

/// The host of a URL in its canonical form.
///
/// Two hosts are equal if, and only if, they have the same name or the same address. An IPv4-mapped IPv6
/// address (`::ffff:127.0.0.1`) is not equal to the IPv4 address in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// An IP address, such as `127.0.0.1` or `[::1]`.
    Ip(IpAddr),
    /// A domain name, such as `api.meraki.com`.
    Domain(Domain),
}

/// A domain name: lower case, without a trailing dot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Domain(String);

/// Why a text is not a [`Host`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostError {
    /// The text is empty, or a dot.
    Empty,
    /// The brackets do not hold an IPv6 address. Zone identifiers are not accepted.
    InvalidIpv6,
    /// A label is empty, longer than 63 characters, starts or ends with a hyphen, or has other characters
    /// than letters, digits, hyphens and underscores; or the name is longer than 253 characters.
    InvalidDomain,
    /// The last label is a number, but the host is not an IPv4 address in full.
    InvalidIpv4,
}

impl Host {
    /// Parses the host of a URL: a domain name, an IPv4 address, or an IPv6 address in brackets. No port.
    ///
    /// ```
    /// use mv_clip_core::host::Host;
    ///
    /// assert_eq!(Host::parse("API.Meraki.com.")?.to_string(), "api.meraki.com");
    /// assert_eq!(Host::parse("[0:0::1]")?.to_string(), "[::1]");
    /// assert!(Host::parse("127.1").is_err());
    /// # Ok::<_, mv_clip_core::host::HostError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`HostError`] says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        if let Some(rest) = text.strip_prefix('[') {
            let address = rest.strip_suffix(']').ok_or(HostError::InvalidIpv6)?;
            let address: Ipv6Addr = address.parse().map_err(|_| HostError::InvalidIpv6)?;
            return Ok(Self::Ip(address.into()));
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Ok(Self::Ip(address.into()));
        }
        Domain::parse(text).map(Self::Domain)
    }

    /// The IP address, if the host is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(ip) => Some(*ip),
            Self::Domain(_) => None,
        }
    }

    /// The domain name, if the host is one.
    pub fn domain(&self) -> Option<&Domain> {
        match self {
            Self::Ip(_) => None,
            Self::Domain(domain) => Some(domain),
        }
    }

    /// Whether this is the name `localhost`, which always resolves to a loopback address (RFC 6761,
    /// section 6.3).
    pub fn is_localhost(&self) -> bool {
        self.domain().is_some_and(Domain::is_localhost)
    }

    /// Whether this is a name under `domain`: `api.meraki.com` is under `meraki.com`. A domain is not under
    /// itself, and an IP address is under no domain.
    pub fn is_under(&self, domain: &Domain) -> bool {
        self.domain().is_some_and(|name| name.is_under(domain))
    }
}

impl fmt::Display for Host {
    /// As in a URL: an IPv6 address stands in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V4(address)) => address.fmt(f),
            Self::Ip(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Domain(domain) => domain.fmt(f),
        }
    }
}

impl std::str::FromStr for Host {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        Self::parse(text)
    }
}

impl Domain {
    /// Parses a domain name of one or more labels. Upper case becomes lower case, and a trailing dot is
    /// dropped.
    ///
    /// # Errors
    ///
    /// [`HostError`] says which rule the text breaks. An IP address is not a domain name.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        check_domain(text)?;
        let name = text.strip_suffix('.').unwrap_or(text);
        Ok(Self(name.to_ascii_lowercase()))
    }

    /// The name, in lower case and without a trailing dot.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number of labels: 3 for `api.meraki.com`.
    pub fn labels(&self) -> usize {
        self.0.split('.').count()
    }

    /// Whether this is the name `localhost`.
    pub fn is_localhost(&self) -> bool {
        self.0 == "localhost"
    }

    /// Whether this is a name under `domain`. A domain is not under itself.
    pub fn is_under(&self, domain: &Self) -> bool {
        is_under(&self.0, &domain.0)
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether one name is under another, by whole labels; both in lower case and without a trailing dot.
pub(crate) fn is_under(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain)
        .is_some_and(|labels| labels.ends_with('.'))
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => {
                "the host is missing: write a name or an address, as in https://api.meraki.com"
            }
            Self::InvalidIpv6 => {
                "brackets must hold an IPv6 address without a zone, as in [2001:db8::1]"
            }
            Self::InvalidDomain => {
                "a host name is labels of 1 to 63 letters, digits, hyphens and underscores, without \
                 a hyphen at either end, joined by dots, 253 characters at most; write an \
                 international name in its xn-- form"
            }
            Self::InvalidIpv4 => {
                "a host that ends in a number must be an IPv4 address in full, as in 192.0.2.7"
            }
        })
    }
}

impl std::error::Error for HostError {}

/// Whether a text is a domain name, in upper or lower case, with or without a trailing dot.
///
/// One loop over the bytes: with `split` and a closure for each label the component is 300 bytes larger.
pub(crate) fn check_domain(text: &str) -> Result<(), HostError> {
    let name = text.strip_suffix('.').unwrap_or(text);
    if name.is_empty() {
        return Err(HostError::Empty);
    }
    let (mut label, mut previous) = (0, b'.');
    for byte in name.bytes().chain([b'.']) {
        label = match byte {
            b'.' if label == 0 || previous == b'-' => return Err(HostError::InvalidDomain),
            b'.' => 0,
            b'-' if label == 0 => return Err(HostError::InvalidDomain),
            b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => label + 1,
            _ => return Err(HostError::InvalidDomain),
        };
        if label > MAX_LABEL {
            return Err(HostError::InvalidDomain);
        }
        previous = byte;
    }
    if name.len() > MAX_DOMAIN {
        return Err(HostError::InvalidDomain);
    }
    let mut labels = name.as_bytes().rsplit(|byte| *byte == b'.');
    let last = labels.next().unwrap_or_default();
    if is_number(last) {
        return Err(HostError::InvalidIpv4);
    }
    Ok(())
}

/// Whether others take a name that ends with this label for an IPv4 address: decimal digits, or `0x` and
/// hexadecimal digits.
fn is_number(label: &[u8]) -> bool {
    match label {
        [b'0', b'x' | b'X', digits @ ..] => digits.iter().all(u8::is_ascii_hexdigit),
        digits => digits.iter().all(u8::is_ascii_digit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_one_spelling() {
        let long_label = format!("{}.com", "a".repeat(63));
        let long_name = format!("{}abcde", "abcdefg.".repeat(31));
        let cases = [
            ("a name", "api.meraki.com", "api.meraki.com"),
            ("upper case", "API.Meraki.COM", "api.meraki.com"),
            ("a trailing dot", "api.meraki.com.", "api.meraki.com"),
            ("one label", "localhost", "localhost"),
            ("an underscore", "_svc.example.com", "_svc.example.com"),
            ("punycode", "xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("digits within a name", "1.example2.com", "1.example2.com"),
            ("a leading digit", "3com", "3com"),
            ("almost a number", "0xyz", "0xyz"),
            ("a label of 63", &long_label, &long_label),
            ("a name of 253", &long_name, &long_name),
            ("IPv4", "127.0.0.1", "127.0.0.1"),
            ("IPv6", "[::1]", "[::1]"),
            (
                "IPv6 written long",
                "[2001:DB8:0:0:0:0:0:1]",
                "[2001:db8::1]",
            ),
        ];
        for (case, text, canonical) in cases {
            let host = Host::parse(text).unwrap_or_else(|error| panic!("{case}: {error}"));
            assert_eq!(host.to_string(), canonical, "{case}");
            assert_eq!(canonical.parse(), Ok(host), "{case}");
        }
    }

    #[test]
    fn other_texts_are_rejected() {
        let long_label = format!("{}.com", "a".repeat(64));
        let long_name = format!("{}abcdef", "abcdefg.".repeat(31));
        let cases = [
            ("nothing", "", HostError::Empty),
            ("a dot", ".", HostError::Empty),
            (
                "two trailing dots",
                "example.com..",
                HostError::InvalidDomain,
            ),
            (
                "an empty label",
                "api..meraki.com",
                HostError::InvalidDomain,
            ),
            ("a leading dot", ".meraki.com", HostError::InvalidDomain),
            ("a label of 64", &long_label, HostError::InvalidDomain),
            ("a name of 254", &long_name, HostError::InvalidDomain),
            (
                "a leading hyphen",
                "-api.meraki.com",
                HostError::InvalidDomain,
            ),
            (
                "a leading hyphen in a later label",
                "api.-meraki.com",
                HostError::InvalidDomain,
            ),
            (
                "a trailing hyphen",
                "api-.meraki.com",
                HostError::InvalidDomain,
            ),
            (
                "a percent escape",
                "api%2emeraki.com",
                HostError::InvalidDomain,
            ),
            ("a space", "api meraki.com", HostError::InvalidDomain),
            ("a line break", "api.meraki.com\n", HostError::InvalidDomain),
            ("another script", "api.mеraki.com", HostError::InvalidDomain),
            ("a star", "*.meraki.com", HostError::InvalidDomain),
            ("a port", "api.meraki.com:443", HostError::InvalidDomain),
            ("short IPv4", "127.1", HostError::InvalidIpv4),
            ("decimal IPv4", "2130706433", HostError::InvalidIpv4),
            ("hexadecimal IPv4", "0X7f000001", HostError::InvalidIpv4),
            (
                "a bare hexadecimal prefix",
                "127.0x",
                HostError::InvalidIpv4,
            ),
            ("octal IPv4", "0177.0.0.01", HostError::InvalidIpv4),
            (
                "IPv4 with a trailing dot",
                "127.0.0.1.",
                HostError::InvalidIpv4,
            ),
            ("five numbers", "1.2.3.4.5", HostError::InvalidIpv4),
            ("an IPv6 zone", "[fe80::1%25eth0]", HostError::InvalidIpv6),
            ("open brackets", "[::1", HostError::InvalidIpv6),
            ("IPv4 in brackets", "[127.0.0.1]", HostError::InvalidIpv6),
            ("a future address", "[v1.meraki]", HostError::InvalidIpv6),
            ("IPv6 without brackets", "::1", HostError::InvalidDomain),
        ];
        for (case, text, error) in cases {
            assert_eq!(Host::parse(text), Err(error), "{case}");
        }
    }

    #[test]
    fn names_are_under_a_domain_by_whole_labels() {
        let meraki = Domain::parse("Meraki.com").unwrap();
        let is_under = |host: &str| Host::parse(host).unwrap().is_under(&meraki);
        assert!(is_under("api.meraki.com") && is_under("n1.SHARD.meraki.com."));
        assert!(!is_under("meraki.com") && !is_under("evilmeraki.com"));
        assert!(!is_under("meraki.com.evil.com") && !is_under("10.0.0.1"));
    }

    #[test]
    fn localhost_is_one_name() {
        let is_localhost = |host: &str| Host::parse(host).unwrap().is_localhost();
        assert!(is_localhost("LocalHost") && is_localhost("localhost."));
        assert!(!is_localhost("localhost.example") && !is_localhost("127.0.0.1"));
    }
}
