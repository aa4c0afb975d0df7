//! How the client proves who it is at the token endpoint: the choice of the method.
//!
//! The encoding of RFC 6749, section 2.3.1 is the OAuth library's. It knows no secret, only whether there
//! is one.

use crate::config::AuthMethod;

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

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
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
