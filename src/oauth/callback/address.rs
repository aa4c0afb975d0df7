//! From the `callback…` settings to the addresses that are listened on and the redirect URI that is announced.
//!
//! Owns the rules of RFC 8252, section 7.3 (loopback redirects) for this program. It opens the sockets; what
//! comes in through them is `listener`'s.

use crate::config::Callback;
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::url::{endpoint, is_loopback};
use crate::text::one_line;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use url::Url;

/// The path of a redirect URI that is not configured.
pub(super) const PATH: &str = "/callback";

/// The redirect URIs that a login may announce without a configured one: every loopback host, at `port`, or
/// without a port, which stands for any (RFC 8252, section 7.3).
#[must_use]
pub fn default_redirect_uris(port: Option<u16>) -> Vec<String> {
    let port = port.map_or_else(String::new, |port| format!(":{port}"));
    ["127.0.0.1", "[::1]", "localhost"].map(|host| format!("http://{host}{port}{PATH}")).into()
}

/// The first of the upper ports for private use: Linux gives none of them to the connections that go out, so
/// that a later login can listen there.
const FIRST_PRIVATE_PORT: u16 = 0xf000;
/// How often another random port is tried when the two families of `localhost` cannot have the same one.
const TRIES: u32 = 16;

/// Where to listen.
#[derive(Debug)]
pub(super) struct Plan {
    addresses: Vec<IpAddr>,
    port: u16,
    /// The configured redirect URI, byte for byte and parsed.
    redirect: Option<(String, Url)>,
}

/// Why there is no listener.
#[derive(Debug)]
pub(super) struct BindError {
    address: SocketAddr,
    error: io::Error,
}

impl Plan {
    /// # Errors
    /// `config_invalid`, naming the setting.
    pub(super) fn of(callback: &Callback) -> Outcome<Self> {
        let redirect = callback.redirect_uri.as_deref().map(redirect).transpose()?;
        let addresses = addresses(callback, redirect.as_ref())?;
        let port = match &redirect {
            // Nothing listens, so it does not matter what it leads through.
            Some((_, url)) if callback.pasted => url.port_or_known_default().unwrap_or_default(),
            Some((_, url)) if callback.port == 0 => port_of(url)?,
            _ => callback.port,
        };
        Ok(Self { addresses, port, redirect })
    }

    /// The same plan with any free port, unless a configured redirect URI fixes it.
    pub(super) fn with_any_port(self) -> Option<Self> {
        (self.redirect.is_none() && self.port != 0).then_some(Self { port: 0, ..self })
    }

    /// The port of the redirect URI where nothing listens: the fixed one, or any of those for private use
    /// (RFC 6335, section 6).
    pub(super) fn unheard_port(&self) -> Outcome<u16> {
        let mut random = [0_u8; 2];
        getrandom::fill(&mut random).map_err(|error| {
            Failure::new(Code::Internal, format!("the system gives no random numbers ({error}); try again"))
        })?;
        Ok(if self.port == 0 { FIRST_PRIVATE_PORT | u16::from_ne_bytes(random) } else { self.port })
    }

    /// Binds every address, all on one port.
    pub(super) fn bind(&self) -> Result<Vec<TcpListener>, BindError> {
        let mut bound = self.bind_once();
        for _ in 1..TRIES {
            match &bound {
                Err(failed) if failed.is_taken() && self.port == 0 => bound = self.bind_once(),
                _ => break,
            }
        }
        bound
    }

    /// `localhost` may lack one of its families, but no other program may hold it on our port: a browser
    /// could take the code there.
    fn bind_once(&self) -> Result<Vec<TcpListener>, BindError> {
        let (mut sockets, mut failed, mut port) = (Vec::new(), None, self.port);
        for address in &self.addresses {
            match bind(SocketAddr::new(*address, port)) {
                Ok((socket, bound)) => {
                    port = bound;
                    sockets.push(socket);
                }
                Err(error) if error.is_taken() => return Err(error),
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            Some(error) if sockets.is_empty() => Err(error),
            _ => Ok(sockets),
        }
    }

    /// The redirect URI for a listener on `port`.
    pub(super) fn redirect_uri(&self, port: u16) -> String {
        match &self.redirect {
            Some((text, _)) => text.clone(),
            None => format!("http://{}{PATH}", authority(&self.announced_host(), port)),
        }
    }

    /// The redirect URI, where it is known before anything listens.
    pub(super) fn fixed_redirect_uri(&self) -> Outcome<String> {
        if self.port == 0 && self.redirect.is_none() {
            let what = "the redirect URI is not fixed; set `callbackPort` or `redirectUri`";
            return Err(Failure::new(Code::ConfigInvalid, what));
        }
        Ok(self.redirect_uri(self.port))
    }

    /// The loopback port that the browser goes to when `port` is listened on, if it goes to loopback.
    pub(super) fn browser_port(&self, port: u16) -> Option<u16> {
        match &self.redirect {
            None => Some(port),
            Some((_, url)) => port_of(url).ok(),
        }
    }

    /// The path at which the answer comes back.
    pub(super) fn path(&self) -> &str {
        self.redirect.as_ref().map_or(PATH, |(_, url)| url.path())
    }

    /// The values of `Host` that are ours when `port` is listened on. `localhost` counts for either
    /// loopback family: some servers rewrite one into the other, and no resolver sends it elsewhere.
    pub(super) fn hosts(&self, port: u16) -> Vec<String> {
        let mut names = vec![self.announced_host()];
        names.extend(self.addresses.iter().filter(|address| !address.is_unspecified()).map(host_of));
        if self.addresses.iter().any(|address| address.is_loopback() || address.is_unspecified()) {
            names.push("localhost".to_owned());
        }
        names.dedup();
        let mut hosts: Vec<String> = names.iter().flat_map(|name| host_values(name, port, 80)).collect();
        if let Some((_, url)) = &self.redirect {
            let default = if url.scheme() == "https" { 443 } else { 80 };
            let name = url.host_str().unwrap_or_default();
            hosts.extend(host_values(name, url.port().unwrap_or(default), default));
        }
        hosts
    }

    fn announced_host(&self) -> String {
        match self.addresses.as_slice() {
            [one] if one.is_unspecified() => "127.0.0.1".to_owned(),
            [one] => host_of(one),
            _ => "localhost".to_owned(),
        }
    }
}

impl BindError {
    /// Whether another program listens there.
    pub(super) fn is_taken(&self) -> bool {
        self.error.kind() == io::ErrorKind::AddrInUse
    }

    pub(super) fn failure(self) -> Failure {
        let Self { address, error } = self;
        if error.kind() == io::ErrorKind::AddrInUse {
            let next = "end that login or program, or set `callbackPort` to another port whose redirect URI \
                        the client is registered with (0 takes any free one)";
            let what = format!("the callback port is taken: something else listens on {address}; {next}");
            return Failure::new(Code::Unavailable, what);
        }
        let next = "check `callbackHost`, `callbackPort` and `redirectUri`";
        Failure::new(
            Code::ConfigInvalid,
            format!("cannot listen on {address} for the login ({error}); {next}"),
        )
    }
}

fn bind(address: SocketAddr) -> Result<(TcpListener, u16), BindError> {
    let open = || {
        let socket = TcpListener::bind(address)?;
        socket.set_nonblocking(true)?;
        let port = socket.local_addr()?.port();
        Ok((socket, port))
    };
    open().map_err(|error| BindError { address, error })
}

fn redirect(text: &str) -> Outcome<(String, Url)> {
    let wrong = |why: &str| {
        let what = format!("`redirectUri` `{}` cannot be used: {why}", one_line(text));
        Failure::new(Code::ConfigInvalid, what)
    };
    let url = endpoint(text).map_err(|why| wrong(&why))?;
    if url.fragment().is_some() {
        return Err(wrong("it has a fragment (`#…`), which RFC 6749, section 3.1.2, forbids"));
    }
    Ok((text.to_owned(), url))
}

/// The port that a configured redirect URI leads to, where that is this machine itself.
fn port_of(url: &Url) -> Outcome<u16> {
    if is_loopback(url) && url.scheme() == "http" {
        return Ok(url.port().unwrap_or(80));
    }
    let what = "`redirectUri` leads through something else than this program (another host, or TLS); \
                set `callbackPort` to the port that it forwards to";
    Err(Failure::new(Code::ConfigInvalid, what))
}

/// A configured redirect URI to loopback says itself which family the browser will try.
fn addresses(callback: &Callback, redirect: Option<&(String, Url)>) -> Outcome<Vec<IpAddr>> {
    let configured = addresses_of(&callback.host);
    let on_loopback = configured.as_ref().is_some_and(|all| all.iter().all(IpAddr::is_loopback));
    if !on_loopback && !callback.allow_remote {
        let what = format!(
            "`callbackHost` `{}` is not a loopback host; use 127.0.0.1, ::1 or localhost, or set \
             `callbackAllowRemote` to let other machines reach the login",
            one_line(&callback.host)
        );
        return Err(Failure::new(Code::ConfigInvalid, what));
    }
    let announced = redirect.filter(|(_, url)| on_loopback && is_loopback(url));
    let addresses = announced.and_then(|(_, url)| addresses_of(url.host_str()?)).or(configured);
    addresses.ok_or_else(|| {
        let what =
            format!("`callbackHost` `{}` is no IP address and not localhost", one_line(&callback.host));
        Failure::new(Code::ConfigInvalid, what)
    })
}

/// IPv4 first: it is what most registrations name.
fn addresses_of(host: &str) -> Option<Vec<IpAddr>> {
    if host.strip_suffix('.').unwrap_or(host).eq_ignore_ascii_case("localhost") {
        return Some(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok().map(|address| vec![address])
}

fn host_of(address: &IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    }
}

fn authority(host: &str, port: u16) -> String {
    format!("{host}:{port}")
}

/// A browser leaves the scheme's own port out of `Host`.
fn host_values(host: &str, port: u16, default: u16) -> Vec<String> {
    let mut values = vec![authority(host, port)];
    if port == default {
        values.push(host.to_owned());
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callback(host: &str, port: u16, redirect_uri: Option<&str>) -> Callback {
        Callback {
            host: host.to_owned(),
            port,
            redirect_uri: redirect_uri.map(str::to_owned),
            ..Callback::default()
        }
    }

    fn plan(host: &str, port: u16, redirect_uri: Option<&str>) -> Plan {
        Plan::of(&callback(host, port, redirect_uri)).unwrap()
    }

    #[test]
    fn the_redirect_uri_says_the_host_that_is_configured() {
        for (host, uri) in [
            ("127.0.0.1", "http://127.0.0.1:7/callback"),
            ("::1", "http://[::1]:7/callback"),
            ("[::1]", "http://[::1]:7/callback"),
            ("localhost", "http://localhost:7/callback"),
        ] {
            assert_eq!(plan(host, 0, None).redirect_uri(7), uri);
        }
    }

    #[test]
    fn case_36_only_loopback_is_listened_on_unless_it_is_allowed() {
        for host in ["0.0.0.0", "::", "192.0.2.1", "example.com", "localhost.example.com", ""] {
            let failure = Plan::of(&callback(host, 0, None)).unwrap_err();
            assert_eq!(failure.code, Code::ConfigInvalid);
            assert!(failure.message.contains("callbackAllowRemote"), "{failure}");
        }
        let allowed = Callback { allow_remote: true, ..callback("0.0.0.0", 5, None) };
        assert_eq!(Plan::of(&allowed).unwrap().redirect_uri(5), "http://127.0.0.1:5/callback");
        let unknown = Callback { allow_remote: true, ..callback("example.com", 5, None) };
        assert_eq!(Plan::of(&unknown).unwrap_err().code, Code::ConfigInvalid);
    }

    #[test]
    fn case_33_the_hosts_that_are_ours_follow_the_configured_host() {
        assert_eq!(plan("127.0.0.1", 0, None).hosts(7), ["127.0.0.1:7", "localhost:7"]);
        let both = plan("localhost", 0, None).hosts(7);
        assert!(
            ["localhost:7", "127.0.0.1:7", "[::1]:7"].iter().all(|host| both.contains(&(*host).to_owned()))
        );
        assert!(plan("::1", 80, None).hosts(80).contains(&"[::1]".to_owned()));
        assert!(!plan("::1", 7, None).hosts(7).contains(&"[::1]".to_owned()));
    }

    #[test]
    fn a_configured_redirect_uri_is_announced_byte_for_byte_and_fixes_path_and_port() {
        let plan = plan("127.0.0.1", 0, Some("http://LOCALHOST:53682/OAuth/back?x=1"));
        assert_eq!(plan.redirect_uri(1), "http://LOCALHOST:53682/OAuth/back?x=1");
        assert_eq!((plan.port, plan.path()), (53682, "/OAuth/back"));
        assert_eq!(plan.addresses.len(), 2, "localhost is both families");
        assert!(plan.hosts(53682).contains(&"localhost:53682".to_owned()));
        assert!(plan.with_any_port().is_none());
    }

    #[test]
    fn a_redirect_uri_that_leads_elsewhere_needs_the_port_to_listen_on() {
        let uri = "https://login.example.com/back";
        let failure = Plan::of(&callback("127.0.0.1", 0, Some(uri))).unwrap_err();
        assert!(failure.message.contains("callbackPort"), "{failure}");
        let plan = plan("127.0.0.1", 9000, Some(uri));
        assert_eq!((plan.port, plan.path()), (9000, "/back"));
        assert!(plan.addresses.iter().all(IpAddr::is_loopback));
        assert!(plan.hosts(9000).contains(&"login.example.com".to_owned()));
    }

    #[test]
    fn a_redirect_uri_that_no_server_may_use_is_refused() {
        for uri in ["http://a.example/x", "http://127.0.0.1:1/x#y", "myapp:/x", "/x", "http://u@127.0.0.1:1/"]
        {
            let failure = Plan::of(&callback("127.0.0.1", 0, Some(uri))).unwrap_err();
            assert!(failure.message.contains("redirectUri"), "{failure}");
        }
    }

    #[test]
    fn case_37_a_taken_port_is_named_with_the_setting_and_another_one_is_tried_where_allowed() {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = other.local_addr().unwrap().port();
        let plan = plan("127.0.0.1", port, None);
        let taken = plan.bind().unwrap_err();
        assert!(taken.is_taken());
        let failure = taken.failure();
        assert!(failure.message.contains("callbackPort") && failure.message.contains(&port.to_string()));
        let sockets = plan.with_any_port().unwrap().bind().unwrap();
        assert_ne!(sockets[0].local_addr().unwrap().port(), port);
    }

    #[test]
    fn localhost_listens_on_one_port_of_every_family_there_is() {
        let sockets = plan("localhost", 0, None).bind().unwrap();
        let ports: Vec<u16> = sockets.iter().map(|socket| socket.local_addr().unwrap().port()).collect();
        assert!(ports.iter().all(|port| *port == ports[0]), "{ports:?}");
        let families = 1 + usize::from(TcpListener::bind("[::1]:0").is_ok());
        assert_eq!(sockets.len(), families);
    }

    #[test]
    fn localhost_is_taken_when_another_program_holds_one_of_its_families() {
        let others: Vec<_> =
            ["127.0.0.1:0", "[::1]:0"].map(TcpListener::bind).into_iter().flatten().collect();
        assert!(!others.is_empty());
        for other in others {
            let port = other.local_addr().unwrap().port();
            assert!(plan("localhost", port, None).bind().unwrap_err().is_taken(), "{other:?}");
        }
    }
}
