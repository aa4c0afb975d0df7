//! Which client authentication method is used where the configuration names none.

use crate::config::AuthMethod;

/// The method for a client with or without a secret, at a server that advertises `methods`
/// (`token_endpoint_auth_methods_supported`, RFC 8414, section 2). A public client uses `none` whatever is
/// advertised: many servers that take public clients forget to say so.
#[must_use]
pub fn preferred(methods: Option<&[String]>, has_secret: bool) -> AuthMethod {
    let advertised = |method: AuthMethod| methods.is_some_and(|all| all.iter().any(|m| m == method.as_str()));
    if !has_secret {
        AuthMethod::None
    } else if advertised(AuthMethod::ClientSecretBasic) && !advertised(AuthMethod::ClientSecretPost) {
        AuthMethod::ClientSecretBasic
    } else {
        AuthMethod::ClientSecretPost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn methods(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_secret_goes_where_the_server_takes_it_and_else_into_the_body() {
        let basic = methods(&["client_secret_basic"]);
        assert_eq!(preferred(Some(&basic), true), AuthMethod::ClientSecretBasic);
        let both = methods(&["client_secret_basic", "client_secret_post"]);
        assert_eq!(preferred(Some(&both), true), AuthMethod::ClientSecretPost);
        assert_eq!(preferred(None, true), AuthMethod::ClientSecretPost);
    }

    #[test]
    fn a_public_client_sends_no_secret_whatever_is_advertised() {
        assert_eq!(preferred(Some(&methods(&["client_secret_basic"])), false), AuthMethod::None);
    }
}
