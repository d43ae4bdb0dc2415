//! Which addresses may be dialled.
//!
//! Targets on the home network are what this program is for, so private addresses are fine. Link-local
//! addresses and the well-known addresses of cloud metadata services are not: whoever can choose a
//! sink's host name could read a machine's credentials there. The check is on the address that is
//! dialled, after DNS, so that a name which resolves to one of them is caught too.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::Outgoing;

/// Metadata services outside the link-local range.
const METADATA: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// An address that is not dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockedAddress(pub(super) IpAddr);

impl fmt::Display for BlockedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} is a link-local or metadata address; `allow_link_local = true` lifts this",
            self.0
        )
    }
}

impl std::error::Error for BlockedAddress {}

/// Whether an address is one that must not be dialled.
pub(super) fn is_blocked(address: IpAddr) -> bool {
    let address = address.to_canonical();
    let link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    link_local || METADATA.contains(&address)
}

/// The address of a URL whose host is one, if it must not be dialled. Such hosts never reach DNS.
pub(super) fn blocked_literal(uri: &http::Uri) -> Option<BlockedAddress> {
    let host = uri.host()?;
    let bare = host
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
        .unwrap_or(host);
    let address = bare.parse().ok()?;
    is_blocked(address).then_some(BlockedAddress(address))
}

impl Outgoing {
    /// Whether its address, written out as one, is never dialled within [`super::Reach::Guarded`].
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        match self {
            Self::Http(request) => blocked_literal(request.uri()).is_some(),
            Self::Mqtt(publication) => publication.broker.host.parse().is_ok_and(is_blocked),
            Self::Program(_) => false,
        }
    }
}

/// The system's name resolution without the blocked addresses.
#[derive(Debug)]
pub(super) struct GuardedResolver;

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let blocked = found
                .iter()
                .find(|address| is_blocked(address.ip()))
                .copied();
            let allowed: Vec<SocketAddr> = found
                .into_iter()
                .filter(|address| !is_blocked(address.ip()))
                .collect();
            match blocked {
                Some(address) if allowed.is_empty() => Err(BlockedAddress(address.ip()).into()),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_home_network_works_and_metadata_services_do_not() {
        let check = |text: &str, blocked: bool| {
            let address: IpAddr = text.parse().expect("an address");
            assert_eq!(is_blocked(address), blocked, "{text}");
        };
        for open in [
            "127.0.0.1",
            "10.0.0.5",
            "192.168.1.2",
            "172.16.3.4",
            "::1",
            "fd12:3456::1",
            "8.8.8.8",
            "0.0.0.0",
        ] {
            check(open, false);
        }
        for blocked in [
            "169.254.169.254",
            "169.254.0.1",
            "fe80::1",
            "::ffff:169.254.169.254",
            "100.100.100.200",
            "fd00:ec2::254",
        ] {
            check(blocked, true);
        }
    }

    #[test]
    fn a_host_that_is_an_address_is_checked_without_dns() {
        let check = |text: &'static str, blocked: bool| {
            let uri = http::Uri::from_static(text);
            assert_eq!(blocked_literal(&uri).is_some(), blocked, "{text}");
        };
        check("http://169.254.169.254/latest", true);
        check("http://[fe80::1]/", true);
        check("http://[::ffff:169.254.169.254]:80/", true);
        check("http://192.168.1.2/", false);
        check("http://metadata.example/", false);
    }
}
