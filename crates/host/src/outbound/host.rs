//! One spelling for each host, so that what the policy compares is what the client connects to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The most characters that a host name may have without its trailing dot (RFC 1035, 2.3.4).
const MAX_NAME: usize = 253;

/// The most characters that one label of a host name may have (RFC 1035, 2.3.4).
const MAX_LABEL: usize = 63;

/// The host of a URI in its canonical form: an address, or a lower-case name without a trailing
/// dot. Two hosts are equal if, and only if, they are the same destination by name.
///
/// An IPv4-mapped IPv6 address (`::ffff:127.0.0.1`) is not equal to the IPv4 address in it:
/// allowing one allows nothing about the other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A literal address, such as `127.0.0.1` or `[::1]`.
    Ip(IpAddr),
    /// A name to look up, such as `api.meraki.com`.
    Name(String),
}

/// Why a text is not a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// Nothing, or nothing but a dot.
    #[error("the host is missing: write a name or an address, as in https://api.meraki.com")]
    Missing,
    /// Brackets that do not hold an IPv6 address. Zone identifiers are not accepted.
    #[error("brackets must hold an IPv6 address without a zone, as in [2001:db8::1]")]
    Ipv6,
    /// A label is empty, too long, or has other characters than letters, digits, `-` and `_`.
    #[error(
        "a host name is labels of 1 to 63 letters, digits, hyphens and underscores, joined by \
         dots, 253 characters at most; write an international name in its xn-- form"
    )]
    Name,
    /// The last label is a number, so that resolvers would take the name for an IPv4 address:
    /// `127.1`, `2130706433`, `0x7f.0.0.1`.
    #[error("a host that ends in a number must be an IPv4 address in full, as in 192.0.2.7")]
    Numeric,
}

impl Host {
    /// Reads the host part of a URI: IPv6 addresses in brackets, no port.
    ///
    /// # Errors
    ///
    /// [`HostError`] says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        if let Some(rest) = text.strip_prefix('[') {
            let address = rest.strip_suffix(']').ok_or(HostError::Ipv6)?;
            let address = address.parse::<Ipv6Addr>().map_err(|_| HostError::Ipv6)?;
            return Ok(Self::Ip(address.into()));
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Ok(Self::Ip(address.into()));
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if name.is_empty() {
            return Err(HostError::Missing);
        }
        if name.len() > MAX_NAME || !name.split('.').all(is_label) {
            return Err(HostError::Name);
        }
        if name.rsplit('.').next().is_some_and(is_number) {
            return Err(HostError::Numeric);
        }
        Ok(Self::Name(name))
    }

    /// Whether this is the name `localhost`, the one name that may lead to this machine
    /// (RFC 6761, 6.3).
    #[must_use]
    pub fn is_localhost(&self) -> bool {
        matches!(self, Self::Name(name) if name == "localhost")
    }
}

impl fmt::Display for Host {
    /// As in a URI: an IPv6 address stands in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Ip(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// What the C library and the WHATWG URL standard take for a part of an IPv4 address.
fn is_number(label: &str) -> bool {
    let hexadecimal = label
        .strip_prefix("0x")
        .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    hexadecimal || label.bytes().all(|byte| byte.is_ascii_digit())
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
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        let long_label = format!("{}.com", "a".repeat(64));
        let long_name = format!("{}abcdef", "abcdefg.".repeat(31));
        let cases = [
            ("nothing", "", HostError::Missing),
            ("a dot", ".", HostError::Missing),
            ("two trailing dots", "example.com..", HostError::Name),
            ("an empty label", "api..meraki.com", HostError::Name),
            ("a leading dot", ".meraki.com", HostError::Name),
            ("a label of 64", &long_label, HostError::Name),
            ("a name of 254", &long_name, HostError::Name),
            ("a leading hyphen", "-api.meraki.com", HostError::Name),
            ("a trailing hyphen", "api-.meraki.com", HostError::Name),
            ("a percent escape", "api%2emeraki.com", HostError::Name),
            ("a space", "api meraki.com", HostError::Name),
            ("a line break", "api.meraki.com\n", HostError::Name),
            ("another script", "api.mеraki.com", HostError::Name),
            ("a star", "*.meraki.com", HostError::Name),
            ("short IPv4", "127.1", HostError::Numeric),
            ("decimal IPv4", "2130706433", HostError::Numeric),
            ("hexadecimal IPv4", "0x7f000001", HostError::Numeric),
            ("a bare hexadecimal prefix", "127.0x", HostError::Numeric),
            ("octal IPv4", "0177.0.0.01", HostError::Numeric),
            ("IPv4 with a trailing dot", "127.0.0.1.", HostError::Numeric),
            ("five numbers", "1.2.3.4.5", HostError::Numeric),
            ("an IPv6 zone", "[fe80::1%25eth0]", HostError::Ipv6),
            ("open brackets", "[::1", HostError::Ipv6),
            ("IPv4 in brackets", "[127.0.0.1]", HostError::Ipv6),
            ("IPv6 without brackets", "::1", HostError::Name),
        ];
        for (case, text, error) in cases {
            assert_eq!(Host::parse(text), Err(error), "{case}");
        }
    }
}
