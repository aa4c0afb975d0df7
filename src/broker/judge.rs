//! What a record is worth to a call. Pure.

use crate::token::Clear;

/// What the caller asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wish {
    /// The life that the token must still have, in seconds; 0 when the caller did not ask.
    pub min_ttl: u64,
    /// The generation that must not be the answer: it was rejected, or a new one is forced.
    pub rejected: Option<String>,
    /// How early a token is renewed, in seconds.
    pub skew: u64,
    /// Whether a new token can be had without a refresh token and without a person.
    pub unattended: bool,
    /// The scopes that the server demands beyond those of the caller's token (RFC 6750, section 3.1). An empty
    /// list: it demands more and does not say what. A refresh never brings more scopes (RFC 6749, section 6).
    pub step_up: Option<Vec<String>>,
    /// The scopes that a grant without a person must not go beyond: those of the configuration. `None`: it names
    /// none, or a person decides.
    pub limit: Option<Vec<String>>,
}

/// What has to be done to answer a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing: the stored token is the answer.
    Nothing,
    /// A renewal without a person.
    Renewal,
    /// A person: there is nothing to renew with.
    Login,
}

impl Wish {
    /// Whether this very token was rejected.
    #[must_use]
    pub fn rejects(&self, clear: &Clear) -> bool {
        self.rejected.as_ref() == Some(&clear.generation)
    }

    /// Whether the token may be the answer: it was not rejected, and has the scopes that are demanded.
    #[must_use]
    pub fn accepts(&self, clear: &Clear) -> bool {
        let demanded = self.step_up.iter().flatten();
        !self.rejects(clear) && demanded.into_iter().all(|scope| self.sees(scope, clear))
    }

    /// Whether the token may not be the answer, and more scopes are what is wanted.
    #[must_use]
    pub fn lacks_scopes(&self, clear: &Clear) -> bool {
        self.step_up.is_some() && !self.accepts(clear)
    }

    /// Whether the token has `scope`. One that came after the rejected token and was asked for with it counts as
    /// well: whatever was granted, asking again would bring no more.
    fn sees(&self, scope: &String, clear: &Clear) -> bool {
        let among = |scopes: &Option<Vec<String>>| scopes.as_ref().is_some_and(|all| all.contains(scope));
        among(&clear.scopes) || (self.rejected.is_some() && among(&clear.scopes_requested))
    }

    /// Whether a new grant may bring the scopes that are demanded: they were not asked for yet, and may be.
    fn may_widen(&self, clear: &Clear) -> bool {
        let asked = |scope| clear.scopes_requested.as_ref().is_some_and(|all| all.contains(scope));
        !self.exceeds_limit() && self.step_up.iter().flatten().any(|scope| !asked(scope))
    }

    /// Whether scopes are demanded that the configuration does not name.
    #[must_use]
    pub fn exceeds_limit(&self) -> bool {
        let beyond = |limit: &Vec<String>| self.step_up.iter().flatten().any(|scope| !limit.contains(scope));
        self.limit.as_ref().is_some_and(beyond)
    }

    /// Whether the token lives as long as was asked for; `None` when nothing was asked.
    #[must_use]
    pub fn min_ttl_met(&self, clear: &Clear, now: u64) -> Option<bool> {
        (self.min_ttl > 0).then(|| clear.lives_for(now, self.min_ttl.saturating_sub(1)))
    }

    /// Whether a renewal is wanted for the asked life. A server whose tokens never live that long is not
    /// asked again and again: such a token is answered as long as it is fresh.
    fn wants_longer_life(&self, clear: &Clear, now: u64) -> bool {
        self.min_ttl_met(clear, now) == Some(false)
            && clear.lifetime().is_none_or(|lifetime| lifetime > self.min_ttl)
    }
}

/// What `record` needs before `wish` can be answered at `now` (seconds since 1970 UTC).
#[must_use]
pub fn judge(record: Option<&Clear>, wish: &Wish, now: u64) -> Need {
    let Some(clear) = record else {
        let alone = wish.unattended && !wish.exceeds_limit();
        return if alone { Need::Renewal } else { Need::Login };
    };
    let usable = wish.accepts(clear);
    if usable && clear.is_fresh(now, wish.skew) && !wish.wants_longer_life(clear, now) {
        Need::Nothing
    } else if wish.lacks_scopes(clear) {
        if wish.unattended && wish.may_widen(clear) { Need::Renewal } else { Need::Login }
    } else if clear.can_refresh || wish.unattended {
        Need::Renewal
    } else if usable && clear.is_alive(now) {
        Need::Nothing
    } else {
        Need::Login
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::samples;

    fn clear(can_refresh: bool) -> Clear {
        Clear { can_refresh, ..samples::clear(1000, Some(100)) }
    }

    fn wish() -> Wish {
        Wish { skew: 30, ..Wish::default() }
    }

    #[test]
    fn a_fresh_token_needs_nothing() {
        assert_eq!(judge(Some(&clear(true)), &wish(), 1089), Need::Nothing);
    }

    #[test]
    fn a_stale_token_is_renewed_where_it_can_be() {
        assert_eq!(judge(Some(&clear(true)), &wish(), 1090), Need::Renewal);
        let unattended = Wish { unattended: true, ..wish() };
        assert_eq!(judge(Some(&clear(false)), &unattended, 1090), Need::Renewal);
    }

    #[test]
    fn a_token_that_cannot_be_renewed_is_answered_while_it_lives() {
        assert_eq!(judge(Some(&clear(false)), &wish(), 1099), Need::Nothing);
        assert_eq!(judge(Some(&clear(false)), &wish(), 1100), Need::Login);
    }

    #[test]
    fn a_rejected_token_is_no_answer_however_fresh() {
        let wish = Wish { rejected: Some("one".into()), ..wish() };
        assert_eq!(judge(Some(&clear(true)), &wish, 1001), Need::Renewal);
        assert_eq!(judge(Some(&clear(false)), &wish, 1001), Need::Login);
        let newer = Clear { generation: "two".into(), ..clear(true) };
        assert_eq!(judge(Some(&newer), &wish, 1001), Need::Nothing);
    }

    fn scopes(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// Wants `names` of a server that said so to the holder of `rejected`.
    fn step_up(names: &[&str], rejected: Option<&str>) -> Wish {
        Wish { step_up: Some(scopes(names)), rejected: rejected.map(str::to_owned), ..wish() }
    }

    #[test]
    fn more_scopes_need_a_person_and_no_refresh_rule_14() {
        let held = Clear {
            scopes: Some(scopes(&["read"])),
            scopes_requested: Some(scopes(&["read"])),
            ..clear(true)
        };
        for rejected in [None, Some("one"), Some("older")] {
            assert_eq!(judge(Some(&held), &step_up(&["write"], rejected), 1001), Need::Login);
            assert_eq!(judge(Some(&held), &step_up(&["read", "write"], rejected), 1099), Need::Login);
        }
        assert_eq!(judge(None, &step_up(&["write"], None), 0), Need::Login);
        let refused = step_up(&["read"], Some("one"));
        assert_eq!(judge(Some(&held), &refused, 1001), Need::Login, "it has them, and they do not suffice");
        assert_eq!(judge(Some(&held), &step_up(&[], Some("one")), 1001), Need::Login);
    }

    #[test]
    fn a_token_that_another_process_has_stepped_up_is_the_answer() {
        let held = Clear { scopes: Some(scopes(&["write", "read"])), ..clear(true) };
        assert_eq!(judge(Some(&held), &step_up(&["read", "write"], None), 1001), Need::Nothing);
        assert_eq!(judge(Some(&held), &step_up(&["write"], Some("older")), 1001), Need::Nothing);
        assert_eq!(judge(Some(&held), &step_up(&[], Some("older")), 1001), Need::Nothing);
        assert_eq!(judge(Some(&held), &step_up(&["write"], Some("older")), 1090), Need::Renewal, "stale");
        let narrowed = Clear { scopes: Some(scopes(&["read"])), ..clear(true) };
        let asked = Clear { scopes_requested: Some(scopes(&["read", "write"])), ..narrowed };
        assert_eq!(judge(Some(&asked), &step_up(&["write"], Some("older")), 1001), Need::Nothing);
        assert_eq!(judge(Some(&asked), &step_up(&["write"], None), 1001), Need::Login);
    }

    #[test]
    fn a_grant_without_a_person_tries_more_scopes_once_rule_14() {
        let unattended = |wish: Wish| Wish { unattended: true, ..wish };
        let held = Clear {
            scopes: Some(scopes(&["read"])),
            scopes_requested: Some(scopes(&["read"])),
            ..clear(false)
        };
        let wish = unattended(step_up(&["write"], Some("one")));
        assert_eq!(judge(Some(&held), &wish, 1001), Need::Renewal);
        let tried = Clear { scopes_requested: Some(scopes(&["read", "write"])), ..held };
        assert_eq!(judge(Some(&tried), &wish, 1001), Need::Login, "asked for already");
        assert_eq!(judge(Some(&tried), &unattended(step_up(&[], Some("one"))), 1001), Need::Login);
        assert_eq!(judge(None, &wish, 1001), Need::Renewal);
    }

    #[test]
    fn a_configured_scope_is_never_widened_without_a_person_rule_14() {
        let limited = |names: &[&str], rejected| Wish {
            unattended: true,
            limit: Some(scopes(&["read", "list"])),
            ..step_up(names, rejected)
        };
        let asked = Some(scopes(&["read"]));
        let held = Clear { scopes: asked.clone(), scopes_requested: asked, ..clear(false) };
        for now in [1001, 1099, 2000] {
            for rejected in [None, Some("one"), Some("older")] {
                assert_eq!(judge(Some(&held), &limited(&["admin"], rejected), now), Need::Login);
                assert_eq!(judge(Some(&held), &limited(&["read", "admin"], rejected), now), Need::Login);
            }
        }
        assert_eq!(judge(None, &limited(&["admin"], None), 0), Need::Login);
        assert_eq!(judge(None, &limited(&["list"], None), 0), Need::Renewal);
        assert_eq!(judge(Some(&held), &limited(&["list"], Some("one")), 1001), Need::Renewal, "it names it");
    }

    #[test]
    fn no_record_needs_a_person_or_a_grant_without_one() {
        assert_eq!(judge(None, &wish(), 0), Need::Login);
        assert_eq!(judge(None, &Wish { unattended: true, ..wish() }, 0), Need::Renewal);
    }

    #[test]
    fn a_longer_life_is_asked_for_only_where_it_can_be_had() {
        let asks = |min_ttl| Wish { min_ttl, ..wish() };
        assert_eq!(judge(Some(&clear(true)), &asks(50), 1050), Need::Nothing);
        assert_eq!(judge(Some(&clear(true)), &asks(50), 1051), Need::Renewal);
        assert_eq!(judge(Some(&clear(true)), &asks(100), 1051), Need::Nothing, "tokens live 100 s");
        assert_eq!(asks(50).min_ttl_met(&clear(true), 1050), Some(true));
        assert_eq!(asks(50).min_ttl_met(&clear(true), 1051), Some(false));
        assert_eq!(wish().min_ttl_met(&clear(true), 1051), None);
    }
}
