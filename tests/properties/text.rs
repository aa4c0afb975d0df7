//! `src/text.rs`: foreign text on one plain line.

use crate::laws::shown;
use crate::{holds, one_of, urls};
use mcp_credential::text::{LINE_LIMIT, one_line};
use proptest::prelude::*;

#[test]
fn any_text_becomes_one_plain_line() {
    let all = (0..=0x10_ffff).filter_map(char::from_u32);
    let hidden = one_of(all.filter(|character| !shown::is_plain(*character)).collect::<Vec<_>>());
    let blank = one_of([' ', '\t', '\n', '\r', 'x']);
    let character = prop_oneof![any::<char>(), hidden, blank];
    let long = prop::collection::vec(character, 0..LINE_LIMIT * 2).prop_map(String::from_iter);
    holds(prop_oneof![long, any::<String>(), urls::soup(20)], |text| shown::line(&text));
}

#[test]
fn no_character_of_unicode_comes_out_that_a_terminal_acts_on() {
    let all: Vec<char> = (0..=0x10_ffff).filter_map(char::from_u32).collect();
    // In pieces that are not cut: each character may take ten.
    for characters in all.chunks(LINE_LIMIT / 10) {
        let line = one_line(&characters.iter().collect::<String>());
        assert!(line.chars().all(shown::is_plain), "{line:?}");
        assert!(!line.ends_with('…') || characters.contains(&'…'), "{line:?} was cut");
    }
}

#[test]
fn plain_text_is_shown_as_it_is() {
    holds("[!-~àéß漢字]{1,20}( [!-~]{1,20}){0,5}", |text| assert_eq!(one_line(&text), text));
}
