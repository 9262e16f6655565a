//! The prefixes of an operator's own NAT64 translators (RFC 6052).

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::Ipv6Net;

/// The prefix of a NAT64 translator, such as `2001:db8:64::/96`, for
/// [`Policy::nat64_prefixes`](crate::Policy::nat64_prefixes). Its length is 32, 40, 48, 56, 64 or 96 (RFC 6052).
///
/// ```
/// use mv_clip_host::Nat64Prefix;
///
/// let prefix: Nat64Prefix = "2001:db8:64::/96".parse()?;
/// # Ok::<(), mv_clip_host::Nat64PrefixError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Nat64Prefix(Ipv6Net);

/// The text is not a [`Nat64Prefix`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a NAT64 prefix: write an IPv6 address and a length of 32, 40, 48, 56, 64 or 96, as in \
     64:ff9b:1::/96"
)]
pub struct Nat64PrefixError(String);

impl Nat64Prefix {
    /// The IPv4 address that the translator sends to. None if the address does not have this prefix.
    ///
    /// RFC 6052, section 2.2: it follows the prefix, and leaves out the ninth octet.
    pub(super) fn embedded(&self, address: Ipv6Addr) -> Option<Ipv4Addr> {
        if !self.0.contains(&address) {
            return None;
        }
        let [_, _, _, _, a, b, c, d, _, e, f, g, h, i, j, k] = address.octets();
        let octets = match self.0.prefix_len() {
            32 => [a, b, c, d],
            40 => [b, c, d, e],
            48 => [c, d, e, f],
            56 => [d, e, f, g],
            64 => [e, f, g, h],
            _ => [h, i, j, k],
        };
        Some(octets.into())
    }
}

impl FromStr for Nat64Prefix {
    type Err = Nat64PrefixError;

    fn from_str(text: &str) -> Result<Self, Nat64PrefixError> {
        let network: Option<Ipv6Net> = text.parse().ok();
        let is_length =
            |network: &Ipv6Net| [32, 40, 48, 56, 64, 96].contains(&network.prefix_len());
        network
            .filter(is_length)
            .map(|network| Self(network.trunc()))
            .ok_or_else(|| Nat64PrefixError(text.to_owned()))
    }
}

impl fmt::Display for Nat64Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 6052, section 2.4.
    #[test]
    fn the_address_is_found_at_each_length() {
        for (prefix, address) in [
            ("2001:db8::/32", "2001:db8:c000:221::"),
            ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
            ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
            ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
            ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
            ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
        ] {
            let prefix: Nat64Prefix = prefix.parse().unwrap();
            let found = prefix.embedded(address.parse().unwrap());
            assert_eq!(found, Some(Ipv4Addr::new(192, 0, 2, 33)), "{prefix}");
            assert_eq!(prefix.embedded("2606:4700::1111".parse().unwrap()), None);
        }
    }

    #[test]
    fn only_the_prefix_lengths_of_rfc_6052_are_accepted() {
        for text in [
            "",
            "64:ff9b::",
            "64:ff9b::/95",
            "64:ff9b::/128",
            "10.0.0.0/8",
            "::/0",
        ] {
            let error = text.parse::<Nat64Prefix>().unwrap_err().to_string();
            assert!(error.contains(text) && error.contains("/96"), "{error}");
        }
        let prefix: Nat64Prefix = "2001:db8::1/96".parse().unwrap();
        assert_eq!(prefix.to_string(), "2001:db8::/96");
    }
}
