//! What holds for every server of this user: the `defaults` block, and the network variables beneath it.
//!
//! The file comes first for the network: the refresh process runs with an empty environment, and a caller may
//! have emptied ours. `HTTP_PROXY` is not read: plain http goes to loopback alone, and never to a proxy.

use super::node::{Node, repeated};
use super::{Environment, KeySource, Machine, Network, invalid, name, place};
use crate::failure::{Failure, Outcome};
use crate::secret::Secret;
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::path::{Path, PathBuf};
use url::Url;

/// How long a command without interaction may take unless the file says otherwise, in seconds.
const TIMEOUT_SECONDS: u64 = 8;

pub(super) const KEYS: [&str; 5] = ["proxy", "noProxy", "caBundle", "timeoutSeconds", "keySource"];

/// The length of the key that seals the records, in bytes.
const KEY_LENGTH: usize = 32;

/// The `defaults` block, its keys known and its types checked.
#[derive(Default)]
pub(super) struct Defaults {
    proxy: Option<String>,
    no_proxy: Option<String>,
    ca_bundle: Option<String>,
    timeout_seconds: Option<u64>,
    key_source: Option<String>,
}

impl Defaults {
    /// Reads the block of the file at `file`.
    ///
    /// # Errors
    /// `config_invalid` that names the key.
    pub fn read(node: Option<Node>, file: &Path) -> Outcome<Self> {
        let Some(node) = node else { return Ok(Self::default()) };
        let members = node.into_members().map_err(|_| complain(file, "defaults", "must be an object"))?;
        if let Some(key) = repeated(&members) {
            return Err(complain(file, &format!("defaults.{key}"), "is there twice; remove one"));
        }
        let mut defaults = Self::default();
        for (key, value) in members {
            let path = format!("defaults.{key}");
            defaults.set(&key, value).map_err(|problem| complain(file, &path, &problem))?;
        }
        Ok(defaults)
    }

    fn set(&mut self, key: &str, value: Node) -> Result<(), String> {
        match key {
            "proxy" => self.proxy = Some(text(value)?),
            "noProxy" => self.no_proxy = Some(text(value)?),
            "caBundle" => self.ca_bundle = Some(text(value)?),
            "keySource" => self.key_source = Some(text(value)?),
            "timeoutSeconds" => self.timeout_seconds = Some(seconds(&value)?),
            _ => return Err(format!("is an unknown key{}", name::did_you_mean(&name::near(key, KEYS)))),
        }
        Ok(())
    }

    /// Joins the block with the environment.
    ///
    /// # Errors
    /// `config_invalid` that names the key or the variable.
    pub fn machine(self, place: place::Place, env: &Environment, warnings: Vec<String>) -> Outcome<Machine> {
        let cache_dir = match env.path("OAUTH2_TOKEN_CACHE_DIR") {
            Some(path) => place::absolute(&path, env, || "`OAUTH2_TOKEN_CACHE_DIR`".to_owned())?,
            None => place.state_dir.join("oauth"),
        };
        let timeout_seconds = self.timeout_seconds.unwrap_or(TIMEOUT_SECONDS);
        let network = self.network(&place.file, env)?;
        let place::Place { state_dir, file, .. } = place;
        Ok(Machine { state_dir, config_file: file, cache_dir, network, timeout_seconds, warnings })
    }

    fn network(self, file: &Path, env: &Environment) -> Outcome<Network> {
        let in_file = |key: &str| format!("`defaults.{key}` in {}", shown(file));
        let proxy = match self.proxy {
            Some(text) if text.is_empty() => None,
            Some(text) => {
                let url = proxy_url(&text).map_err(|problem| complain(file, "defaults.proxy", &problem))?;
                Some((url, in_file("proxy")))
            }
            None => proxy_of(env)?,
        };
        let no_proxy = match self.no_proxy {
            Some(text) => Some(text).filter(|text| !text.is_empty()),
            None => first_of(env, ["no_proxy", "NO_PROXY"])?.map(|(_, text)| text),
        };
        let ca_bundle = match self.ca_bundle {
            Some(text) => Some((text, in_file("caBundle"))),
            None => env.text("SSL_CERT_FILE")?.map(|text| (text, of_environment("SSL_CERT_FILE"))),
        };
        let ca_bundle = ca_bundle.map(|(text, source)| Ok((path(&text, env, || source.clone())?, source)));
        let (proxy, proxy_source) = proxy.unzip();
        let (ca_bundle, ca_bundle_source) = ca_bundle.transpose()?.unzip();
        Ok(Network { proxy, proxy_source, no_proxy, ca_bundle, ca_bundle_source })
    }

    /// Where the key comes from that seals the records.
    ///
    /// # Errors
    /// `config_invalid` where it is not supported, missing, or not a key.
    pub fn key_source(&self, file: &Path, env: &Environment) -> Outcome<KeySource> {
        let given = env.text("MCP_CREDENTIAL_KEY")?;
        match (self.key_source.as_deref(), given) {
            (None | Some("file" | "env"), Some(text)) => key(&text).map(KeySource::Value),
            (None | Some("file"), None) => Ok(KeySource::File),
            (Some("env"), None) => Err(complain(
                file,
                "defaults.keySource",
                "is `env`, but `MCP_CREDENTIAL_KEY` is not set; set it to the base64 of 32 random bytes",
            )),
            (Some("keyring"), _) => Err(complain(
                file,
                "defaults.keySource",
                "asks for `keyring`, which is not supported by this version",
            )),
            (Some(_), _) => Err(complain(file, "defaults.keySource", "must be file or env")),
        }
    }
}

fn complain(file: &Path, key: &str, problem: &str) -> Failure {
    invalid(format!("`{}` in {} {problem}", crate::text::one_line(key), shown(file)))
}

fn shown(file: &Path) -> String {
    crate::text::path_line(file)
}

fn text(value: Node) -> Result<String, String> {
    let kind = value.kind();
    value.into_text().ok_or_else(|| format!("must be a text, and is {kind}"))
}

fn seconds(value: &Node) -> Result<u64, String> {
    match value {
        Node::Number(number) => number.as_u64().filter(|seconds| (1..=600).contains(seconds)),
        _ => None,
    }
    .ok_or_else(|| "must be a whole number of seconds from 1 to 600".to_owned())
}

fn path(text: &str, env: &Environment, what: impl Fn() -> String) -> Outcome<PathBuf> {
    place::absolute(Path::new(text), env, what)
}

fn first_of<const N: usize>(
    env: &Environment,
    names: [&'static str; N],
) -> Outcome<Option<(&'static str, String)>> {
    for name in names {
        if let Some(text) = env.text(name)? {
            return Ok(Some((name, text)));
        }
    }
    Ok(None)
}

fn of_environment(name: &str) -> String {
    format!("`{name}` of the environment")
}

/// The proxy that the environment names, and where.
fn proxy_of(env: &Environment) -> Outcome<Option<(Secret, String)>> {
    let names = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
    let Some((name, text)) = first_of(env, names)? else { return Ok(None) };
    let source = of_environment(name);
    match proxy_url(&text) {
        Ok(proxy) => Ok(Some((proxy, source))),
        Err(problem) => {
            Err(invalid(format!("{source} {problem}; or set `defaults.proxy` (\"\" means none)")))
        }
    }
}

/// A proxy may be written without its scheme, as curl takes it.
fn proxy_url(text: &str) -> Result<Secret, String> {
    let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    match Url::parse(&text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(Secret::new(text)),
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            Err("must be an http or https proxy; others are not supported".to_owned())
        }
        _ => Err("must be the URL of a proxy".to_owned()),
    }
}

/// The key as standard base64 with padding, whichever alphabet and padding it came in.
fn key(text: &str) -> Outcome<Secret> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let standard = GeneralPurpose::new(&alphabet::STANDARD, config);
    let url_safe = GeneralPurpose::new(&alphabet::URL_SAFE, config);
    let bytes =
        standard.decode(text.trim()).or_else(|_| url_safe.decode(text.trim())).map(zeroize::Zeroizing::new);
    match bytes {
        Ok(bytes) if bytes.len() == KEY_LENGTH => {
            Ok(Secret::new(base64::engine::general_purpose::STANDARD.encode(&*bytes)))
        }
        _ => Err(invalid(
            "`MCP_CREDENTIAL_KEY` of the environment must be the base64 of exactly 32 bytes \
             (for example from `openssl rand -base64 32`)"
                .to_owned(),
        )),
    }
}
