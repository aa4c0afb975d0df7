//! Which client logs in (MCP authorization, "client registration approaches"): the configured one; the one
//! whose metadata document the server reads; the one registered before; one that is registered now.

use super::session::Session;
use crate::binding;
use crate::client;
use crate::clock;
use crate::config::{AuthMethod, Callback};
use crate::failure::Outcome;
use crate::oauth::callback::Listener;
use crate::oauth::discovery::Discovered;
use crate::oauth::grant::Client;
use crate::oauth::http::Http;
use crate::oauth::registration::register;
use crate::oauth::url::same_server;
use crate::store::client::{ClientClear, ClientRecord};
use crate::text::one_line;
use url::Url;

/// A client, and the listener whose redirect URI it may use.
pub struct Registered {
    /// The client.
    pub client: Client,
    /// Where the browser comes back to.
    pub listener: Listener,
    /// Whether it was registered by an earlier login.
    pub is_old: bool,
}

/// The client for a login at `found`, registered if need be (RFC 7591); `for_devices` wants one that may log in
/// on another device. A registration belongs to its
/// issuer: another one never sees it.
///
/// # Errors
/// Those of the registration, of the listener and of the store.
pub fn find_or_register(
    session: &Session,
    http: &Http,
    found: &Discovered,
    for_devices: bool,
) -> Outcome<Registered> {
    let server = &session.server;
    let not_registered_here = match (&server.client_id, &server.client_metadata_url) {
        (Some(client_id), _) => Some(by_hand(session, found, client_id)?),
        (None, Some(url)) if found.client_metadata_supported => Some(by_document(session, found, url)?),
        _ => None,
    };
    if let Some(client) = not_registered_here {
        log::info!("logging in as client {}", one_line(&client.client_id));
        return Ok(Registered { client, listener: Listener::bind(&server.callback)?, is_old: false });
    }
    match known(session, found, for_devices)? {
        Some(registered) => Ok(registered),
        None => register_now(session, http, found, for_devices),
    }
}

/// The client that a person registered.
fn by_hand(session: &Session, found: &Discovered, client_id: &str) -> Outcome<Client> {
    let server = &session.server;
    refuse_other_issuer(session, found, client_id)?;
    let credentials = server.credentials(session.environment, None)?;
    client::configured(server, client_id, credentials, found)
}

/// The client that its metadata document describes, the same at every issuer. Nobody can have given it a secret
/// (draft-ietf-oauth-client-id-metadata-document, section 4.1): it has a private key, or is public.
fn by_document(session: &Session, found: &Discovered, url: &str) -> Outcome<Client> {
    let server = &session.server;
    if server.private_key.is_given() {
        return client::configured(server, url, server.credentials(session.environment, None)?, found);
    }
    Ok(Client {
        client_id: url.to_owned(),
        client_secret: None,
        key: None,
        method: AuthMethod::None,
        dynamic: false,
    })
}

/// A configured client stays with the issuer that it logged in at, also when that login was erased.
fn refuse_other_issuer(session: &Session, found: &Discovered, client_id: &str) -> Outcome<()> {
    let server = &session.server;
    let stored = session.slot().peek_clear().ok().flatten().filter(|clear| clear.client_id == client_id);
    let stored = stored.filter(|stored| same_server(&stored.url, &server.url));
    stored.map_or(Ok(()), |stored| binding::check_issuer(server, &stored, found))?;
    binding::check_client(server, &session.slot(), client_id, found)
}

/// The stored registration that belongs here and whose redirect URI can be listened on.
fn known(session: &Session, found: &Discovered, for_devices: bool) -> Outcome<Option<Registered>> {
    let stored = session.slot().client()?;
    let usable = stored.iter().flat_map(ClientRecord::all).filter(|record| {
        let expired = record.clear.client_secret_expires_at.is_some_and(|end| end <= clock::now());
        let fits = record.clear.for_devices || !for_devices;
        record.clear.issuer == issuer_of(found) && !record.clear.suspect && !expired && fits
    });
    let mut listening = usable.filter_map(|record| listen(&session.server.callback, record));
    Ok(listening.next())
}

/// A port that is taken, or a setting that has changed, needs another redirect URI and so a new client.
fn listen(callback: &Callback, record: &ClientRecord) -> Option<Registered> {
    let port = record.clear.redirect_uris.iter().find_map(|uri| Url::parse(uri).ok()?.port());
    let same_port = Callback {
        port: if callback.port == 0 { port.unwrap_or(0) } else { callback.port },
        ..callback.clone()
    };
    let listener = Listener::bind(&same_port).ok()?;
    let known = record.clear.redirect_uris.contains(&listener.redirect_uri());
    known.then(|| Registered { client: client_of(record), listener, is_old: true })
}

/// Registers a client and stores it before it is used. The registration of the stored token is kept beside it
/// until the new one has a token.
///
/// # Errors
/// As [`find_or_register`].
pub fn register_now(
    session: &Session,
    http: &Http,
    found: &Discovered,
    for_devices: bool,
) -> Outcome<Registered> {
    let server = &session.server;
    let listener = Listener::bind(&server.callback)?;
    let registered = register(http, server, found, &[listener.redirect_uri()], for_devices)?;
    log::info!("registered as client {}", one_line(&registered.client_id));
    let record = ClientRecord {
        clear: ClientClear {
            server: server.name.clone(),
            issuer: issuer_of(found),
            client_id: registered.client_id,
            token_endpoint_auth_method: registered.method,
            redirect_uris: vec![listener.redirect_uri()],
            for_devices: registered.for_devices,
            registered_at: clock::now(),
            client_secret_expires_at: registered.client_secret_expires_at,
            suspect: false,
            other: serde_json::Map::new(),
        },
        client_secret: registered.client_secret,
        former: still_needed(session)?,
        other: Vec::new(),
    };
    session.slot().save_client(&record)?;
    Ok(Registered { client: client_of(&record), listener, is_old: false })
}

/// The registration that the stored token belongs to.
fn still_needed(session: &Session) -> Outcome<Option<Box<ClientRecord>>> {
    let slot = session.slot();
    let stored = slot.peek_clear().ok().flatten();
    Ok(slot.client()?.zip(stored).and_then(|(record, token)| record.named(&token.client_id)).map(Box::new))
}

/// Without a published issuer the token endpoint names the authorization server.
fn issuer_of(found: &Discovered) -> String {
    found.issuer.clone().unwrap_or_else(|| found.token_endpoint.clone())
}

fn client_of(record: &ClientRecord) -> Client {
    Client {
        client_id: record.clear.client_id.clone(),
        client_secret: record.client_secret.clone(),
        key: None,
        method: record.clear.token_endpoint_auth_method,
        dynamic: true,
    }
}
