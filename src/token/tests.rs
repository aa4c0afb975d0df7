use super::samples::{clear, granted};
use super::*;

fn record() -> TokenRecord {
    samples::record("demo")
}

#[test]
fn the_margin_is_at_most_a_tenth_of_the_lifetime() {
    assert_eq!(clear(1000, Some(3600)).refresh_after(30), 4570);
    assert_eq!(clear(1000, Some(60)).refresh_after(30), 1054);
    assert_eq!(clear(1000, Some(3)).refresh_after(30), 1003);
    assert_eq!(clear(1000, Some(0)).refresh_after(30), 1000);
}

#[test]
fn a_token_of_unknown_lifetime_is_renewed_after_an_hour_and_stays_alive() {
    let clear = clear(1000, None);
    assert!(clear.is_fresh(1000 + ASSUMED_LIFETIME - 31, 30));
    assert!(!clear.is_fresh(1000 + ASSUMED_LIFETIME, 30));
    assert!(clear.is_alive(u64::MAX));
}

#[test]
fn a_token_from_the_future_is_stale() {
    assert!(!clear(1000 + CLOCK_TOLERANCE + 1, Some(3600)).is_fresh(1000, 30));
    assert!(clear(1000 + CLOCK_TOLERANCE, Some(3600)).is_fresh(1000, 30));
}

#[test]
fn the_last_second_of_a_life_is_no_longer_alive() {
    let clear = clear(1000, Some(10));
    assert!(clear.is_alive(1009) && !clear.is_alive(1010));
    assert!(clear.has_real_life(1004) && !clear.has_real_life(1005));
}

#[test]
fn an_answer_without_refresh_token_keeps_the_old_one() {
    let renewed = TokenRecord::renewed(&record(), &granted(None, Some(60), None), "two".into());
    assert_eq!(renewed.refresh_token, Some(Secret::new("refresh-1")));
    assert_eq!(renewed.access_token, Secret::new("access-2"));
    assert!(renewed.clear.can_refresh);
    assert_eq!((renewed.clear.generation.as_str(), renewed.clear.predecessor.as_str()), ("two", "one"));
}

#[test]
fn a_rotated_refresh_token_replaces_the_old_one() {
    let renewed = TokenRecord::renewed(&record(), &granted(Some("refresh-2"), Some(60), None), "two".into());
    assert_eq!(renewed.refresh_token, Some(Secret::new("refresh-2")));
    assert_eq!(renewed.clear.refresh_obtained_at, Some(5000));
}

#[test]
fn expiry_counts_from_the_sending_and_saturates() {
    let renewed = TokenRecord::renewed(&record(), &granted(None, Some(u64::MAX), None), "two".into());
    assert_eq!(renewed.clear.expires_at, Some(clock::LAST_SECOND));
    let renewed = TokenRecord::renewed(&record(), &granted(None, Some(7), None), "two".into());
    assert_eq!(renewed.clear.expires_at, Some(5007));
}

#[test]
fn scopes_are_those_asked_for_unless_the_answer_names_others() {
    assert_eq!(record().clear.scopes, Some(vec!["read".into(), "write".into()]));
    let renewed = TokenRecord::renewed(&record(), &granted(None, None, Some("read read")), "two".into());
    assert_eq!(renewed.clear.scopes, Some(vec!["read".into()]));
    let again = TokenRecord::renewed(&renewed, &granted(None, None, None), "three".into());
    assert_eq!(again.clear.scopes, Some(vec!["read".into()]));
}

#[test]
fn a_refused_refresh_token_goes_alone() {
    let left = record().without_refresh_token();
    assert_eq!(left.access_token, Secret::new("access-1"));
    assert_eq!(left.clear.generation, "one");
    assert!(left.refresh_token.is_none() && !left.clear.can_refresh);
}
