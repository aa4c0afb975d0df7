//! `src/token.rs`: the arithmetic of a token's life, and what a new answer makes of a record.

use crate::clear::{record, second, seconds, timed};
use crate::{holds, holds_slowly};
use mcp_credential::clock::LAST_SECOND;
use mcp_credential::oauth::grant::Granted;
use mcp_credential::secret::Secret;
use mcp_credential::token::{ASSUMED_LIFETIME, Clear, TokenRecord, split_scope};
use proptest::option::of;
use proptest::prelude::*;

/// The end that is counted with.
fn end(clear: &Clear) -> u64 {
    clear.expires_at.unwrap_or(clear.obtained_at.saturating_add(ASSUMED_LIFETIME))
}

#[test]
fn the_margin_is_neither_longer_than_asked_nor_than_a_tenth_of_the_life() {
    holds((timed(), seconds()), |(clear, skew)| {
        let (end, after) = (end(&clear), clear.refresh_after(skew));
        assert!(after <= end);
        let lifetime = u128::from(end.saturating_sub(clear.obtained_at));
        assert!(end - after <= skew && u128::from(end - after) * 10 <= lifetime);
        assert!(end - after == skew || end - after == u64::try_from(lifetime / 10).unwrap());
    });
}

#[test]
fn a_fresh_token_is_alive_and_not_from_the_future() {
    holds((timed(), second(), seconds()), |(clear, now, skew)| {
        if clear.is_fresh(now, skew) {
            assert!(clear.is_alive(now) && now < end(&clear));
            assert!(clear.obtained_at <= now.saturating_add(60));
        }
    });
}

#[test]
fn a_token_only_ages_while_the_clock_goes_on() {
    holds((timed(), second(), seconds(), seconds()), |(clear, now, more, skew)| {
        let later = now.saturating_add(more);
        assert!(!clear.is_alive(later) || clear.is_alive(now));
        assert!(!clear.has_real_life(now) || clear.is_alive(now));
        assert!(!clear.lives_for(now, more) || clear.is_alive(now));
        if clear.obtained_at <= now {
            assert!(!clear.is_fresh(later, skew) || clear.is_fresh(now, skew));
        }
        assert!(!clear.is_fresh(now, skew.saturating_add(more)) || clear.is_fresh(now, skew));
    });
}

fn granted() -> impl Strategy<Value = Granted> {
    let secret = || any::<String>().prop_map(Secret::new);
    (secret(), of(secret()), of(seconds()), of(any::<String>()), second()).prop_map(
        |(access_token, refresh_token, expires_in, scope, sent_at)| Granted {
            access_token,
            refresh_token,
            token_type: "Bearer".to_owned(),
            expires_in,
            scope,
            sent_at,
        },
    )
}

/// What every record of an answer has from it.
fn is_from(record: &TokenRecord, granted: &Granted, generation: &str) {
    let clear = &record.clear;
    assert_eq!(record.access_token, granted.access_token);
    assert_eq!((clear.obtained_at, clear.generation.as_str()), (granted.sent_at, generation));
    assert_eq!(clear.can_refresh, record.refresh_token.is_some());
    let expected = granted.expires_in.map(|life| granted.sent_at.saturating_add(life).min(LAST_SECOND));
    assert_eq!(clear.expires_at, expected);
}

#[test]
fn a_renewal_keeps_what_the_answer_does_not_replace() {
    holds_slowly((record(), granted()), |(before, granted)| {
        let after = TokenRecord::renewed(&before, &granted, "three".to_owned());
        is_from(&after, &granted, "three");
        assert_eq!(after.refresh_token, granted.refresh_token.clone().or(before.refresh_token.clone()));
        assert_eq!(after.clear.predecessor, before.clear.generation);
        assert_eq!((&after.other, &after.clear.other), (&before.other, &before.clear.other));
        let bound = |clear: &Clear| {
            (clear.server.clone(), clear.url.clone(), clear.issuer.clone(), clear.client_id.clone())
        };
        assert_eq!(bound(&after.clear), bound(&before.clear));
    });
}

#[test]
fn a_first_record_has_nothing_of_another_token() {
    holds((timed(), granted()), |(clear, granted)| {
        let first = TokenRecord::first(clear, &granted, "one".to_owned());
        is_from(&first, &granted, "one");
        assert_eq!(first.refresh_token, granted.refresh_token);
        assert_eq!(first.clear.refresh_obtained_at.is_some(), first.refresh_token.is_some());
        assert!(first.other.is_empty());
        let without = first.without_refresh_token();
        assert!(without.refresh_token.is_none() && !without.clear.can_refresh);
        assert_eq!(without.clear.generation, first.clear.generation);
    });
}

#[test]
fn a_scope_is_split_into_its_names_each_once_and_in_order() {
    holds("[ab]{0,2}( {1,2}[abc]{1,2}){0,6}", |scope| {
        let names = split_scope(&scope);
        let written: Vec<&str> = scope.split(' ').filter(|name| !name.is_empty()).collect();
        assert!(written.iter().all(|name| names.contains(&(*name).to_owned())));
        let firsts: Vec<usize> =
            names.iter().map(|name| written.iter().position(|one| one == name).unwrap()).collect();
        assert!(firsts.is_sorted_by(|one, next| one < next), "{scope:?} became {names:?}");
    });
}
