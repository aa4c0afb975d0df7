//! The grammar of RFC 9110, section 11.2, read leniently: `challenge = scheme [ 1*SP ( token68 / #param ) ]`.

/// One challenge as it was written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Raw {
    /// The scheme, in the server's spelling.
    pub(super) scheme: String,
    /// Names in lower case, values without quotes.
    params: Vec<(String, String)>,
}

impl Raw {
    /// The value of a parameter that is there once, or always with the same value, and not empty.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        let mut values = self.params.iter().filter(|(known, _)| known == name).map(|(_, value)| value);
        let first = values.next().filter(|value| !value.is_empty())?;
        values.all(|value| value == first).then(|| first.clone())
    }
}

/// All challenges of one field, up to the first byte that cannot be understood.
pub(super) fn challenges(field: &str) -> Vec<Raw> {
    let mut reader = Reader(field);
    let mut found: Vec<Raw> = Vec::new();
    loop {
        reader.skip(|c| c == ',' || is_blank(c));
        let Some(word) = reader.word() else { return found };
        match (reader.parameter(), found.last_mut()) {
            (Value::Read(value), Some(challenge)) => {
                challenge.params.push((word.to_ascii_lowercase(), value));
            }
            (Value::Absent, _) => {
                reader.skip_token68();
                found.push(Raw { scheme: word.to_owned(), params: Vec::new() });
            }
            // A parameter before any scheme, or one whose quotes never close.
            (Value::Read(_), None) | (Value::Broken, _) => return found,
        }
    }
}

/// What follows a word.
enum Value {
    /// `=` and a value: the word was the name of a parameter.
    Read(String),
    /// No `=`: the word is a scheme.
    Absent,
    /// `=` and a quoted text without an end.
    Broken,
}

/// The rest of the field.
struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    fn skip(&mut self, skipped: impl Fn(char) -> bool) {
        self.0 = self.0.trim_start_matches(skipped);
    }

    fn until(&mut self, end: impl Fn(char) -> bool) -> &'a str {
        let length = self.0.find(end).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    /// A `token` of RFC 9110, section 5.6.2.
    fn word(&mut self) -> Option<&'a str> {
        Some(self.until(|c| !is_token(c))).filter(|word| !word.is_empty())
    }

    /// The value after a name. Blanks around `=` are let pass.
    fn parameter(&mut self) -> Value {
        let Some(value) = self.0.trim_start_matches(is_blank).strip_prefix('=') else { return Value::Absent };
        self.0 = value;
        self.skip(is_blank);
        if !self.0.starts_with('"') {
            // Not only a token: many servers write a URL without quotes.
            return Value::Read(self.until(|c| c == ',' || is_blank(c)).to_owned());
        }
        self.quoted().map_or(Value::Broken, Value::Read)
    }

    /// A quoted string (RFC 9110, section 5.6.4) with its escapes undone.
    fn quoted(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut characters = self.0.char_indices().skip(1);
        while let Some((index, character)) = characters.next() {
            match character {
                '"' => {
                    self.0 = &self.0[index + 1..];
                    return Some(text);
                }
                '\\' => text.push(characters.next()?.1),
                other => text.push(other),
            }
        }
        None
    }

    /// Passes over the `token68` of a scheme such as Negotiate: base64 letters, `=` at the end only, and
    /// then the end of the element.
    fn skip_token68(&mut self) {
        let rest = self.0.trim_start_matches(is_blank);
        let length = rest.find(|c| c == ',' || is_blank(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(length);
        let ends = after.trim_start_matches(is_blank);
        let body = word.trim_end_matches('=');
        let is_base64 = |c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c);
        if !body.is_empty() && body.chars().all(is_base64) && (ends.is_empty() || ends.starts_with(',')) {
            self.0 = after;
        }
    }
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t')
}

fn is_token(character: char) -> bool {
    character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character)
}
