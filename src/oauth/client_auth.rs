//! How the client proves who it is at the token endpoint: the choice of the method.
//!
//! The encoding of RFC 6749, section 2.3.1 is the OAuth library's. It looks at no secret, only whether there
//! is one.

use crate::config::{AuthMethod, Credentials};

/// The method for a client: the configured one (`authStyle`); `none` without a secret; else what the
/// authorization server advertises (`token_endpoint_auth_methods_supported`, RFC 8414), body before header.
///
/// The body comes first because many servers do not undo the form encoding that RFC 6749, section 2.3.1
/// asks for inside HTTP Basic, and a secret with `%` or `+` in it would be refused there.
#[must_use]
pub fn choose(configured: Option<AuthMethod>, advertised: Option<&[String]>, has_secret: bool) -> AuthMethod {
    let offers =
        |method: AuthMethod| advertised.is_some_and(|names| names.iter().any(|name| name == method.as_str()));
    match configured {
        Some(method) => method,
        None if !has_secret => AuthMethod::None,
        None if offers(AuthMethod::ClientSecretBasic) && !offers(AuthMethod::ClientSecretPost) => {
            AuthMethod::ClientSecretBasic
        }
        None => AuthMethod::ClientSecretPost,
    }
}

/// The method of a client that authenticated by `stored` at its login, with what it has now: a secret that gave
/// way to a key is not asked for any more, nor a key that gave way to a secret.
#[must_use]
pub fn still(stored: AuthMethod, credentials: &Credentials) -> AuthMethod {
    match stored {
        _ if credentials.key.is_some() => AuthMethod::PrivateKeyJwt,
        AuthMethod::PrivateKeyJwt if credentials.secret.is_some() => AuthMethod::ClientSecretPost,
        stored => stored,
    }
}

/// The method of that registered name, where it is one that this client can use.
#[must_use]
pub fn by_name(name: &str) -> Option<AuthMethod> {
    [AuthMethod::None, AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost]
        .into_iter()
        .find(|method| method.as_str() == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PrivateKey;
    use crate::secret::Secret;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    fn none() -> Credentials {
        Credentials::default()
    }

    fn secret() -> Credentials {
        Credentials { secret: Some(Secret::new("s")), key: None }
    }

    fn key() -> Credentials {
        Credentials { secret: None, key: Some(PrivateKey { text: Secret::new("k"), id: None }) }
    }

    #[test]
    fn a_private_key_takes_the_place_of_what_was_used_before() {
        for stored in [AuthMethod::None, AuthMethod::ClientSecretBasic, AuthMethod::PrivateKeyJwt] {
            assert_eq!(still(stored, &key()), AuthMethod::PrivateKeyJwt);
        }
    }

    #[test]
    fn a_method_stays_as_long_as_there_is_what_it_needs() {
        assert_eq!(still(AuthMethod::ClientSecretBasic, &secret()), AuthMethod::ClientSecretBasic);
        assert_eq!(still(AuthMethod::PrivateKeyJwt, &secret()), AuthMethod::ClientSecretPost);
        assert_eq!(still(AuthMethod::PrivateKeyJwt, &none()), AuthMethod::PrivateKeyJwt);
    }

    #[test]
    fn the_configured_method_wins_over_what_is_advertised() {
        let advertised = names(&["client_secret_post"]);
        let chosen = choose(Some(AuthMethod::ClientSecretBasic), Some(&advertised), true);
        assert_eq!(chosen, AuthMethod::ClientSecretBasic);
    }

    #[test]
    fn a_client_without_a_secret_is_public_even_where_none_is_not_advertised() {
        assert_eq!(choose(None, Some(&names(&["client_secret_post"])), false), AuthMethod::None);
    }

    #[test]
    fn basic_is_used_where_it_is_the_only_one_and_the_body_else() {
        assert_eq!(choose(None, Some(&names(&["client_secret_basic"])), true), AuthMethod::ClientSecretBasic);
        let both = names(&["client_secret_basic", "client_secret_post"]);
        assert_eq!(choose(None, Some(&both), true), AuthMethod::ClientSecretPost);
        assert_eq!(choose(None, None, true), AuthMethod::ClientSecretPost);
    }
}
