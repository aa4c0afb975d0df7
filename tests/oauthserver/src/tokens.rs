//! The tokens that the server has issued: families, rotation, reuse, expiry.
//!
//! Owns what is live and what is dead. Knows nothing of HTTP, clients' secrets or grants. Times are those of
//! the server's clock.

use crate::random::Random;
use crate::settings::{Reuse, Rotation, Settings};
use std::collections::HashMap;
use std::time::Duration;

/// Whom a token is for, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) client_id: String,
    pub(crate) scope: String,
    pub(crate) audience: String,
    /// The thumbprint of the key that the token is bound to (RFC 9449, section 6).
    pub(crate) jkt: Option<String>,
}

/// What was just issued.
pub(crate) struct Issued {
    pub(crate) access: String,
    pub(crate) refresh: Option<String>,
    pub(crate) scope: String,
    pub(crate) family: Option<usize>,
    pub(crate) jkt: Option<String>,
}

/// The state of a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenStatus {
    /// It can be redeemed.
    Live,
    /// It was redeemed, and replaced by another.
    Spent,
    /// Its family was revoked.
    Revoked,
    /// Its time is over.
    Expired,
    /// This server never issued it.
    Unknown,
}

struct Family {
    subject: Subject,
    revoked: bool,
}

struct Refresh {
    family: usize,
    expires: Option<Duration>,
    spent: Option<Duration>,
}

struct Access {
    family: Option<usize>,
    subject: Subject,
    expires: Duration,
    revoked: bool,
}

/// All tokens.
#[derive(Default)]
pub(crate) struct Tokens {
    families: Vec<Family>,
    refresh: HashMap<String, Refresh>,
    access: HashMap<String, Access>,
    reuses: usize,
}

/// What issuing needs to know of its surroundings.
pub(crate) struct Mint<'a> {
    pub(crate) random: &'a Random,
    pub(crate) settings: &'a Settings,
    pub(crate) now: Duration,
}

impl Tokens {
    /// An access token without a family.
    pub(crate) fn grant(&mut self, mint: &Mint<'_>, subject: &Subject) -> Issued {
        Issued {
            access: self.new_access(mint, subject, None),
            refresh: None,
            scope: subject.scope.clone(),
            family: None,
            jkt: subject.jkt.clone(),
        }
    }

    /// An access token and the first refresh token of a new family.
    pub(crate) fn found(&mut self, mint: &Mint<'_>, subject: &Subject) -> Issued {
        let family = self.families.len();
        self.families.push(Family { subject: subject.clone(), revoked: false });
        Issued {
            access: self.new_access(mint, subject, Some(family)),
            refresh: Some(self.new_refresh(mint, family)),
            scope: subject.scope.clone(),
            family: Some(family),
            jkt: subject.jkt.clone(),
        }
    }

    /// Redeems a refresh token for `scope` (the family's own when none), bound to `jkt`. None: it is refused.
    pub(crate) fn redeem(
        &mut self,
        mint: &Mint<'_>,
        token: &str,
        scope: Option<&str>,
        jkt: Option<&str>,
    ) -> Option<Issued> {
        let spent = self.refresh.get(token)?.spent;
        if let Some(spent) = spent
            && !self.forgives(mint, token, spent)
        {
            return None;
        }
        if spent.is_none() && self.status(token, mint.now) != TokenStatus::Live {
            return None;
        }
        let family = self.refresh.get(token)?.family;
        let mut subject = self.families.get(family).filter(|family| !family.revoked)?.subject.clone();
        if let Some(scope) = scope {
            scope.clone_into(&mut subject.scope);
        }
        subject.jkt = jkt.map(str::to_owned);
        Some(self.renew(mint, token, family, &subject))
    }

    /// Whom the refresh token was issued to, dead or alive.
    pub(crate) fn owner(&self, token: &str) -> Option<&Subject> {
        let family = self.refresh.get(token)?.family;
        self.families.get(family).map(|family| &family.subject)
    }

    /// Whom the access token was issued to, if it is alive.
    pub(crate) fn access(&self, token: &str, now: Duration) -> Option<&Subject> {
        let access = self.access.get(token)?;
        let family_revoked = access.family.is_some_and(|family| self.is_revoked(family));
        let alive = !access.revoked && !family_revoked && now < access.expires;
        alive.then_some(&access.subject)
    }

    /// Whom the access token was issued to, dead or alive.
    pub(crate) fn access_owner(&self, token: &str) -> Option<&Subject> {
        self.access.get(token).map(|access| &access.subject)
    }

    /// When the access token ends, revoked or not.
    pub(crate) fn access_end(&self, token: &str) -> Option<Duration> {
        self.access.get(token).map(|access| access.expires)
    }

    /// The number of the family that the access token belongs to, dead or alive.
    pub(crate) fn family_of_access(&self, token: &str) -> Option<usize> {
        self.access.get(token)?.family
    }

    /// Revokes one access token, or the family of a refresh token. False: it is unknown.
    pub(crate) fn revoke(&mut self, token: &str) -> bool {
        if let Some(access) = self.access.get_mut(token) {
            access.revoked = true;
            return true;
        }
        let family = self.refresh.get(token).map(|refresh| refresh.family);
        family.is_some_and(|family| self.revoke_family(family))
    }

    /// Revokes all tokens of a family.
    pub(crate) fn revoke_family(&mut self, family: usize) -> bool {
        let family = self.families.get_mut(family);
        family.map(|family| family.revoked = true).is_some()
    }

    /// Revokes all families.
    pub(crate) fn revoke_families(&mut self) {
        for family in &mut self.families {
            family.revoked = true;
        }
    }

    /// Ends all access tokens.
    pub(crate) fn expire_access(&mut self) {
        for access in self.access.values_mut() {
            access.revoked = true;
        }
    }

    pub(crate) fn status(&self, token: &str, now: Duration) -> TokenStatus {
        let Some(refresh) = self.refresh.get(token) else {
            return TokenStatus::Unknown;
        };
        if self.is_revoked(refresh.family) {
            TokenStatus::Revoked
        } else if refresh.spent.is_some() {
            TokenStatus::Spent
        } else if refresh.expires.is_some_and(|expires| now >= expires) {
            TokenStatus::Expired
        } else {
            TokenStatus::Live
        }
    }

    pub(crate) fn live_refresh(&self, now: Duration) -> usize {
        let tokens = self.refresh.keys();
        tokens.filter(|token| self.status(token, now) == TokenStatus::Live).count()
    }

    pub(crate) fn live_access(&self, now: Duration) -> usize {
        let tokens = self.access.keys();
        tokens.filter(|token| self.access(token, now).is_some()).count()
    }

    pub(crate) fn any_revoked(&self) -> bool {
        self.families.iter().any(|family| family.revoked)
    }

    pub(crate) fn reuses(&self) -> usize {
        self.reuses
    }

    /// Counts a reuse, and decides whether the spent token is redeemed all the same.
    fn forgives(&mut self, mint: &Mint<'_>, token: &str, spent: Duration) -> bool {
        self.reuses += 1;
        let forgiven = match mint.settings.reuse {
            Reuse::Accept => true,
            Reuse::Refuse => return false,
            Reuse::RevokeFamily => false,
            Reuse::Grace(limit) => mint.now.saturating_sub(spent) <= limit,
        };
        if !forgiven {
            self.revoke(token);
        }
        forgiven
    }

    fn renew(&mut self, mint: &Mint<'_>, token: &str, family: usize, subject: &Subject) -> Issued {
        if mint.settings.rotation == Rotation::RotateAll {
            self.end_access_of(family);
        }
        let refresh = match mint.settings.rotation {
            Rotation::Omit => None,
            Rotation::Repeat => Some(token.to_owned()),
            Rotation::Rotate | Rotation::RotateAll => {
                if let Some(old) = self.refresh.get_mut(token) {
                    old.spent = Some(mint.now);
                }
                Some(self.new_refresh(mint, family))
            }
        };
        Issued {
            access: self.new_access(mint, subject, Some(family)),
            refresh,
            scope: subject.scope.clone(),
            family: Some(family),
            jkt: subject.jkt.clone(),
        }
    }

    fn end_access_of(&mut self, family: usize) {
        for access in self.access.values_mut() {
            access.revoked |= access.family == Some(family);
        }
    }

    fn is_revoked(&self, family: usize) -> bool {
        self.families.get(family).is_none_or(|family| family.revoked)
    }

    fn new_access(&mut self, mint: &Mint<'_>, subject: &Subject, family: Option<usize>) -> String {
        let token = mint.random.text("at_");
        let access = Access {
            family,
            subject: subject.clone(),
            expires: mint.now.saturating_add(mint.settings.access_token_ttl),
            revoked: false,
        };
        self.access.insert(token.clone(), access);
        token
    }

    fn new_refresh(&mut self, mint: &Mint<'_>, family: usize) -> String {
        let token = mint.random.text("rt_");
        let ttl = mint.settings.refresh_token_ttl;
        let refresh = Refresh { family, expires: ttl.map(|ttl| mint.now.saturating_add(ttl)), spent: None };
        self.refresh.insert(token.clone(), refresh);
        token
    }
}
