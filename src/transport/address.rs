//! Which addresses may be dialled.
//!
//! Targets on the home network are what this program is for, so private addresses are fine. Link-local
//! addresses and the well-known addresses of cloud metadata services are not: whoever can choose a
//! sink's host name could read a machine's credentials there. The check is on the address that is
//! dialled, after DNS, so that a name which resolves to one of them is caught too.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Host;

use super::Outgoing;
use crate::model::Failure;

/// Metadata services outside the link-local range: of Alibaba, Azure, Oracle, AWS, Google and Scaleway.
const METADATA: [IpAddr; 8] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42)),
];

/// An address that is not dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockedAddress(pub(super) IpAddr);

impl fmt::Display for BlockedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is a link-local or metadata address", self.0)
    }
}

impl std::error::Error for BlockedAddress {}

/// What lifts it for a sink.
pub(super) const ALLOWED_BY_OPTION: &str = "`allow_link_local = true` lifts this";

/// What lifts it for a source, whose address is its configuration's own choice: that has to be written there.
pub(super) const ALLOWED_AS_NUMBER: &str = "where it is meant, write it in place of the name";

impl BlockedAddress {
    /// The failure that it is, with what lifts it.
    pub(super) fn failure(self, remedy: &str) -> Failure {
        Failure::Blocked(format!("{self}; {remedy}"))
    }
}

/// Whether an address is one that must not be dialled.
pub(super) fn is_blocked(address: IpAddr) -> bool {
    let address = match address.to_canonical() {
        IpAddr::V6(v6) => within(v6).map_or(IpAddr::V6(v6), IpAddr::V4),
        v4 => v4,
    };
    let link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    link_local || METADATA.contains(&address)
}

/// The IPv4 address that a gateway on the way makes of an IPv6 one: NAT64, with its common prefix and with the one
/// for networks of one's own, 6to4, and the old translated and compatible forms.
fn within(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let (high, low) = match [a, b, c, d, e, f] {
        [0x64, 0xff9b, 0, 0, 0, 0]
        | [0x64, 0xff9b, 1, ..]
        | [0, 0, 0, 0, 0xffff, 0]
        | [0, 0, 0, 0, 0, 0] => (g, h),
        [0x2002, ..] => (b, c),
        _ => return None,
    };
    Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
}

/// The same of a host that is not read yet.
fn blocked_host(host: &str) -> Option<BlockedAddress> {
    blocked(Host::parse(host).ok()?)
}

/// The address that a host is, if it must not be dialled. Such hosts never reach DNS. They are read as the HTTP
/// library reads them, to which `2852039166` and `0xa9.254.43518` are addresses, too.
pub(super) fn blocked<Name>(host: Host<Name>) -> Option<BlockedAddress> {
    let address = match host {
        Host::Ipv4(v4) => IpAddr::V4(v4),
        Host::Ipv6(v6) => IpAddr::V6(v6),
        Host::Domain(_) => return None,
    };
    is_blocked(address).then_some(BlockedAddress(address))
}

impl Outgoing {
    /// Whether its address, written out as one, is never dialled within [`super::Reach::Guarded`].
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        match self {
            Self::Http(request) => request.uri().host().and_then(blocked_host).is_some(),
            Self::Mqtt(publication) => {
                let host = &publication.broker.host;
                host.parse().is_ok_and(is_blocked) || blocked_host(host).is_some()
            }
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
            let found = look_up(name.as_str()).await?;
            Ok(Box::new(allowed(found)?.into_iter()) as Addrs)
        })
    }
}

#[cfg(not(test))]
use system as look_up;

async fn system(name: &str) -> std::io::Result<Vec<SocketAddr>> {
    Ok(tokio::net::lookup_host((name, 0)).await?.collect())
}

/// The same with names of tests: what stands before `.resolved.test` is the address, with `-` in place of `.`.
#[cfg(test)]
async fn look_up(name: &str) -> std::io::Result<Vec<SocketAddr>> {
    match name.strip_suffix(".resolved.test") {
        Some(address) => system(&address.replace('-', ".")).await,
        None => system(name).await,
    }
}

/// The addresses of a name that may be dialled.
fn allowed(found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, BlockedAddress> {
    let (blocked, allowed): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|address| is_blocked(address.ip()));
    match blocked.first() {
        Some(address) if allowed.is_empty() => Err(BlockedAddress(address.ip())),
        _ => Ok(allowed),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

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
            "64:ff9b::8.8.8.8",
            "64:ff9b:1::8.8.8.8",
            "::ffff:0:192.168.1.1",
            "2002:c0a8:102::1",
            "2001:db8:1::a9fe:a9fe",
        ] {
            check(open, false);
        }
        for blocked in [
            "169.254.169.254",
            "169.254.0.1",
            "fe80::1",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::169.254.169.254",
            "64:ff9b:1:2::a9fe:1",
            "::ffff:0:169.254.169.254",
            "64:ff9b::100.100.100.200",
            "2002:a9fe:a9fe::1",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "fd00:c1::a9fe:a9fe",
            "fd00:ec2::23",
            "fd00:ec2::254",
            "fd20:ce::254",
            "fd00:42::42",
        ] {
            check(blocked, true);
        }
    }

    #[test]
    fn a_host_that_is_an_address_is_checked_without_dns() {
        let check = |text: &'static str, blocked: bool| {
            let request = http::Request::get(text).body(Bytes::new());
            let outgoing = Outgoing::from(request.expect("a request"));
            assert_eq!(outgoing.is_blocked(), blocked, "{text}");
            let url = url::Url::parse(text).expect("an address");
            assert_eq!(
                url.host().and_then(super::blocked).is_some(),
                blocked,
                "{text}"
            );
        };
        check("http://169.254.169.254/latest", true);
        check("http://[fe80::1]/", true);
        check("http://[::ffff:169.254.169.254]:80/", true);
        check("http://[64:ff9b::a9fe:a9fe]/", true);
        for spelling in [
            "http://2852039166/",
            "http://0xa9fea9fe/",
            "http://0xA9.0xfe.0xa9.0xfe/",
            "http://0251.0376.0251.0376/",
            "http://169.254.43518/",
            "http://169.254.169.254./",
        ] {
            check(spelling, true);
        }
        check("http://192.168.1.2/", false);
        check("http://3232235778/", false);
        check("http://metadata.example/", false);
    }

    #[tokio::test]
    async fn a_name_is_judged_by_what_it_resolves_to_when_it_is_dialled() {
        // The system's resolver makes an address of this without asking anybody.
        for (name, blocked) in [("2852039166", true), ("2130706433", false)] {
            let asked = GuardedResolver.resolve(name.parse().expect("a name"));
            let fault = asked.await.err().map(|error| error.to_string());
            let is_told = |fault: String| fault.contains("169.254.169.254 is a link-local");
            assert_eq!(fault.is_some_and(is_told), blocked, "{name}");
        }
        let at = |text: &str| SocketAddr::new(text.parse().expect("an address"), 0);
        let (good, bad) = (at("192.168.1.2"), at("169.254.169.254"));
        assert_eq!(allowed(vec![bad, good]), Ok(vec![good]));
        assert_eq!(allowed(vec![bad]), Err(BlockedAddress(bad.ip())));
        assert_eq!(allowed(vec![]), Ok(vec![]), "nothing is not refused here");
    }
}
