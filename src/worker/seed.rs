//! The first token of a login that began elsewhere: which seed is next, and what became of it.

use crate::config::{CodeSeed, Server};
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::callback;
use crate::oauth::grant::GrantRequest;
use crate::secret::Secret;
use crate::store::Slot;
use crate::store::lock::Held;
use crate::store::seeds::{Elsewhere, SeedUse};

/// A seed that may be sent.
#[derive(Debug)]
pub struct Seed<'a> {
    kind: Kind<'a>,
    was_sent: bool,
}

#[derive(Debug)]
enum Kind<'a> {
    RefreshToken(&'a Secret),
    Code(&'a CodeSeed),
}

/// The next seed of `server` that was not spent.
///
/// # Errors
/// `cache_damaged`, `insecure_storage`.
pub fn next<'a>(server: &'a Server, slot: &Slot) -> Outcome<Option<Seed<'a>>> {
    let refresh_token = server.seeds.refresh_token.as_ref().map(Kind::RefreshToken);
    let code = server.seeds.code.as_ref().map(Kind::Code);
    for kind in refresh_token.into_iter().chain(code) {
        match slot.seed_use(kind.secret())? {
            SeedUse::Spent => {}
            known if slot.seed_elsewhere(kind.secret(), known)?.is_some() => {}
            known => return Ok(Some(Seed { kind, was_sent: known == SeedUse::Sent })),
        }
    }
    Ok(None)
}

/// Why nobody is logged in although there are seeds.
///
/// # Errors
/// Those of [`next`].
pub fn all_spent(server: &Server, slot: &Slot) -> Outcome<String> {
    let what = server.seeds.refresh_token.as_ref().map_or(CODE, |_| REFRESH_TOKEN);
    let first = server.seeds.secrets().first().copied();
    let elsewhere = first.map(|seed| match slot.seed_use(seed)? {
        SeedUse::Spent => Ok(None),
        known => slot.seed_elsewhere(seed, known),
    });
    Ok(elsewhere.transpose()?.flatten().map_or_else(
        || format!("{what} was used already, or its login was erased; put a new one there, or log in"),
        |other| used_elsewhere(what, &other),
    ))
}

fn used_elsewhere(what: &str, other: &Elsewhere) -> String {
    if other.known != SeedUse::Sent {
        return format!(
            "{what} was used already under the name {other}, or the login of that name was erased, and it is good for one name; use that name, or put a new one there, or log in"
        );
    }
    // Where the same name has its records elsewhere, the command would ask for the wrong ones.
    let command = match other.place {
        None => format!(" (`mcp-credential get {}`)", other.name),
        Some(_) => String::new(),
    };
    format!(
        "{what} was sent under the name {other}, and no answer told whether it was spent; it is good for one name: go on under that name{command}, or put a new one there, or log in"
    )
}

const REFRESH_TOKEN: &str = "the configured refresh token (`refreshToken`, `OAUTH2_REFRESH_TOKEN`)";
const CODE: &str = "the configured authorization code (`authorizationCode`, `OAUTH2_AUTHORIZATION_CODE`)";

impl Kind<'_> {
    fn secret(&self) -> &Secret {
        match self {
            Self::RefreshToken(token) => token,
            Self::Code(seed) => &seed.code,
        }
    }

    fn what(&self) -> &'static str {
        match self {
            Self::RefreshToken(_) => REFRESH_TOKEN,
            Self::Code(_) => CODE,
        }
    }
}

impl Seed<'_> {
    /// What is sent for it.
    ///
    /// # Errors
    /// `config_invalid` where its redirect URI cannot be told.
    pub fn request(&self, server: &Server) -> Outcome<GrantRequest> {
        Ok(match self.kind {
            Kind::RefreshToken(token) => GrantRequest::RefreshToken { token: token.clone() },
            Kind::Code(seed) => GrantRequest::AuthorizationCode {
                code: seed.code.clone(),
                verifier: seed.verifier.clone(),
                redirect_uri: callback::redirect_uri(&server.callback)?,
            },
        })
    }

    /// What goes on being the refresh token where the answer brings no new one (RFC 6749, section 6).
    #[must_use]
    pub fn kept(&self) -> Option<&Secret> {
        match self.kind {
            Kind::RefreshToken(token) => Some(token),
            Kind::Code(_) => None,
        }
    }
}

/// The seed of a plan, and its place in the store.
#[derive(Debug)]
pub struct Spending {
    secret: Secret,
    what: &'static str,
    /// Whether it was sent before, and no complete answer came.
    pub was_sent: bool,
}

impl Spending {
    /// For the seed that a plan spends.
    #[must_use]
    pub fn of(seed: &Seed) -> Self {
        Self { secret: seed.kind.secret().clone(), what: seed.kind.what(), was_sent: seed.was_sent }
    }

    /// Writes down that it is about to be sent; durable. `false` where another name has done so meanwhile: it must not
    /// be sent then.
    ///
    /// # Errors
    /// `cache_unwritable`, `cache_damaged`, `lock_timeout`: nor then.
    pub fn begin(&self, slot: &Slot, held: &Held) -> Outcome<bool> {
        slot.begin_seed(held, &self.secret)
    }

    /// Nothing was spent, and a complete answer said so.
    pub fn untouched(&self, slot: &Slot, held: &Held) {
        if !self.was_sent {
            note(slot.mark_seed(held, &self.secret, SeedUse::Fresh));
        }
    }

    /// What a proved refusal means to the person. `in_doubt`: an earlier request may have spent it.
    #[must_use]
    pub fn refused(&self, failure: &Failure, in_doubt: bool, server: &str) -> Failure {
        let what = self.what;
        let text = if in_doubt {
            format!(
                "{what} was sent before, but that request was interrupted before its answer could be saved, and the server does not accept it any more; put a new one there, or run `mcp-credential login {server}`"
            )
        } else {
            format!("{what} is of no use: {}, or put a new one there", failure.message)
        };
        Failure::new(Code::InteractionRequired, text).of_server(server)
    }

    /// It was redeemed, or refused for good.
    pub fn over(&self, slot: &Slot, held: &Held) {
        note(slot.mark_seed(held, &self.secret, SeedUse::Spent));
    }
}

/// That it was sent is on disk already: what is lost here costs one more request at most.
fn note(marked: Outcome<()>) {
    if let Err(failure) = marked {
        log::warn!("{}", failure.message);
    }
}
