//! Builds the clients from [`Network`]: TLS provider, certificate authorities, proxy, limits.
//!
//! Nothing is read from the environment here; the configuration room has done that.

use super::Limits;
use crate::config::Network;
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::url::origin;
use crate::secret::Secret;
use reqwest::blocking::{Client, ClientBuilder};
use reqwest::{Certificate, NoProxy, Proxy, redirect};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use url::Url;

const USER_AGENT: &str = concat!("mcp-credential/", env!("CARGO_PKG_VERSION"));

/// The largest `caBundle` that is read, in bytes.
const BUNDLE_LIMIT: u64 = 16 * 1024 * 1024;

/// What the clients are built from: judged before the first request, built when it is known which is needed.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    proxy: Option<Proxy>,
    names: Names,
    authorities: Vec<Certificate>,
    limits: Limits,
}

/// What messages call the parts of the way that somebody configured.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    /// The proxy without its credentials.
    pub proxy: String,
    /// What set the proxy. `None`: there is none.
    pub proxy_source: Option<String>,
    /// What set the certificate authorities, and the file. `None`: those of the system are all.
    pub bundle: Option<String>,
}

impl Names {
    fn of(network: &Network) -> Self {
        let is_set = network.proxy.is_some();
        let source = || network.proxy_source.clone().unwrap_or_else(|| "`proxy`".to_owned());
        Self {
            proxy: network.proxy.as_ref().and_then(proxy_url).map(|url| origin(&url)).unwrap_or_default(),
            proxy_source: is_set.then(source),
            bundle: network.ca_bundle.as_deref().map(|path| bundle_name(path, network)),
        }
    }
}

/// The file of certificate authorities, after what set it.
fn bundle_name(path: &Path, network: &Network) -> String {
    let source = network.ca_bundle_source.as_deref().unwrap_or("`caBundle`");
    format!("{source}, {},", crate::text::path_line(path))
}

impl Plan {
    /// A plan for `network`.
    ///
    /// # Errors
    /// `config_invalid` naming what set the proxy or the certificate authorities.
    pub fn new(network: &Network, limits: Limits) -> Outcome<Self> {
        let no_proxy = network.no_proxy.as_deref();
        let proxy = network.proxy.as_ref().map(|proxy| proxy_of(proxy, no_proxy)).transpose()?;
        let names = Names::of(network);
        let authorities = match (&network.ca_bundle, &names.bundle) {
            (Some(path), Some(name)) => bundle(path, name)?,
            _ => Vec::new(),
        };
        Ok(Self { proxy, names, authorities, limits })
    }

    /// What messages call what is configured.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The client for plain http to this machine. It knows no proxy and no certificate authority: reading
    /// those of the system takes longer than such a request.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn near(&self) -> reqwest::Result<Client> {
        install_tls();
        plain(self.limits).tls_certs_only([]).build()
    }

    /// The client for everything else. A machine without any certificate authority has one all the same;
    /// https then fails with its reason.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn far(&self) -> reqwest::Result<Client> {
        install_tls();
        self.configured().build().or_else(|_| self.configured().tls_certs_only([]).build())
    }

    fn configured(&self) -> ClientBuilder {
        let builder = plain(self.limits).tls_certs_merge(self.authorities.iter().cloned());
        match &self.proxy {
            Some(proxy) => builder.proxy(proxy.clone()),
            None => builder,
        }
    }
}

fn install_tls() {
    // Another client of this process may have installed it already; it is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn plain(limits: Limits) -> ClientBuilder {
    Client::builder()
        .user_agent(USER_AGENT)
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        // A request on a connection that has gone stale would be lost after it may have been received.
        .pool_max_idle_per_host(0)
        .connect_timeout(limits.connect)
}

/// Hosts that no proxy may see: this machine, in every spelling.
const LOOPBACK: &str = "localhost,localhost.,127.0.0.0/8,::1,::ffff:127.0.0.0/104";

/// The proxy for every URL that is not loopback. Its errors must not show the URL: it may hold a password.
fn proxy_of(proxy: &Secret, no_proxy: Option<&str>) -> Outcome<Proxy> {
    let proxy = proxy_url(proxy).and_then(|url| Proxy::all(url).ok()).ok_or_else(|| {
        Failure::new(
            Code::ConfigInvalid,
            "`proxy` is not the http or https URL of a proxy; write it as http://host:port",
        )
    })?;
    Ok(proxy.no_proxy(NoProxy::from_string(&direct_hosts(no_proxy.unwrap_or_default()))))
}

fn proxy_url(proxy: &Secret) -> Option<Url> {
    let text = proxy.expose();
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    Url::parse(&with_scheme).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}

/// Loopback and what `NO_PROXY` lists. `*.example.com`, which many write, means `.example.com`.
fn direct_hosts(no_proxy: &str) -> String {
    let listed = no_proxy.split(',').map(str::trim);
    let listed = listed.map(|entry| entry.strip_prefix('*').filter(|rest| !rest.is_empty()).unwrap_or(entry));
    std::iter::once(LOOPBACK).chain(listed).collect::<Vec<_>>().join(",")
}

/// The certificate authorities of `path`. Single ones that cannot be used are passed over, as with those
/// of the system.
fn bundle(path: &Path, name: &str) -> Outcome<Vec<Certificate>> {
    let bad = |reason: &str| {
        let message = format!("{name} {reason}; it must be a PEM file of certificate authorities");
        Failure::new(Code::ConfigInvalid, message)
    };
    let pem = read_bundle(path).map_err(|error| bad(&format!("cannot be read ({})", error.kind())))?;
    let mut store = RootCertStore::empty();
    let mut usable = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|_| bad("is damaged"))?;
        if store.add(certificate.clone()).is_ok() {
            usable.extend(Certificate::from_der(&certificate));
        }
    }
    if usable.is_empty() { Err(bad("holds no usable certificate")) } else { Ok(usable) }
}

fn read_bundle(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut pem = Vec::new();
    File::open(path)?.take(BUNDLE_LIMIT).read_to_end(&mut pem)?;
    Ok(pem)
}
