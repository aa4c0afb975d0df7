//! What the server's own tests share: raw requests, and a client that knows how to log in.
#![allow(dead_code)]

use oauthserver::browser::{self, Page};
use oauthserver::{OAuthServer, Settings};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use url::Url;

/// Bound for waits that are expected to succeed.
pub const SOON: Duration = Duration::from_secs(20);
/// A PKCE pair (RFC 7636, appendix B).
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// Nobody listens there; tests that stop before the redirect use it.
pub const REDIRECT: &str = "http://127.0.0.1:9/callback";

pub fn start(settings: Settings) -> OAuthServer {
    OAuthServer::start(settings).unwrap()
}

/// Sends bytes and reads to the end.
pub fn raw(server: &OAuthServer, bytes: &[u8]) -> String {
    let mut stream = connect(server);
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    // A reset after the answer is as good as an end.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

pub fn connect(server: &OAuthServer) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

/// One request with a body; the answer's status and text.
pub fn send(server: &OAuthServer, head: &str, body: &str) -> (u16, String) {
    let length = body.len();
    let text = format!("{head}\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}");
    let answer = raw(server, text.as_bytes());
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    (status.unwrap_or(0), answer)
}

pub fn body(answer: &str) -> Value {
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

pub fn json(page: &Page) -> Value {
    serde_json::from_str(&page.body).unwrap()
}

/// POSTs JSON-RPC to the MCP endpoint.
pub fn call(server: &OAuthServer, token: &str, method: &str) -> (u16, String) {
    let head = format!("POST /mcp HTTP/1.1\r\nAuthorization: Bearer {token}");
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method });
    send(server, &head, &message.to_string())
}

/// Registers a client; status and answer.
pub fn register(server: &OAuthServer, metadata: &Value) -> (u16, Value) {
    let path = Url::parse(&server.registration_endpoint()).unwrap();
    let head = format!("POST {} HTTP/1.1\r\nContent-Type: application/json", path.path());
    let (status, answer) = send(server, &head, &metadata.to_string());
    (status, body(&answer))
}

/// Metadata of a client as MCP wants it.
pub fn native() -> Value {
    json!({
        "client_name": "test",
        "application_type": "native",
        "redirect_uris": ["http://127.0.0.1/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "none",
    })
}

/// Registers a native public client.
pub fn client_id(server: &OAuthServer) -> String {
    let (status, answer) = register(server, &native());
    assert_eq!(status, 201, "{answer}");
    answer["client_id"].as_str().unwrap().to_owned()
}

/// A valid authorization URL, with some parameters changed, added, or (empty value) removed.
pub fn authorization_url(server: &OAuthServer, client: &str, changes: &[(&str, &str)]) -> String {
    let resource = server.resource();
    let valid = [
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", REDIRECT),
        ("state", "st&te"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("resource", &resource),
    ];
    let mut url = Url::parse(&server.authorization_endpoint()).unwrap();
    let kept = valid.iter().filter(|(name, _)| changes.iter().all(|(key, _)| key != name));
    let added = changes.iter().filter(|(_, value)| !value.is_empty());
    url.query_pairs_mut().extend_pairs(kept.chain(added));
    url.into()
}

/// The parameters of the redirect that the authorization endpoint answers with.
pub fn redirect_of(page: &Page) -> Vec<(String, String)> {
    let location = page.header("location").unwrap_or_else(|| panic!("no redirect: {page:?}"));
    Url::parse(location).unwrap().query_pairs().into_owned().collect()
}

pub fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut pairs = pairs.iter();
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// Logs in up to the code.
pub fn code(server: &OAuthServer, client: &str) -> String {
    let page = browser::get(&authorization_url(server, client, &[])).unwrap();
    value(&redirect_of(&page), "code").unwrap().to_owned()
}

/// Redeems a code.
pub fn redeem(server: &OAuthServer, client: &str, code: &str) -> Page {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
        ("client_id", client),
        ("resource", &server.resource()),
    ];
    browser::post_form(&server.token_endpoint(), &form).unwrap()
}

/// Redeems a refresh token of the client `c`.
pub fn refresh(server: &OAuthServer, token: &str) -> Page {
    try_refresh(server, token).unwrap()
}

pub fn try_refresh(server: &OAuthServer, token: &str) -> std::io::Result<Page> {
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token),
        ("client_id", "c"),
        ("resource", &server.resource()),
    ];
    browser::post_form(&server.token_endpoint(), &form)
}
