//! The addresses of this machine.

use std::net::IpAddr;

/// The current addresses of the network interfaces. They can change while a program runs, so they are read at each
/// look-up of a name, which takes well below a millisecond.
///
/// They do not include a public address that only a router in front of this machine has, as in many clouds.
#[cfg(unix)]
pub(super) fn addresses() -> Vec<IpAddr> {
    let interfaces = match nix::ifaddrs::getifaddrs() {
        Ok(interfaces) => interfaces,
        Err(error) => {
            tracing::warn!(%error, "cannot read the addresses of this machine: its public ones are not refused");
            return Vec::new();
        }
    };
    let addresses = interfaces.filter_map(|interface| interface.address);
    addresses
        .filter_map(
            |address| match (address.as_sockaddr_in(), address.as_sockaddr_in6()) {
                (Some(v4), _) => Some(v4.ip().into()),
                (_, Some(v6)) => Some(v6.ip().into()),
                _ => None,
            },
        )
        .collect()
}

/// Other systems: no address is known.
#[cfg(not(unix))]
pub(super) fn addresses() -> Vec<IpAddr> {
    Vec::new()
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn this_machine_has_a_loopback_address() {
        assert!(addresses().contains(&Ipv4Addr::LOCALHOST.into()));
    }
}
