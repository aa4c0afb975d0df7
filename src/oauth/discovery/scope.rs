//! Which scope to ask for (rules 13 and 15).

use super::metadata::AuthorizationServer;
use super::resource::Published;
use crate::config::Server;
use crate::oauth::challenge::Challenge;

/// The longest scope that is put together from a list, in bytes: it has to fit into a URL.
const LONGEST: usize = 8 * 1024;

const OFFLINE: &str = "offline_access";

/// The configured scope as it stands; else the challenge's; else all that the resource metadata lists; else
/// none. The last three get `offline_access` where the authorization server lists it and a person logs in;
/// nothing is not turned into `offline_access` alone, which would ask for less than the server's default.
pub(super) fn choose(
    server: &Server,
    challenge: Option<&Challenge>,
    published: Option<&Published>,
    found: &AuthorizationServer,
) -> Option<String> {
    if let Some(configured) = &server.scope {
        return Some(configured.clone()).filter(|scope| !scope.trim().is_empty());
    }
    let offline = !server.grant.is_unattended() && lists_offline(found);
    let challenged = challenge.and_then(|challenge| challenge.scope.as_deref());
    let names: Vec<&str> = match (challenged, published.and_then(|published| published.scopes.as_ref())) {
        // The challenge is authoritative: it keeps whatever it names.
        (Some(scope), _) => scope.split(' ').filter(|name| !name.is_empty()).collect(),
        (None, Some(scopes)) => {
            scopes.iter().map(String::as_str).filter(|name| is_token(name) && *name != OFFLINE).collect()
        }
        (None, None) => Vec::new(),
    };
    join(&names, offline)
}

fn lists_offline(found: &AuthorizationServer) -> bool {
    found.scopes.as_ref().is_some_and(|scopes| scopes.iter().any(|name| name == OFFLINE))
}

/// `scope-token` of RFC 6749, section 3.3.
fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

fn join(names: &[&str], offline: bool) -> Option<String> {
    let mut chosen: Vec<&str> = Vec::new();
    let mut length = 0;
    for name in names {
        length += name.len() + 1;
        if length < LONGEST && !chosen.contains(name) {
            chosen.push(name);
        }
    }
    if offline && !chosen.is_empty() && !chosen.contains(&OFFLINE) {
        chosen.push(OFFLINE);
    }
    (!chosen.is_empty()).then(|| chosen.join(" "))
}

/// Scopes put together in the order in which they come, none twice (rule 14). What is no scope is left out, and
/// what would make the list too long for a URL.
pub fn union<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let names: Vec<&str> = names.into_iter().filter(|name| is_token(name)).collect();
    join(&names, false)
}
