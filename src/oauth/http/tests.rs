//! The client against servers that misbehave below the meaning of HTTP.

use super::*;
use crate::config::Network;
use crate::failure::Code;
use crate::oauth::testing::{
    self, Script, Scripted, Seen, closed_port, hasty, headed, plain, play, read_request,
};
use crate::secret::Secret;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::BufReader;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

const TESTDATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/oauth/testdata");

fn get(http: &Http, url: &str) -> Result<Reply, Transport> {
    http.get(&Url::parse(url).unwrap())
}

fn not_sent(outcome: Result<Reply, Transport>) -> String {
    match outcome {
        Err(fault @ (Transport::NotSent(_) | Transport::Barred { .. })) => fault.to_string(),
        other => panic!("{other:?}"),
    }
}

fn lost(outcome: Result<Reply, Transport>) -> String {
    match outcome {
        Err(Transport::Lost(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

/// An https server for 127.0.0.1 that answers `hello` to one request.
fn https(certificate: &str) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let file = |name: &str| Path::new(TESTDATA).join(name);
    let chain = vec![CertificateDer::from_pem_file(file(certificate)).unwrap()];
    let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut tls = BufReader::new(StreamOwned::new(ServerConnection::new(config).unwrap(), stream));
        if read_request(&mut tls).is_some() {
            let _ = play(tls.get_mut(), plain(200, "text/plain", "hello"));
        }
    });
    address
}

fn trusting(bundle: PathBuf) -> Outcome<Http> {
    Http::new(&Network { ca_bundle: Some(bundle), ..Network::default() }, Limits::PLAIN)
}

#[test]
fn a_plain_get_says_who_asks_and_asks_for_json_only() {
    let server = Scripted::always(200, "application/json", "{}");
    let reply = get(testing::http(), &server.url("/x?y=1")).unwrap();
    assert_eq!((reply.status, reply.text().as_str()), (200, "{}"));
    let seen: &Seen = &server.seen()[0];
    assert_eq!(seen.target, "/x?y=1");
    assert_eq!(seen.header("user-agent"), Some(concat!("mcp-credential/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(seen.header("accept"), Some("application/json"));
    assert_eq!(seen.header("accept-encoding"), Some("identity"), "nothing is unpacked");
    for absent in ["referer", "cookie", "authorization"] {
        assert_eq!(seen.header(absent), None, "{absent}");
    }
}

#[test]
fn cookies_are_not_kept_and_redirects_come_back_as_they_are_case_19() {
    let other = Scripted::always(200, "text/plain", "");
    let target = other.url("/elsewhere");
    let server = Scripted::start(move |_, seen| match seen.target.as_str() {
        "/cookie" => headed(200, "Set-Cookie", "session=1; Path=/"),
        _ => headed(307, "Location", &target),
    });
    let http = testing::http();
    get(http, &server.url("/cookie")).unwrap();
    assert_eq!(get(http, &server.url("/redirect")).unwrap().status, 307);
    assert_eq!(server.seen()[1].header("cookie"), None);
    assert!(other.seen().is_empty());
}

#[test]
fn a_refused_connection_and_an_unknown_host_were_not_sent() {
    let http = testing::http();
    let reason = not_sent(get(http, &format!("http://127.0.0.1:{}/?secret=1", closed_port())));
    assert_eq!(reason, "it refused the connection");
    // A label longer than 63 characters is refused by the resolver itself, without a query.
    let reason = not_sent(get(http, &format!("http://{}.invalid/", "x".repeat(64))));
    assert_eq!(reason, "its host name could not be resolved");
}

#[test]
fn a_connection_that_breaks_after_the_request_was_lost_case_51() {
    for raw in ["", "HTTP/1.1 2", "SSH-2.0-x\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"] {
        let server = Scripted::start(move |_, _| Script::Raw(raw.into()));
        lost(get(testing::http(), &server.url("/")));
        assert_eq!(server.seen().len(), 1, "sent once: {raw:?}");
    }
}

#[test]
fn silence_and_dripping_end_at_the_limit_case_21() {
    let silent = Scripted::start(|_, _| Script::Silence);
    let dripping = Scripted::start(|_, _| Script::Drip);
    let http = hasty();
    assert_eq!(lost(get(&http, &silent.url("/"))), "no answer came in time");
    assert!(lost(get(&http, &dripping.url("/"))).contains("time was over"));
}

#[test]
fn a_flood_is_read_up_to_the_cap_and_no_further_case_17() {
    let server = Scripted::start(|_, _| Script::Flood);
    let outcome = get(testing::http(), &server.url("/"));
    let Err(Transport::TooLarge(reply)) = outcome else { panic!("{outcome:?}") };
    assert_eq!((reply.status, reply.body.len()), (200, 0));
}

#[test]
fn a_body_of_exactly_the_cap_is_read_and_one_byte_more_is_not() {
    let server =
        Scripted::start(|_, seen| plain(200, "text/plain", &"x".repeat(seen.target[1..].parse().unwrap())));
    let http = testing::http();
    let ask = |length: usize| {
        let request = oauth2::http::Request::get(server.url(&format!("/{length}"))).body(Vec::new()).unwrap();
        http.send(request, 100)
    };
    assert_eq!(ask(100).unwrap().body.len(), 100);
    assert!(matches!(ask(101), Err(Transport::TooLarge(_))));
}

#[test]
fn an_endless_stream_gives_its_head_at_once() {
    let server = Scripted::start(|_, _| Script::Drip);
    let request = oauth2::http::Request::get(server.url("/")).body(Vec::new()).unwrap();
    let reply = testing::http().send_for_head(request).unwrap();
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
}

#[test]
fn an_unknown_authority_is_refused_with_its_reason_case_20() {
    let reason = not_sent(get(testing::http(), &format!("https://{}/", https("server.pem"))));
    assert!(reason.contains("authority that is not trusted") && reason.contains("caBundle"), "{reason}");
}

#[test]
fn an_authority_of_the_bundle_is_trusted_besides_those_of_the_system() {
    let http = trusting(Path::new(TESTDATA).join("authority.pem")).unwrap();
    let reply = get(&http, &format!("https://{}/", https("server.pem"))).unwrap();
    assert_eq!(reply.text().as_str(), "hello");
}

#[test]
fn an_expired_certificate_and_one_of_another_host_are_named_case_20() {
    let http = trusting(Path::new(TESTDATA).join("authority.pem")).unwrap();
    let reason = not_sent(get(&http, &format!("https://{}/", https("expired.pem"))));
    assert!(reason.contains("has expired"), "{reason}");
    let reason = not_sent(get(&http, &format!("https://localhost:{}/", https("server.pem").port())));
    assert!(reason.contains("another host name"), "{reason}");
}

/// What a server that shows this certificate comes to, with this file of authorities.
fn shown(certificate: &str, authorities: Option<&str>) -> Result<Reply, Transport> {
    let url = format!("https://{}/", https(certificate));
    match authorities {
        Some(file) => get(&trusting(Path::new(TESTDATA).join(file)).unwrap(), &url),
        None => get(testing::http(), &url),
    }
}

#[test]
fn a_certificate_of_any_other_fault_is_refused_in_plain_words_case_20() {
    for (certificate, authorities, says) in [
        ("self-ca.pem", None, "CA:TRUE"),
        ("self-ca.pem", Some("self-ca.pem"), "CA:TRUE"),
        ("self-sha1.pem", Some("self-sha1.pem"), "SHA-256"),
        ("self-client.pem", Some("self-client.pem"), "serverAuth"),
        ("self.pem", None, "set `defaults.caBundle`"),
        ("self.pem", Some("authority.pem"), "beside what is there"),
    ] {
        let reason = not_sent(shown(certificate, authorities));
        assert!(
            reason.starts_with("its TLS certificate") && reason.contains(says),
            "{certificate}: {reason}"
        );
        let debugged = ["Error", "Context", "{", "[", "EndEntity"].iter().any(|text| reason.contains(text));
        assert!(!debugged, "{certificate}: {reason}");
    }
}

#[test]
fn a_certificate_as_the_advice_has_it_made_works_from_the_bundle() {
    assert_eq!(shown("self.pem", Some("self.pem")).unwrap().text().as_str(), "hello");
}

#[test]
fn a_server_that_speaks_no_tls_was_not_sent_anything_case_20() {
    let server = Scripted::always(200, "text/plain", "hello");
    let reason = not_sent(get(testing::http(), &server.url("/").replace("http:", "https:")));
    assert!(reason.contains("TLS"), "{reason}");
}

#[test]
fn a_bad_bundle_is_a_fault_of_the_configuration_that_names_the_key() {
    let damaged = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    for bad in ["/nowhere/ca.pem", "/", damaged, &format!("{TESTDATA}/server.key")] {
        let failure = trusting(PathBuf::from(bad)).unwrap_err();
        assert_eq!(failure.code, Code::ConfigInvalid, "{bad}");
        assert!(failure.message.contains("`caBundle`") && failure.message.contains(bad), "{failure}");
    }
    let network = Network {
        ca_bundle: Some("/nowhere/ca.pem".into()),
        ca_bundle_source: Some("`SSL_CERT_FILE` of the environment".to_owned()),
        ..Network::default()
    };
    let failure = Http::new(&network, Limits::PLAIN).unwrap_err();
    let starts = "`SSL_CERT_FILE` of the environment, /nowhere/ca.pem, cannot be read";
    assert!(failure.message.starts_with(starts), "{failure}");
}

#[test]
fn a_bad_proxy_is_a_fault_of_the_configuration_that_shows_no_password() {
    for bad in ["socks5://u:CANARY@127.0.0.1:1", "http://u:CANARY@", "http://u:CANARY@[::", "://CANARY"] {
        let network = Network { proxy: Some(Secret::new(bad)), ..Network::default() };
        let failure = Http::new(&network, Limits::PLAIN).unwrap_err();
        assert_eq!(failure.code, Code::ConfigInvalid, "{bad}");
        assert!(failure.message.contains("`proxy`") && !failure.message.contains("CANARY"), "{failure}");
    }
}

fn behind(proxy: &str) -> Http {
    let source = Some("`HTTPS_PROXY` of the environment".to_owned());
    let network = Network { proxy: Some(Secret::new(proxy)), proxy_source: source, ..Network::default() };
    Http::new(&network, Limits::PLAIN).unwrap()
}

#[test]
fn a_proxy_that_is_not_there_or_does_not_lead_on_is_named_without_its_password() {
    let dead = format!("127.0.0.1:{}", closed_port());
    let reason = not_sent(get(&behind(&format!("http://user:CANARY@{dead}")), "https://mcp.invalid/"));
    let expected = format!(
        "the proxy http://{dead} refused the connection; check `HTTPS_PROXY` of the environment, and whether that \
         proxy runs"
    );
    assert_eq!(reason, expected);
    for (status, says) in [(407, "wants a user and a password"), (403, "did not lead to that server")] {
        let proxy = Scripted::start(move |_, _| headed(status, "X", "y"));
        let reason = not_sent(get(&behind(&proxy.url("")), "https://mcp.invalid/"));
        assert!(reason.contains(says) && reason.contains("`HTTPS_PROXY`"), "{reason}");
    }
    let plain = Scripted::always(200, "text/plain", "hello");
    let reason = not_sent(get(&behind(&plain.url("").replace("http:", "https:")), "https://mcp.invalid/"));
    assert!(reason.starts_with("the proxy https://") && reason.contains("TLS"), "{reason}");
}

/// What a proxy on loopback is asked to connect to when `host` is asked for.
fn asked_of_the_proxy(no_proxy: Option<&str>, host: &str) -> Vec<Seen> {
    let proxy = Scripted::start(|_, _| headed(502, "X", "y"));
    let network = Network {
        proxy: Some(Secret::new(proxy.url("").replace("http://", "http://user:p%40ss@"))),
        no_proxy: no_proxy.map(str::to_owned),
        ..Network::default()
    };
    let http = Http::new(&network, Limits::PLAIN).unwrap();
    not_sent(get(&http, &format!("https://{host}/path?query=1")));
    proxy.seen()
}

#[test]
fn the_proxy_carries_every_host_but_loopback_and_the_listed_ones() {
    let seen = asked_of_the_proxy(None, "idp.invalid");
    assert_eq!((seen[0].method.as_str(), seen[0].target.as_str()), ("CONNECT", "idp.invalid:443"));
    assert_eq!(seen[0].header("proxy-authorization"), Some("Basic dXNlcjpwQHNz"));
    assert_eq!(asked_of_the_proxy(Some("other.invalid"), "idp.invalid").len(), 1);
    assert_eq!(asked_of_the_proxy(Some("other.invalid, *.corp.invalid"), "idp.corp.invalid").len(), 0);
    assert_eq!(asked_of_the_proxy(Some("*"), "idp.invalid").len(), 0);
    for direct in ["localhost", "localhost.", "127.0.0.1", "127.1.2.3", "[::1]", "[::ffff:127.0.0.1]"] {
        assert_eq!(asked_of_the_proxy(None, &format!("{direct}:{}", closed_port())).len(), 0, "{direct}");
    }
}

#[test]
fn nothing_of_a_body_shows_in_debug() {
    let server = Scripted::always(200, "application/json", "CANARY");
    let reply = get(testing::http(), &server.url("/")).unwrap();
    assert_eq!(format!("{reply:?}"), "Reply { status: 200, body: 6 bytes }");
}

#[test]
fn loopback_is_reached_whatever_the_environment_says() {
    let reason = not_sent(get(testing::http(), &format!("https://127.0.0.1:{}/", closed_port())));
    assert_eq!(reason, "it refused the connection");
}

#[test]
fn the_environment_sets_no_proxy() {
    let proxy = Scripted::start(|_, _| headed(502, "X", "y"));
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "oauth::http::tests::loopback_is_reached_whatever_the_environment_says"]);
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        child.env(name, proxy.url(""));
    }
    child.env_remove("NO_PROXY").env_remove("no_proxy");
    let output = child.output().unwrap();
    assert!(
        output.status.success() && String::from_utf8_lossy(&output.stdout).contains("1 passed"),
        "{output:?}"
    );
    assert!(proxy.seen().is_empty());
}

#[test]
fn every_request_has_a_connection_of_its_own() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (count, connections) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut connection = BufReader::new(stream.unwrap());
            let count = count.clone();
            thread::spawn(move || {
                let _ = count.send(());
                // A server that would gladly keep the connection.
                while read_request(&mut connection).is_some() {
                    let _ = std::io::Write::write_all(
                        connection.get_mut(),
                        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                    );
                }
            });
        }
    });
    let http = testing::http();
    for _ in 0..3 {
        assert_eq!(get(http, &url).unwrap().status, 200);
    }
    assert_eq!(connections.try_iter().count(), 3);
}
