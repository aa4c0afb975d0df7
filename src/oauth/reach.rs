//! Which hosts one server may send us to (MCP authorization, "server-side request forgery"): a public server
//! must not name hosts of the network that this program runs in.
//!
//! Judged by the host as it is written, after parsing. What a name resolves to is not looked at, and need
//! not be: everything but loopback is https, so an internal address behind a public name would have to show a
//! certificate for that name.

use std::net::{Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

/// From where a host can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// From everywhere.
    Public,
    /// From inside one organisation's or household's network.
    Private,
    /// From the same link, and the addresses where clouds keep their metadata service.
    Link,
    /// From this machine.
    Loopback,
}

/// Whether `server` may name `named` as a place to send requests or the browser to: the same host always,
/// public hosts always, private ones where the server is itself no public one, this machine where the
/// server runs on it, and whatever `allowed` lists (`allowPrivateHosts`, host names without port).
///
/// # Errors
/// Half a sentence that says what kind of host it is.
pub fn may_name(server: &Url, named: &Url, allowed: &[String]) -> Result<(), &'static str> {
    let host = host_of(named);
    if host == host_of(server) || allowed.iter().any(|name| same_host(name, &host)) {
        return Ok(());
    }
    match (reach(named), reach(server)) {
        (Reach::Public, _)
        | (Reach::Private, Reach::Private | Reach::Loopback)
        | (Reach::Loopback, Reach::Loopback) => Ok(()),
        (Reach::Private, _) => Err("a host of a private network"),
        (Reach::Link, _) => Err("a link-local or cloud metadata address"),
        (Reach::Loopback, _) => Err("this machine"),
    }
}

fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// `name` of the configuration, written as a host or with brackets left out, against a parsed host.
fn same_host(name: &str, host: &str) -> bool {
    let name = name.trim().trim_end_matches('.');
    name.eq_ignore_ascii_case(host)
        || host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) == Some(name)
}

fn reach(url: &Url) -> Reach {
    match url.host() {
        Some(Host::Ipv4(address)) => of_ipv4(address),
        Some(Host::Ipv6(address)) => of_ipv6(address),
        Some(Host::Domain(_)) => of_name(&host_of(url)),
        None => Reach::Public,
    }
}

/// Names that mean the same machine or network wherever they are used (RFC 6761, 6762, 8375; ICANN's
/// `internal`), and names without a dot, which only a local resolver can know.
fn of_name(name: &str) -> Reach {
    let below = |zone: &str| name == zone || name.strip_suffix(zone).is_some_and(|rest| rest.ends_with('.'));
    if below("localhost") {
        Reach::Loopback
    } else if name == "metadata.google.internal" {
        Reach::Link
    } else if !name.contains('.') || ["local", "internal", "home.arpa"].iter().any(|zone| below(zone)) {
        Reach::Private
    } else {
        Reach::Public
    }
}

/// The special-purpose registry of IANA (RFC 6890), as far as it matters here. Multicast and reserved ranges
/// are nobody's server and count as link-local.
fn of_ipv4(address: Ipv4Addr) -> Reach {
    match address.octets() {
        [0 | 127, ..] => Reach::Loopback,
        // With the metadata services of most clouds, of Alibaba's and of Oracle's.
        [169, 254, ..] | [100, 100, 100, 200] | [192, 0, 0, _] | [224..=255, ..] => Reach::Link,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] | [198, 18..=19, ..] => {
            Reach::Private
        }
        _ => Reach::Public,
    }
}

fn of_ipv6(address: Ipv6Addr) -> Reach {
    if let Some(inner) = embedded(address) {
        return of_ipv4(inner);
    }
    match address.segments() {
        _ if address.is_loopback() || address.is_unspecified() => Reach::Loopback,
        // The first is Amazon's metadata service.
        [0xfd00, 0x0ec2, ..] | [0xfe80..=0xfebf | 0xff00..=0xffff, ..] => Reach::Link,
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => Reach::Private,
        _ => Reach::Public,
    }
}

/// The IPv4 address inside a mapped (RFC 4291), translated (RFC 6052) or 6to4 (RFC 3056) one.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let octets = address.octets();
    let four =
        |from: usize| Ipv4Addr::new(octets[from], octets[from + 1], octets[from + 2], octets[from + 3]);
    match address.segments() {
        [0x0064, 0xff9b, ..] => Some(four(12)),
        [0x2002, ..] => Some(four(2)),
        _ => address.to_ipv4_mapped(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(server: &str, named: &str, allowed: &[&str]) -> bool {
        let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
        may_name(&Url::parse(server).unwrap(), &Url::parse(named).unwrap(), &allowed).is_ok()
    }

    #[test]
    fn a_public_server_names_public_hosts_only_case_15() {
        for named in
            ["https://idp.example.com/", "https://8.8.8.8/", "https://172.32.0.1/", "https://[2606:4700::1]/"]
        {
            assert!(may("https://mcp.example.com/", named, &[]), "{named}");
        }
        for named in [
            "https://10.0.0.1/",
            "https://172.16.5.5/",
            "https://192.168.1.1/",
            "https://100.64.0.1/",
            "https://169.254.169.254/latest/meta-data",
            "https://100.100.100.200/",
            "https://192.0.0.192/",
            "https://metadata.google.internal./",
            "https://vault.internal/",
            "https://printer.local/",
            "https://intranet/",
            "https://localhost/",
            "https://sso.localhost/",
            "https://127.1/",
            "https://0x7f000001/",
            "https://2130706433/",
            "https://0.0.0.0/",
            "https://[::1]/",
            "https://[::]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[64:ff9b::a9fe:a9fe]/",
            "https://[2002:a00:1::]/",
            "https://[fd00:ec2::254]/",
            "https://[fd12::1]/",
            "https://[fe80::1]/",
            "https://255.255.255.255/",
        ] {
            assert!(!may("https://mcp.example.com/", named, &[]), "{named}");
        }
    }

    #[test]
    fn loopback_may_name_loopback_and_the_private_network_case_15() {
        assert!(may("http://127.0.0.1:1/", "http://localhost:2/", &[]));
        assert!(may("http://localhost:1/", "https://10.0.0.1/", &[]));
        assert!(!may("http://localhost:1/", "https://169.254.169.254/", &[]));
    }

    #[test]
    fn an_intranet_server_names_its_own_network_but_not_this_machine() {
        assert!(may("https://10.0.0.1/", "https://sso.corp.internal/", &[]));
        assert!(!may("https://10.0.0.1/", "http://127.0.0.1/", &[]));
        assert!(may("https://169.254.1.1/", "https://169.254.1.1:8443/", &[]), "the same host");
    }

    #[test]
    fn a_named_host_can_be_allowed_and_no_other_with_it() {
        let allowed = ["sso.corp.internal", "10.0.0.5", "fd12::1"];
        for named in ["https://SSO.corp.internal/", "https://10.0.0.5:8443/", "https://[fd12::1]/"] {
            assert!(may("https://mcp.example.com/", named, &allowed), "{named}");
        }
        for named in ["https://evil.sso.corp.internal/", "https://10.0.0.55/", "https://corp.internal/"] {
            assert!(!may("https://mcp.example.com/", named, &allowed), "{named}");
        }
    }
}
