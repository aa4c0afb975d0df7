//! Whether a token is to be bound to a key (RFC 9449), and to which.
//!
//! Owns the decision: the configuration, else what the server demands. A login has a key of its own, which lies
//! sealed beside its tokens and is good for nothing else.

use crate::broker::Answer;
use crate::clock;
use crate::config::Server;
use crate::failure::{Code, Failure, Outcome};
use crate::jose::SigningKey;
use crate::jose::dpop::{Target, proof};
use crate::oauth::discovery::Discovered;
use crate::oauth::grant::ProofKey;
use crate::oauth::url::origin;
use crate::secret::Secret;
use crate::store::Slot;
use crate::store::state::NonceFor;
use crate::token::{DPOP, TokenRecord};

/// The key for a first token from `found`: a new one where one is wanted.
///
/// # Errors
/// `denied` where a server takes no proofs that this program can make.
pub fn for_login(server: &Server, found: &Discovered) -> Outcome<Option<ProofKey>> {
    if !server.dpop.unwrap_or(found.dpop.required) {
        return Ok(None);
    }
    refuse_without_es256(server, found)?;
    new_key(server).map(Some)
}

/// Refuses a server that takes no proofs that this program can make.
///
/// # Errors
/// `denied`.
pub fn refuse_without_es256(server: &Server, found: &Discovered) -> Outcome<()> {
    if !found.dpop.without_es256 {
        return Ok(());
    }
    let text = "tokens are to be bound to a key (DPoP), but the server does not take the algorithm ES256, the \
                only one for proofs that this program has; ask whoever runs the server";
    Err(Failure::new(Code::Denied, text).of_server(&server.name))
}

/// The key for renewing what is stored: that of the login, because the refresh token may be bound to it
/// (section 5). A grant without a person may begin or cease to be bound at any time. Where the server has begun to
/// `demand` bound tokens, a login that has no key gets one: its refresh token is not bound, and what comes of it is.
///
/// # Errors
/// When the system has no random bytes.
pub fn for_renewal(server: &Server, stored: &TokenRecord, demanded: bool) -> Outcome<Option<ProofKey>> {
    let alone = stored.clear.grant.is_unattended();
    match (server.dpop, &stored.dpop_key) {
        (Some(false), _) if alone => Ok(None),
        (_, Some(key)) => Ok(Some(ProofKey { key: key.clone(), required: is_required(server) })),
        (Some(true), None) if alone => new_key(server).map(Some),
        // A refresh token that was replaced must not be thrown away with a bearer token: none is insisted on.
        (None | Some(true), None) if demanded => {
            new_key(server).map(|new| Some(ProofKey { required: false, ..new }))
        }
        (_, None) => Ok(None),
    }
}

/// A proof for `target` by the key that the token of `answer` is bound to (section 7); none where it is not bound.
/// Without a nonce of its own, `target` gets the one that the server has provided last.
///
/// # Errors
/// `cache_damaged` where the stored key is none.
pub fn prove(slot: &Slot, answer: &Answer, target: Target) -> Outcome<Option<Secret>> {
    if answer.clear.token_type != DPOP {
        return Ok(None);
    }
    let damaged = |why: &str| {
        let text = format!("the stored key of this login {why}; log in again");
        Failure::new(Code::CacheDamaged, text).of_server(&answer.clear.server)
    };
    let key = answer.dpop_key.as_ref().ok_or_else(|| damaged("is missing"))?;
    let key = SigningKey::stored(key).map_err(damaged)?;
    let state = target.nonce.is_none().then(|| slot.state().read());
    let kept = state.as_ref().and_then(|state| state.nonce(NonceFor::Resource, &origin(target.url)));
    let target = Target { nonce: target.nonce.or(kept), ..target };
    let made = proof(&key, target, Some(&answer.access_token), clock::now()).map_err(damaged)?;
    Ok(Some(Secret::new(made)))
}

fn new_key(server: &Server) -> Outcome<ProofKey> {
    let fault =
        |why| Failure::new(Code::Internal, format!("the key of the login {why}")).of_server(&server.name);
    let (_, key): (SigningKey, Secret) = SigningKey::generate().map_err(fault)?;
    Ok(ProofKey { key, required: is_required(server) })
}

fn is_required(server: &Server) -> bool {
    server.dpop == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Source;
    use crate::config::Grant;
    use crate::oauth::discovery::Dpop;
    use crate::store::Store;
    use crate::store::key::KeySource;
    use crate::store::testing::Folder;
    use crate::token::samples;
    use url::Url;

    fn server(dpop: Option<bool>) -> Server {
        Server { name: "demo".into(), dpop, ..Server::default() }
    }

    fn demand(required: bool) -> Discovered {
        let dpop = Dpop { required, without_es256: false };
        Discovered { dpop, ..Discovered::default() }
    }

    #[test]
    fn the_configuration_decides_and_else_the_server() {
        for (configured, demanded, bound) in
            [(None, false, false), (None, true, true), (Some(true), false, true), (Some(false), true, false)]
        {
            let key = for_login(&server(configured), &demand(demanded)).unwrap();
            assert_eq!(key.is_some(), bound, "{configured:?} {demanded}");
            assert!(key.is_none_or(|key| key.required == (configured == Some(true))));
        }
    }

    #[test]
    fn a_login_keeps_its_key_whatever_is_configured_later() {
        let mut stored = samples::record("demo");
        for dpop in [None, Some(true), Some(false)] {
            let key = for_renewal(&server(dpop), &stored, false).unwrap();
            assert_eq!(key, None, "it began without one");
        }
        stored.dpop_key = Some(Secret::new("key"));
        for (dpop, demanded) in [(None, true), (Some(true), false), (Some(false), true)] {
            assert_eq!(for_renewal(&server(dpop), &stored, demanded).unwrap().unwrap().key.expose(), "key");
        }
    }

    #[test]
    fn a_login_without_a_key_gets_one_where_the_server_demands_it_and_no_bearer_token_is_thrown_away() {
        let stored = samples::record("demo");
        for dpop in [None, Some(true)] {
            let key = for_renewal(&server(dpop), &stored, true).unwrap().unwrap();
            assert!(!key.required, "{dpop:?}: a refresh token goes with it");
        }
        assert_eq!(for_renewal(&server(Some(false)), &stored, true).unwrap(), None);
    }

    #[test]
    fn a_grant_without_a_person_follows_the_configuration_at_once() {
        let mut stored = samples::record("demo");
        stored.clear.grant = Grant::ClientCredentials;
        assert!(for_renewal(&server(Some(true)), &stored, false).unwrap().is_some());
        assert!(for_renewal(&server(None), &stored, false).unwrap().is_none());
        assert!(for_renewal(&server(None), &stored, true).unwrap().is_some());
        assert!(for_renewal(&server(Some(false)), &stored, true).unwrap().is_none());
        stored.dpop_key = Some(Secret::new("key"));
        assert!(for_renewal(&server(Some(false)), &stored, false).unwrap().is_none());
        assert!(for_renewal(&server(None), &stored, false).unwrap().is_some());
    }

    #[test]
    fn a_stored_key_that_is_none_is_damage_and_is_not_quoted() {
        let folder = Folder::new();
        let store = Store::new(folder.path().to_owned(), None, KeySource::File);
        let slot = Slot::new(&store, "demo");
        let mut answer = Answer {
            clear: samples::record("demo").clear,
            access_token: Secret::new("token"),
            dpop_key: Some(Secret::new("hunter2")),
            proof: None,
            source: Source::Cache,
            min_ttl_met: None,
            persisted: true,
        };
        let url = Url::parse("https://mcp.example.com/mcp").unwrap();
        let target = Target { method: "POST", url: &url, nonce: None };
        assert_eq!(prove(&slot, &answer, target), Ok(None), "a bearer token has no proof");
        answer.clear.token_type = DPOP.to_owned();
        for key in [answer.dpop_key.clone(), None] {
            answer.dpop_key = key;
            let failure = prove(&slot, &answer, target).unwrap_err();
            assert_eq!(failure.code, Code::CacheDamaged);
            assert!(!failure.message.contains("hunter2"), "{failure}");
        }
    }
}
