//! Which URLs may be used, whatever text they come as.

use mcp_credential::oauth::url::{endpoint, is_loopback, same_server, server_url};
use url::{Host, Url};

/// What is accepted is safe to send a request to, and canonical where it names a server.
pub fn any(text: &str) {
    if let Ok(url) = endpoint(text) {
        usable(&url);
    }
    if let Ok(server) = server_url(text) {
        canonical(text, &server);
    }
    if let Ok(url) = Url::parse(text) {
        assert_eq!(is_loopback(&url), denotes_this_machine(&url), "{url}");
    }
}

/// https, or http to this machine; a host; nobody's name and password.
pub fn usable(url: &Url) {
    assert!(url.scheme() == "https" || (url.scheme() == "http" && denotes_this_machine(url)), "{url}");
    assert!(url.has_host() && !url.host_str().unwrap_or_default().is_empty(), "{url} has no host");
    assert!(url.username().is_empty() && url.password().is_none(), "{url} carries user information");
    assert!(!url.authority().contains('@'), "{url} carries user information");
}

fn canonical(text: &str, server: &str) {
    assert_eq!(server_url(server).as_deref(), Ok(server), "canonical twice is canonical once");
    assert!(same_server(text, server) && same_server(server, text) && same_server(server, server));
    let (written, made) = (Url::parse(text).unwrap(), Url::parse(server).unwrap());
    assert!(made.fragment().is_none());
    assert_eq!((written.path(), written.query()), (made.path(), made.query()));
}

/// The host as an address, and what the registry of special-purpose addresses says of it.
pub fn denotes_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name == "localhost.",
        Some(Host::Ipv4(address)) => address.octets()[0] == 127,
        Some(Host::Ipv6(address)) => {
            let bits = address.to_bits();
            bits == 1 || (bits >> 32 == 0xffff && (bits >> 24) & 0xff == 127)
        }
        None => false,
    }
}
