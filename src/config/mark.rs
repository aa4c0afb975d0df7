//! A number that changes when the configuration of a server does: what failed under another one is no news.
//!
//! Owns what counts: the settings that a request depends on, and the files that they stand in or point to. The
//! number gives no secret away, since none goes into it; a secret is known by its file alone.

use super::place::Place;
use super::{Environment, Interactive, Network, SecretSource, Server};
use crate::secret::Pairs;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The mark of what `server` is configured with now.
#[must_use]
pub fn mark(server: &Server, network: &Network, environment: &Environment) -> u64 {
    // What decides about people, callers and the moment decides about no request; callers differ in it.
    let asked = Server {
        interactive: Interactive::default(),
        refresh_skew_seconds: 0,
        headers: Pairs::default(),
        require_url: false,
        ..server.clone()
    };
    let mut hasher = DefaultHasher::new();
    // `Debug` shows no secret.
    format!("{asked:?} {network:?}").hash(&mut hasher);
    if let Ok(place) = Place::find(environment) {
        stamp(&place.file, &mut hasher);
    }
    let idp = server.identity_provider.iter().flat_map(|idp| [&idp.client_secret, &idp.id_token]);
    let secrets = [&server.client_secret, &server.private_key, &server.assertion];
    secrets.into_iter().chain(idp).filter_map(SecretSource::file).for_each(|file| stamp(file, &mut hasher));
    hasher.finish()
}

fn stamp(file: &Path, hasher: &mut DefaultHasher) {
    let found = fs::metadata(file).ok();
    found.map(|found| (found.ino(), found.mtime(), found.mtime_nsec(), found.size())).hash(hasher);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_follows_what_a_request_depends_on_and_nothing_else() {
        let environment = Environment::from_pairs([("HOME", "/nonexistent")]);
        let mark = |server: &Server| mark(server, &Network::default(), &environment);
        let server = Server::default();
        assert_eq!(mark(&server), mark(&server.clone()));
        assert_eq!(mark(&server), mark(&Server { interactive: Interactive::Never, ..server.clone() }));
        assert_eq!(mark(&server), mark(&Server { refresh_skew_seconds: 7, ..server.clone() }));
        assert_ne!(mark(&server), mark(&Server { client_id: Some("other".into()), ..server.clone() }));
        assert_ne!(mark(&server), mark(&Server { scope: Some("more".into()), ..server.clone() }));
    }
}
