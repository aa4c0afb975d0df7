//! Discovery in a world where every answer is hostile: what it believes, and where it goes.

use super::shown;
use super::token_answer::reply;
use mcp_credential::config::Server;
use mcp_credential::oauth::discovery::{Discovered, Web, discover};
use mcp_credential::oauth::http::{Reply, Transport};
use mcp_credential::oauth::reach::may_name;
use mcp_credential::oauth::url::{endpoint, origin};
use serde_json::{Map, Value};
use std::cell::RefCell;
use url::Url;

/// The most requests that one discovery makes: the resource metadata at four places, and three places for
/// each of four authorization servers.
const MOST: usize = 16;

/// Answers in the order in which they are asked for; beyond them there is nothing.
pub struct World {
    /// Status and `WWW-Authenticate` of the answer to the first request.
    pub ping: (u16, String),
    /// Status and body of each document.
    pub documents: Vec<(u16, Vec<u8>)>,
    seen: RefCell<Vec<Url>>,
}

impl World {
    /// A world with these answers.
    pub fn new(ping: (u16, String), documents: Vec<(u16, Vec<u8>)>) -> Self {
        Self { ping, documents, seen: RefCell::default() }
    }

    /// The JSON objects that were served.
    fn served(&self) -> Vec<Map<String, Value>> {
        let read = self.documents.iter().take(self.seen.borrow().len()).filter(|(status, _)| *status == 200);
        let text = |body: &[u8]| String::from_utf8_lossy(body).trim_start_matches('\u{feff}').to_owned();
        read.filter_map(|(_, body)| serde_json::from_str(&text(body)).ok()).collect()
    }
}

impl World {
    /// Whether every place that was asked for said that nothing is there.
    fn has_nothing(&self) -> bool {
        self.documents.iter().take(self.seen.borrow().len()).all(|(status, body)| {
            let text = String::from_utf8_lossy(body).into_owned();
            let text = text.trim_start_matches('\u{feff}').trim_start();
            matches!(status, 404 | 405 | 410) || (*status == 200 && !text.starts_with(['{', '[']))
        })
    }
}

impl Web for World {
    fn ping(&self, _: &Url) -> Result<Reply, Transport> {
        let mut answer = reply(self.ping.0, "", b"");
        if let Ok(challenge) = self.ping.1.parse() {
            answer.headers.insert("www-authenticate", challenge);
        }
        Ok(answer)
    }

    fn document(&self, place: &Url) -> Result<Reply, Transport> {
        self.seen.borrow_mut().push(place.clone());
        let answer = self.documents.get(self.seen.borrow().len() - 1);
        Ok(answer.map_or_else(|| reply(404, "", b""), |(status, body)| reply(*status, "", body)))
    }
}

/// The law for the server at `url` in any world. It tells what was found.
pub fn any(url: &str, world: &World) -> Option<Discovered> {
    let server = Server { name: "demo".into(), url: url.into(), discovery: true, ..Server::default() };
    let outcome = discover(world, &server, None);
    let url = Url::parse(url).unwrap();
    let seen = world.seen.borrow();
    assert!(seen.len() <= MOST, "{} requests", seen.len());
    seen.iter().for_each(|place| reachable(&url, place));
    match outcome {
        Ok(found) => {
            sound(&url, world, &found);
            Some(found)
        }
        Err(failure) => {
            shown::message(&failure);
            None
        }
    }
}

/// Whether the server may send us to `place`.
fn reachable(server: &Url, place: &Url) {
    super::url::usable(place);
    assert_eq!(may_name(server, place, &[]), Ok(()), "{server} sent us to {place}");
}

fn sound(server: &Url, world: &World, found: &Discovered) {
    let token_endpoint = Some(found.token_endpoint.clone());
    let endpoints = [
        ("authorization_endpoint", &found.authorization_endpoint),
        ("token_endpoint", &token_endpoint),
        ("registration_endpoint", &found.registration_endpoint),
        ("revocation_endpoint", &found.revocation_endpoint),
    ];
    for endpoint_url in endpoints.iter().filter_map(|(_, text)| text.as_ref()) {
        let url = endpoint(endpoint_url).unwrap();
        assert!(url.fragment().is_none());
        reachable(server, &url);
    }
    let documents = world.served();
    let text = |document: &Map<String, Value>, name: &str| {
        document.get(name).and_then(Value::as_str).map(str::to_owned)
    };
    match &found.issuer {
        // The fixed places of MCP 2025-03-26: at the server itself.
        None => {
            assert!(world.has_nothing(), "endpoints are guessed although a place said something");
            assert!(
                endpoints
                    .iter()
                    .filter_map(|(_, text)| text.as_ref())
                    .all(|text| { origin(&Url::parse(text).unwrap()) == origin(server) })
            );
        }
        Some(issuer) => {
            let is_source = |document: &&Map<String, Value>| {
                text(document, "issuer").as_ref() == Some(issuer)
                    && endpoints.iter().all(|(name, url)| text(document, name) == **url)
                    && list(document, "code_challenge_methods_supported").contains(&"S256".to_owned())
            };
            assert!(
                documents.iter().any(|document| is_source(&document)),
                "all endpoints are of one document"
            );
            let own = [origin(server), origin(server) + "/"];
            let named =
                documents.iter().any(|document| list(document, "authorization_servers").contains(issuer));
            assert!(named || own.contains(issuer), "nobody named {issuer}");
        }
    }
    resource(server, &documents, found);
}

/// The resource is the server's URL, or as published and over it.
fn resource(server: &Url, documents: &[Map<String, Value>], found: &Discovered) {
    let resource = found.resource.as_deref().unwrap();
    let url = Url::parse(resource).unwrap();
    let published = documents.iter().any(|document| document.get("resource") == Some(&Value::from(resource)));
    assert!(published || url == *server, "{resource} was not published");
    assert_eq!(origin(&url), origin(server));
    assert!(
        server.path().starts_with(url.path().trim_end_matches('/')),
        "{resource} does not cover {server}"
    );
}

fn list(document: &Map<String, Value>, name: &str) -> Vec<String> {
    let items = document.get(name).and_then(Value::as_array);
    items.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
