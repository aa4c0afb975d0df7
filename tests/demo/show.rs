//! What the demonstration looks like: headings, commands, output, what the server saw, what was checked.
//!
//! Owns: colours (on a terminal, unless `NO_COLOR` is set) and the shortening of secrets. Knows no step of the
//! story, and nothing of what it prints.

use anyhow::{Result, bail};
use std::io::{self, IsTerminal, Stdout, Write};

const BOLD: &str = "1";
const DIM: &str = "2";
const GREEN: &str = "32";
const RED: &str = "31";
const CYAN: &str = "36";

/// Tokens, codes, states and client identifiers are longer than this; nothing else is.
const LONGEST_WORD: usize = 30;
/// What is shown of them.
const SHOWN: usize = 8;
/// The longest line that is shown, in characters.
const LONGEST_LINE: usize = 115;

/// The stage.
pub struct Show {
    out: Stdout,
    colours: bool,
    heading: usize,
    checks: usize,
}

impl Show {
    /// An empty stage on standard output.
    pub fn new() -> Self {
        let out = io::stdout();
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let colours = wanted && out.is_terminal();
        Self { out, colours, heading: 0, checks: 0 }
    }

    /// The number of expectations that were met.
    pub fn checks(&self) -> usize {
        self.checks
    }

    /// A heading, with its number.
    pub fn heading(&mut self, text: &str) -> Result<()> {
        self.heading += 1;
        let heading = self.painted(BOLD, &format!("{}. {text}", self.heading));
        self.line(&format!("\n{heading}"))
    }

    /// A sentence.
    pub fn say(&mut self, text: &str) -> Result<()> {
        self.line(&format!("   {text}"))
    }

    /// A command as a user would type it, perhaps on several lines.
    pub fn command(&mut self, text: &str) -> Result<()> {
        for (at, line) in text.lines().enumerate() {
            let prompt = if at == 0 { '$' } else { ' ' };
            let line = self.painted(CYAN, &shortened(line));
            self.line(&format!("   {prompt} {line}"))?;
        }
        Ok(())
    }

    /// What a command printed.
    pub fn output(&mut self, text: &str) -> Result<()> {
        text.lines().try_for_each(|line| self.line(&format!("     {}", cut(&shortened(line)))))
    }

    /// What the server saw meanwhile.
    pub fn server(&mut self, requests: &[String]) -> Result<()> {
        let nothing = ["nothing".to_owned()];
        let seen = if requests.is_empty() { &nothing } else { requests };
        for (at, request) in seen.iter().enumerate() {
            let who = if at == 0 { "server saw:" } else { "" };
            let line = self.painted(DIM, &format!("{who:<12}{}", shortened(request)));
            self.line(&format!("   {line}"))?;
        }
        Ok(())
    }

    /// An expectation, which ends the demonstration where it is not met.
    pub fn check(&mut self, met: bool, claim: &str) -> Result<()> {
        let verdict = if met { self.painted(GREEN, "ok") } else { self.painted(RED, "NOT MET") };
        self.line(&format!("   {verdict}  {claim}"))?;
        if !met {
            bail!("an expectation was not met: {claim}");
        }
        self.checks += 1;
        Ok(())
    }

    /// The last line.
    pub fn summary(&mut self, text: &str) -> Result<()> {
        let text = self.painted(BOLD, text);
        self.line(&format!("\n{text}"))
    }

    fn painted(&self, colour: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn line(&mut self, text: &str) -> Result<()> {
        writeln!(self.out, "{text}").map_err(Into::into)
    }
}

/// `text` with the beginning alone of every long word.
fn shortened(text: &str) -> String {
    let mut short = String::with_capacity(text.len());
    let in_word = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let end = rest.find(|letter| in_word(letter) != in_word(next)).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        if in_word(next) && end > LONGEST_WORD {
            short.extend(piece.chars().take(SHOWN).chain(['…']));
        } else {
            short.push_str(piece);
        }
        rest = after;
    }
    short
}

fn cut(line: &str) -> String {
    if line.chars().count() <= LONGEST_LINE {
        return line.to_owned();
    }
    line.chars().take(LONGEST_LINE - 1).chain(['…']).collect()
}
