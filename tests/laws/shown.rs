//! Text that a person may see: one plain line, whatever was put into it.

use mcp_credential::failure::Failure;
use mcp_credential::text::{LINE_LIMIT, one_line};

/// The longest message of a failure, in characters: a few foreign texts and our own words around them.
const MESSAGE_LIMIT: usize = 8 * LINE_LIMIT;

/// Whether a terminal shows the character as itself: it is no control character, turns no direction
/// (`Bidi_Control`), breaks no line and is not invisible (`Default_Ignorable_Code_Point` of Unicode 16).
pub fn is_plain(character: char) -> bool {
    let hidden = matches!(u32::from(character),
        0xad | 0x34f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f
        | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfffb
        | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff);
    !(character.is_control() || hidden)
}

/// `one_line` makes one plain line of any text, and leaves such a line alone.
pub fn line(text: &str) {
    let line = one_line(text);
    assert!(line.chars().all(is_plain), "{line:?} is not plain");
    assert!(line.chars().count() <= LINE_LIMIT, "{line:?} is too long");
    assert!(!line.starts_with(' ') && !line.ends_with(' ') && !line.contains("  "), "{line:?} has blanks");
    assert_eq!(one_line(&line), line);
}

/// What a user is told is plain, bounded and not empty.
pub fn message(failure: &Failure) {
    let message = &failure.message;
    assert!(!message.is_empty() && message.chars().all(is_plain), "{message:?} is not plain");
    assert!(message.chars().count() <= MESSAGE_LIMIT, "{message:?} is too long");
}
