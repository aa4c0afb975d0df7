//! What the server knows of an OAuth client, registered beforehand or dynamically.
//!
//! Owns the client's values and the comparison of redirect URIs. It does not authenticate anybody.

use serde_json::Value;
use std::fmt;
use std::net::IpAddr;
use url::{Host, Url};

/// How a client authenticates at the token endpoint (RFC 7591, section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// `none`: a public client, `client_id` in the form.
    None,
    /// `client_secret_basic`: form-encoded id and secret in the `Authorization` header (RFC 6749, section 2.3.1).
    Basic,
    /// `client_secret_post`: id and secret in the form.
    Post,
    /// `private_key_jwt`: an assertion in the form (RFC 7523, section 2.2).
    PrivateKeyJwt,
}

impl AuthMethod {
    /// The registered name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic => "client_secret_basic",
            Self::Post => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }

    /// The method of that registered name, when this server knows it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::None, Self::Basic, Self::Post, Self::PrivateKeyJwt]
            .into_iter()
            .find(|method| method.name() == name)
    }
}

/// A client. Pre-registered ones stand in [`Settings::clients`](crate::Settings::clients).
#[derive(Clone, PartialEq, Eq)]
pub struct Client {
    /// The `client_id`.
    pub client_id: String,
    /// The `client_secret`; none for a public client.
    pub secret: Option<String>,
    /// The public keys of a client that signs assertions, as JWKs.
    pub keys: Vec<Value>,
    /// The methods that are accepted from it; strict.
    pub auth_methods: Vec<AuthMethod>,
    /// Redirect URIs, compared character for character.
    pub redirect_uris: Vec<String>,
    /// Grants it may use, by their `grant_type`.
    pub grant_types: Vec<String>,
    /// Whether a registered loopback redirect URI stands for every port (RFC 8252, section 7.3).
    pub any_loopback_port: bool,
    /// When the secret stops being accepted: UTC seconds, 0 for never (RFC 7591, `client_secret_expires_at`).
    pub secret_expires_at: u64,
}

impl Client {
    /// A public client with the grants of a login: `authorization_code` and `refresh_token`.
    #[must_use]
    pub fn public(client_id: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            secret: None,
            keys: Vec::new(),
            auth_methods: vec![AuthMethod::None],
            redirect_uris: Vec::new(),
            grant_types: names(&["authorization_code", "refresh_token"]),
            any_loopback_port: false,
            secret_expires_at: 0,
        }
    }

    /// A confidential client: basic and post are accepted, and `client_credentials` besides the grants of a login.
    #[must_use]
    pub fn confidential(client_id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self {
            secret: Some(secret.into()),
            auth_methods: vec![AuthMethod::Basic, AuthMethod::Post],
            grant_types: names(&["authorization_code", "refresh_token", "client_credentials"]),
            ..Self::public(client_id)
        }
    }

    /// The client that a Client ID Metadata Document describes, as a server sees it that has fetched `document`
    /// from `url`: only if it names that very URL, has a name and at least one redirect URI, and wants no shared
    /// secret (draft-ietf-oauth-client-id-metadata-document, sections 4 and 4.1). The keys of `jwks_uri` are the caller's to
    /// bring.
    #[must_use]
    pub fn from_metadata(url: &str, document: &Value) -> Option<Self> {
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        let list = |name: &str| -> Option<Vec<String>> {
            let items = document.get(name)?.as_array()?;
            items.iter().map(|item| item.as_str().map(str::to_owned)).collect()
        };
        let method = AuthMethod::from_name(text("token_endpoint_auth_method")?)?;
        let sound = text("client_id") == Some(url)
            && text("client_name").is_some_and(|name| !name.is_empty())
            && (method == AuthMethod::None
                || (method == AuthMethod::PrivateKeyJwt && text("jwks_uri").is_some()))
            && document.get("client_secret").is_none();
        let redirect_uris = list("redirect_uris").filter(|uris| !uris.is_empty())?;
        let (auth_methods, grant_types) = (vec![method], list("grant_types")?);
        sound.then_some(Self { auth_methods, redirect_uris, grant_types, ..Self::public(url) })
    }

    /// A client that authenticates by assertions, which one of `keys` must verify: public JWKs.
    #[must_use]
    pub fn with_keys(client_id: impl Into<String>, keys: &[Value]) -> Self {
        Self {
            keys: keys.to_vec(),
            auth_methods: vec![AuthMethod::PrivateKeyJwt],
            grant_types: names(&["authorization_code", "refresh_token", "client_credentials"]),
            ..Self::public(client_id)
        }
    }

    /// Adds a redirect URI.
    #[must_use]
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uris.push(uri.into());
        self
    }

    /// Lets every port of a registered loopback redirect URI pass.
    #[must_use]
    pub fn any_loopback_port(mut self) -> Self {
        self.any_loopback_port = true;
        self
    }

    /// Accepts these methods only.
    #[must_use]
    pub fn auth_methods(mut self, methods: &[AuthMethod]) -> Self {
        self.auth_methods = methods.to_vec();
        self
    }

    /// Allows these grants only.
    #[must_use]
    pub fn grant_types(mut self, grants: &[&str]) -> Self {
        self.grant_types = names(grants);
        self
    }

    /// Whether it may use the grant.
    pub(crate) fn may(&self, grant: &str) -> bool {
        self.grant_types.iter().any(|allowed| allowed == grant)
    }

    /// Whether `uri` is one of its redirect URIs: exactly, or by the any-port rule of RFC 8252.
    pub(crate) fn accepts_redirect(&self, uri: &str) -> bool {
        self.redirect_uris
            .iter()
            .any(|registered| registered == uri || (self.any_loopback_port && same_but_port(registered, uri)))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("client_id", &self.client_id)
            .field("secret", &self.secret.as_ref().map(|_| "[REDACTED]"))
            .field("keys", &self.keys.len())
            .field("auth_methods", &self.auth_methods)
            .field("redirect_uris", &self.redirect_uris)
            .field("grant_types", &self.grant_types)
            .field("any_loopback_port", &self.any_loopback_port)
            .field("secret_expires_at", &self.secret_expires_at)
            .finish()
    }
}

/// Whether the URL is `http` on a loopback address, or on `localhost` (OAuth 2.1 keeps that exception).
pub(crate) fn is_loopback(url: &Url) -> bool {
    let local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    };
    url.scheme() == "http" && local
}

/// Whether the two texts are the same loopback URI when the port is left out of both.
fn same_but_port(registered: &str, asked: &str) -> bool {
    let (Some(registered), Some(asked)) = (portless(registered), portless(asked)) else {
        return false;
    };
    registered == asked
}

/// A loopback URI as text without its port; cut from the text itself, so that nothing else is normalised away.
fn portless(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok().filter(is_loopback)?;
    let rest = uri.strip_prefix("http://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    // Userinfo would make `authority` differ from the host that was judged.
    (url.username().is_empty() && !authority.contains('@')).then(|| format!("http://{host}{tail}"))
}

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|&name| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::Client;

    fn client(uri: &str) -> Client {
        Client::public("c").redirect_uri(uri).any_loopback_port()
    }

    #[test]
    fn every_port_of_a_registered_loopback_uri_passes_and_nothing_else_does() {
        let client = client("http://127.0.0.1/callback");
        assert!(client.accepts_redirect("http://127.0.0.1:4711/callback"));
        assert!(client.accepts_redirect("http://127.0.0.1/callback"));
        for other in [
            "http://127.0.0.1:4711/callback/",
            "http://127.0.0.1:4711/callback?x=1",
            "http://localhost:4711/callback",
            "http://127.0.0.2:4711/callback",
            "https://127.0.0.1:4711/callback",
            "http://user@127.0.0.1:4711/callback",
            "http://127.0.0.1.evil.example:4711/callback",
            "not a uri",
        ] {
            assert!(!client.accepts_redirect(other), "{other}");
        }
    }

    #[test]
    fn the_any_port_rule_is_for_loopback_alone() {
        let client = client("https://app.example/callback");
        assert!(client.accepts_redirect("https://app.example/callback"));
        assert!(!client.accepts_redirect("https://app.example:444/callback"));
    }

    #[test]
    fn an_ipv6_loopback_uri_keeps_its_brackets() {
        let client = client("http://[::1]/cb");
        assert!(client.accepts_redirect("http://[::1]:9/cb"));
        assert!(!client.accepts_redirect("http://[::2]:9/cb"));
    }

    #[test]
    fn a_metadata_document_describes_the_client_of_its_own_url_alone() {
        let url = "https://a.example/client.json";
        let sound = serde_json::json!({
            "client_id": url, "client_name": "A", "redirect_uris": ["http://127.0.0.1/callback"],
            "grant_types": ["authorization_code"], "token_endpoint_auth_method": "none",
        });
        assert_eq!(Client::from_metadata(url, &sound).unwrap().client_id, url);
        assert_eq!(Client::from_metadata("https://a.example/other", &sound), None);
        for (member, value) in [("client_name", ""), ("token_endpoint_auth_method", "client_secret_post")] {
            let mut bent = sound.clone();
            bent[member] = value.into();
            assert_eq!(Client::from_metadata(url, &bent), None, "{member}");
        }
    }

    #[test]
    fn debug_does_not_show_the_secret() {
        let text = format!("{:?}", Client::confidential("id", "hush"));
        assert!(!text.contains("hush"), "{text}");
    }
}
