//! `src/broker/judge.rs`: what a record is worth to a call.

use crate::clear::{second, seconds, timed};
use crate::{holds, one_of};
use mcp_credential::broker::{Need, Wish, judge};
use mcp_credential::token::Clear;
use proptest::option::of;
use proptest::prelude::*;

fn wish() -> impl Strategy<Value = Wish> {
    let min_ttl = prop_oneof![2 => Just(0), 2 => seconds()];
    let rejected = of(one_of(["one".to_owned(), "two".to_owned()]));
    (min_ttl, rejected, seconds(), any::<bool>()).prop_map(|(min_ttl, rejected, skew, unattended)| Wish {
        min_ttl,
        rejected,
        skew,
        unattended,
        ..Wish::default()
    })
}

/// A call at a moment of the token's life.
fn call() -> impl Strategy<Value = (Clear, Wish, u64)> {
    (timed(), wish(), second(), 0..200_u64).prop_map(|(clear, wish, now, near)| {
        let now = match near {
            0..50 => clear.obtained_at.saturating_add(near),
            50..100 => clear.expires_at.unwrap_or(now).saturating_sub(near - 50),
            _ => now,
        };
        (clear, wish, now)
    })
}

#[test]
fn a_rejected_generation_is_never_the_answer() {
    holds(call(), |(clear, wish, now)| {
        let wish = Wish { rejected: Some(clear.generation.clone()), ..wish };
        assert_ne!(judge(Some(&clear), &wish, now), Need::Nothing);
    });
}

#[test]
fn a_dead_token_is_never_the_answer() {
    holds(call(), |(clear, wish, now)| {
        if judge(Some(&clear), &wish, now) == Need::Nothing {
            assert!(clear.is_alive(now));
        }
    });
}

#[test]
fn a_fresh_token_is_the_answer_unless_it_was_rejected_or_a_longer_life_is_asked_for() {
    holds(call(), |(clear, wish, now)| {
        let plain = Wish { min_ttl: 0, rejected: None, ..wish };
        if clear.is_fresh(now, plain.skew) {
            assert_eq!(judge(Some(&clear), &plain, now), Need::Nothing);
        }
    });
}

#[test]
fn a_longer_life_is_not_asked_for_where_no_token_lives_that_long() {
    holds(call(), |(clear, wish, now)| {
        let wish = Wish { rejected: None, min_ttl: wish.min_ttl.max(clear.lifetime().unwrap_or(0)), ..wish };
        if clear.expires_at.is_some() && clear.is_fresh(now, wish.skew) {
            assert_eq!(judge(Some(&clear), &wish, now), Need::Nothing);
        }
    });
}

#[test]
fn nobody_is_asked_to_log_in_where_a_renewal_can_be_had() {
    holds(call(), |(clear, wish, now)| {
        let need = judge(Some(&clear), &wish, now);
        assert!(need != Need::Login || !(clear.can_refresh || wish.unattended));
        assert!(need != Need::Renewal || clear.can_refresh || wish.unattended);
        let without = judge(None, &wish, now);
        assert_eq!(without, if wish.unattended { Need::Renewal } else { Need::Login });
    });
}

fn scopes() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(one_of(["a", "b", "c"]).prop_map(str::to_owned), 0..3)
}

#[test]
fn more_scopes_are_never_sought_by_a_refresh_and_a_token_without_them_is_no_answer() {
    holds(
        (call(), of(scopes()), of(scopes()), scopes()),
        |((clear, wish, now), granted, requested, demanded)| {
            let clear = Clear { scopes: granted, scopes_requested: requested, ..clear };
            let wish = Wish { step_up: Some(demanded.clone()), ..wish };
            let need = judge(Some(&clear), &wish, now);
            if !wish.accepts(&clear) {
                assert!(need == Need::Login || (need == Need::Renewal && wish.unattended));
            }
            if need == Need::Nothing {
                let asked = clear.scopes_requested.filter(|_| wish.rejected.is_some());
                let held = [clear.scopes, asked].into_iter().flatten().flatten().collect::<Vec<_>>();
                assert!(demanded.iter().all(|scope| held.contains(scope)), "{held:?} for {demanded:?}");
            }
        },
    );
}

#[test]
fn a_life_that_is_long_enough_is_told_truthfully() {
    holds(call(), |(clear, wish, now)| {
        let met = wish.min_ttl_met(&clear, now);
        assert_eq!(met.is_none(), wish.min_ttl == 0);
        let left = clear.expires_at.map(|end| u128::from(end).saturating_sub(u128::from(now)));
        if let (Some(met), Some(left), true) = (met, left, now < u64::MAX / 2 && wish.min_ttl < u64::MAX / 2)
        {
            assert_eq!(met, left >= u128::from(wish.min_ttl));
        }
    });
}
