//! The addresses of this machine.

use std::net::IpAddr;

/// The addresses of the network interfaces, as they are now. They change while a program runs, and it takes well below
/// a millisecond to ask, so they are asked for at each look-up of a name.
///
/// An address that only a router in front of this machine has, as in many clouds, is not among them.
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

/// Not known on other systems.
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
