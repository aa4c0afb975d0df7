//! Foreign text made safe for a terminal, a log line or a JSON message.
//!
//! Whatever a server, a file or a caller said passes through here before a person sees it: control,
//! bidirectional and other invisible characters are escaped, and the text is cut to one short line.

use std::path::Path;

/// The longest foreign text that is shown, in characters.
pub const LINE_LIMIT: usize = 200;

/// `text` as one plain line of at most [`LINE_LIMIT`] characters. Runs of white space become one blank,
/// control and invisible characters are written as `\u{…}`, and the rest is cut with an ellipsis.
#[must_use]
pub fn one_line(text: &str) -> String {
    cut(plain(text.chars().take(LINE_LIMIT * 4)))
}

/// The same without a limit, for a message of this program, whose foreign parts were cut when it was made.
#[must_use]
pub fn whole_line(text: &str) -> String {
    plain(text.chars())
}

/// A path of this machine as one plain line, whole: whoever is told what to do there needs it to its end.
#[must_use]
pub fn path_line(path: &Path) -> String {
    whole_line(&path.to_string_lossy())
}

fn plain(text: impl Iterator<Item = char>) -> String {
    let mut line = String::new();
    let mut blank = false;
    for character in text {
        if matches!(character, ' ' | '\t' | '\n' | '\r') {
            blank = !line.is_empty();
            continue;
        }
        if std::mem::take(&mut blank) {
            line.push(' ');
        }
        push_shown(&mut line, character);
    }
    line
}

fn push_shown(line: &mut String, character: char) {
    if character.is_control() || is_invisible(character) {
        line.extend(character.escape_unicode());
    } else {
        line.push(character);
    }
}

/// Characters that take no place or turn the direction of the text around them (UAX #9, UTS #39).
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// A command as a person types it into a shell. A server may have put words into it that a shell would act on.
#[must_use]
pub fn command_line<S: AsRef<str>>(words: &[S]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./_-".contains(c);
    let quoted = |word: &S| {
        let word = word.as_ref();
        if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

fn cut(line: String) -> String {
    if line.chars().nth(LINE_LIMIT).is_none() {
        return line;
    }
    let kept: String = line.chars().take(LINE_LIMIT - 1).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_sequences_and_direction_marks_are_escaped() {
        assert_eq!(one_line("a\x1b[31mb\u{202e}c"), "a\\u{1b}[31mb\\u{202e}c");
        assert_eq!(one_line("a\u{1bca0}b\u{1bca3}"), "a\\u{1bca0}b\\u{1bca3}");
    }

    #[test]
    fn lines_are_joined_and_trimmed() {
        assert_eq!(one_line("\r\n one\n\n two \t"), "one two");
    }

    #[test]
    fn a_message_of_this_program_is_shown_to_its_end_and_as_plainly() {
        let text = format!("{}\r\n\x1b next", "x".repeat(10_000));
        assert_eq!(whole_line(&text), format!("{} \\u{{1b}} next", "x".repeat(10_000)));
    }

    #[test]
    fn a_path_is_shown_to_its_end_and_as_plainly() {
        let path = format!("/{}/a\n\x1bb", "x".repeat(1000));
        assert_eq!(path_line(Path::new(&path)), format!("/{}/a \\u{{1b}}b", "x".repeat(1000)));
    }

    #[test]
    fn long_text_is_cut_to_the_limit() {
        let cut = one_line(&"x".repeat(10_000));
        assert_eq!(cut.chars().count(), LINE_LIMIT);
        assert!(cut.ends_with('…'));
    }
}
