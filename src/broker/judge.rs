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
        return if wish.unattended { Need::Renewal } else { Need::Login };
    };
    let usable = !wish.rejects(clear);
    if usable && clear.is_fresh(now, wish.skew) && !wish.wants_longer_life(clear, now) {
        Need::Nothing
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
