//! The table of keys that a server's configuration may have, with the variable that overrides each.
//!
//! What a value must look like is `validate`'s business. A key that stands here and that `validate` does not
//! take is one that this version does not support: it is refused where it is set, never ignored.

use super::name;

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    /// In the server's entry itself.
    Server,
    /// In its `oauth2` block.
    OAuth2,
    /// In the `discovery` block of `oauth2`.
    Discovery,
}

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    pub section: Section,
    pub name: &'static str,
    /// The environment variable that overrides it.
    pub variable: Option<&'static str>,
    /// Whether it is a client secret, a key, or where one comes from, or parameters that may hold one: what must not
    /// be sent to an endpoint that the environment names.
    pub credential: bool,
}

impl Key {
    /// Whether its value is itself a secret, not the place of one.
    pub fn holds_secret(&self) -> bool {
        matches!(self.name, "clientSecret" | "refreshToken" | "authorizationCode" | "codeVerifier")
    }
}

const fn key(section: Section, name: &'static str, variable: &'static str) -> Key {
    let variable = if variable.is_empty() { None } else { Some(variable) };
    Key { section, name, variable, credential: false }
}

const fn credential(name: &'static str, variable: &'static str) -> Key {
    Key { credential: true, ..key(Section::OAuth2, name, variable) }
}

const fn oauth2(name: &'static str, variable: &'static str) -> Key {
    key(Section::OAuth2, name, variable)
}

/// Every key of a server.
pub(super) const KEYS: &[Key] = &[
    key(Section::Server, "url", "UPSTREAM_URL"),
    key(Section::Server, "requireUrl", ""),
    Key { credential: true, ..key(Section::Server, "headers", "") },
    oauth2("grant", "OAUTH2_GRANT"),
    oauth2("tokenUrl", "OAUTH2_TOKEN_URL"),
    oauth2("authorizationUrl", "OAUTH2_AUTHORIZATION_URL"),
    oauth2("deviceAuthorizationUrl", ""),
    oauth2("issuer", ""),
    oauth2("metadataUrl", ""),
    oauth2("clientId", "OAUTH2_CLIENT_ID"),
    credential("clientSecret", "OAUTH2_CLIENT_SECRET"),
    credential("clientSecretFile", ""),
    credential("clientSecretEnv", ""),
    credential("clientSecretCommand", ""),
    oauth2("clientMetadataUrl", ""),
    credential("privateKeyFile", ""),
    oauth2("privateKeyId", ""),
    oauth2("signingAlgorithm", ""),
    credential("assertionFile", ""),
    credential("assertionEnv", ""),
    credential("assertionCommand", ""),
    oauth2("idpTokenUrl", ""),
    oauth2("idpIssuer", ""),
    oauth2("idpClientId", ""),
    oauth2("idpAuthStyle", ""),
    credential("idpClientSecretFile", ""),
    credential("idpClientSecretEnv", ""),
    credential("idpClientSecretCommand", ""),
    credential("idpIdTokenFile", ""),
    credential("idpIdTokenEnv", ""),
    credential("idpIdTokenCommand", ""),
    oauth2("dpop", ""),
    oauth2("scope", "OAUTH2_SCOPE"),
    oauth2("audience", "OAUTH2_AUDIENCE"),
    oauth2("authStyle", "OAUTH2_AUTH_STYLE"),
    oauth2("refreshSkewSeconds", "OAUTH2_REFRESH_SKEW_SECONDS"),
    credential("extraParams", "OAUTH2_EXTRA_PARAMS"),
    credential("authorizationParams", ""),
    oauth2("interactive", ""),
    oauth2("callbackHost", "OAUTH2_CALLBACK_HOST"),
    oauth2("callbackPort", "OAUTH2_CALLBACK_PORT"),
    oauth2("callbackTimeoutSeconds", "OAUTH2_CALLBACK_TIMEOUT_SECONDS"),
    oauth2("callbackAllowRemote", ""),
    oauth2("redirectUri", "OAUTH2_REDIRECT_URI"),
    credential("authorizationCode", "OAUTH2_AUTHORIZATION_CODE"),
    credential("codeVerifier", "OAUTH2_CODE_VERIFIER"),
    credential("refreshToken", "OAUTH2_REFRESH_TOKEN"),
    oauth2("tokenCacheDir", "OAUTH2_TOKEN_CACHE_DIR"),
    oauth2("resource", ""),
    oauth2("clientName", ""),
    oauth2("trustedIssuer", ""),
    oauth2("allowMissingPkceMetadata", ""),
    oauth2("scopeOnRefresh", ""),
    oauth2("allowPrivateHosts", ""),
    oauth2("strict", ""),
    key(Section::Discovery, "enabled", "DISCOVERY_ENABLED"),
];

/// The key called `name` in `section`.
pub(super) fn find(section: Section, name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.section == section && key.name == name)
}

/// A hint for an unknown key: its right place, or near names.
pub(super) fn hint(section: Section, unknown: &str, blocks: &[&str]) -> String {
    if section == Section::Server && unknown == "discovery" {
        return " (it belongs inside `oauth2`)".to_owned();
    }
    if let Some(key) = KEYS.iter().find(|key| key.name == unknown && key.section != Section::Discovery) {
        return match key.section {
            Section::Server => " (it belongs beside `url`, outside `oauth2`)".to_owned(),
            _ => " (it belongs inside `oauth2`)".to_owned(),
        };
    }
    let names = KEYS.iter().filter(|key| key.section == section).map(|key| key.name);
    name::did_you_mean(&name::near(unknown, names.chain(blocks.iter().copied())))
}
