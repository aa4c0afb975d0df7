//! `src/oauth/reach.rs`: where one server may send us.

use crate::urls::ipv4_host;
use crate::{holds, one_of};
use mcp_credential::oauth::reach::may_name;
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};
use url::Url;

/// Servers of every kind: public, private, link-local, this machine.
const SERVERS: [&str; 6] = [
    "https://mcp.example.com/mcp",
    "https://93.184.216.34/",
    "https://10.1.2.3/",
    "https://wiki.internal/",
    "https://169.254.7.7/",
    "http://localhost:8000/",
];

fn may(server: &str, named: &str) -> bool {
    may_name(&Url::parse(server).unwrap(), &Url::parse(named).unwrap(), &[]).is_ok()
}

/// Whether the whole Internet can reach the address (IANA's registry of special-purpose addresses).
fn is_public(address: Ipv4Addr) -> bool {
    let within = |network: [u8; 4], bits: u32| {
        (address.to_bits() ^ u32::from_be_bytes(network)).checked_shr(32 - bits).unwrap_or_default() == 0
    };
    let special = [
        ([0, 0, 0, 0], 8),
        ([10, 0, 0, 0], 8),
        ([100, 64, 0, 0], 10),
        ([127, 0, 0, 0], 8),
        ([169, 254, 0, 0], 16),
        ([172, 16, 0, 0], 12),
        ([192, 0, 0, 0], 24),
        ([192, 168, 0, 0], 16),
        ([198, 18, 0, 0], 15),
        ([224, 0, 0, 0], 3),
    ];
    !special.into_iter().any(|(network, bits)| within(network, bits))
}

#[test]
fn a_public_server_names_public_addresses_alone_however_they_are_spelled() {
    holds(ipv4_host(), |(address, host)| {
        let url = format!("https://{host}/token");
        assert_eq!(may(SERVERS[0], &url), is_public(address), "{url}");
        assert_eq!(may(SERVERS[1], &url), is_public(address) || host == "93.184.216.34", "{url}");
    });
}

#[test]
fn an_address_inside_an_ipv6_address_is_judged_as_itself() {
    holds((ipv4_host(), 0..3), |((address, _), kind)| {
        let [a, b, c, d] = address.octets().map(u16::from);
        let (high, low) = (a << 8 | b, c << 8 | d);
        let outer = match kind {
            0 => Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, high, low),
            1 => Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            _ => Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
        };
        assert_eq!(may(SERVERS[0], &format!("https://[{outer}]/")), is_public(address), "{outer}");
    });
}

#[test]
fn a_public_server_names_no_ipv6_address_of_a_network_of_ours() {
    let first = one_of([0_u16, 0xfc00, 0xfd00, 0xfdff, 0xfe80, 0xfebf, 0xfec0, 0xff02]);
    holds((first, any::<[u16; 7]>()), |(first, [b, c, d, e, f, g, h])| {
        let rest = if first == 0 { [0, 0, 0, 0, 0, 0, h & 1] } else { [b, c, d, e, f, g, h] };
        let address = Ipv6Addr::new(first, rest[0], rest[1], rest[2], rest[3], rest[4], rest[5], rest[6]);
        assert!(!may(SERVERS[0], &format!("https://[{address}]/")), "{address}");
    });
}

#[test]
fn what_a_public_server_may_name_every_server_may_name_and_each_itself() {
    holds((ipv4_host(), one_of(SERVERS)), |((_, host), server)| {
        let url = format!("https://{host}/");
        assert!(!may(SERVERS[0], &url) || may(server, &url), "{server} and {url}");
        assert!(may(&url, &url) && may(server, server));
    });
}

#[test]
fn an_allowed_host_is_allowed_and_no_other() {
    holds((ipv4_host(), ipv4_host()), |((one, host), (other, _))| {
        let (server, named) =
            (Url::parse(SERVERS[0]).unwrap(), Url::parse(&format!("https://{host}/")).unwrap());
        let as_written = named.host_str().unwrap().to_owned();
        assert_eq!(may_name(&server, &named, &[as_written]), Ok(()));
        if one != other {
            assert_eq!(may_name(&server, &named, &[other.to_string()]).is_ok(), is_public(one), "{named}");
        }
    });
}
