//! Reads a secret from where the configuration says it is, at the moment when a request needs it.
//!
//! Owns which secrets the configuration can point to, and their bounds: 64 KiB, five seconds for a command, one
//! line for all but a private key. It keeps nothing, and no message of it holds any part of a secret or of what
//! a command printed.

use super::secret_command::{self, Bounds, Trouble};
use super::{Environment, invalid, read};
use crate::failure::{Code, Failure, Outcome};
use crate::secret::Secret;
use crate::text::{one_line, path_line};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// The largest secret, in bytes.
const SIZE_LIMIT: u64 = 64 * 1024;

/// How long a command may take.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Which secret it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Setting {
    /// `clientSecret`, `clientSecretFile`, `clientSecretEnv`, `clientSecretCommand`.
    #[default]
    ClientSecret,
    /// `assertionFile`, `assertionEnv`, `assertionCommand`: the workload's JWT (RFC 7523, section 2.1).
    Assertion,
    /// `idpIdTokenFile`, `idpIdTokenEnv`, `idpIdTokenCommand`: the person's ID token.
    IdpIdToken,
    /// `idpClientSecretFile`, `idpClientSecretEnv`, `idpClientSecretCommand`.
    IdpClientSecret,
    /// `privateKeyFile`: a key in PEM form, the only one that has several lines.
    PrivateKey,
}

impl Setting {
    /// The part that its keys begin with.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::ClientSecret => "clientSecret",
            Self::Assertion => "assertion",
            Self::IdpIdToken => "idpIdToken",
            Self::IdpClientSecret => "idpClientSecret",
            Self::PrivateKey => "privateKey",
        }
    }

    /// What it is called in a sentence.
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::ClientSecret => "client secret",
            Self::Assertion => "assertion",
            Self::IdpIdToken => "ID token",
            Self::IdpClientSecret => "client secret for the identity provider",
            Self::PrivateKey => "private key",
        }
    }

    /// What is wrong with the text beyond its lines, where its form is known.
    fn problem(self, text: &str) -> Option<&'static str> {
        let is_jwt = matches!(self, Self::Assertion | Self::IdpIdToken);
        (is_jwt && !is_jwt_like(text))
            .then_some("is no JWT, whose parts are base64url with dots between them")
    }
}

/// Whether the text has the form of a signed or encrypted JWT (RFC 7519, section 3). Whether it is a good one
/// is for the server to say.
fn is_jwt_like(text: &str) -> bool {
    let of_alphabet = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    text.bytes().all(of_alphabet) && matches!(text.split('.').count(), 3 | 5)
}

/// The longest name of a variable that is shown, in bytes.
const LONGEST_SHOWN: usize = 64;

/// Whether the name is one as people give them: capital letters, digits and underscores.
fn is_variable_like(name: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let begins = name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    begins && name.len() <= LONGEST_SHOWN && name.bytes().all(fine)
}

/// Where a secret lies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SecretPlace {
    /// There is none.
    #[default]
    None,
    /// In the configuration itself, or in the variable that overrides its key.
    Value(Secret),
    /// In a file, with or without a line end after it (`…File`).
    File(PathBuf),
    /// In an environment variable (`…Env`).
    Variable(String),
    /// A command prints it (`…Command`): program and arguments, no shell.
    Command(Vec<String>),
}

/// Where a secret comes from. It is read only when a request needs it, anew each time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SecretSource {
    setting: Setting,
    place: SecretPlace,
}

impl SecretSource {
    /// The secret `setting`, which lies at `place`.
    #[must_use]
    pub fn new(setting: Setting, place: SecretPlace) -> Self {
        Self { setting, place }
    }

    /// Whether the configuration says where one is. Whether it is there shows when it is read.
    #[must_use]
    pub fn is_given(&self) -> bool {
        self.place != SecretPlace::None
    }

    /// The secret, or `None` where none is configured.
    ///
    /// # Errors
    /// `config_invalid` where it is missing, empty or has several lines; `unavailable` where a command failed
    /// or took too long, as a locked password store does.
    pub fn read(&self, env: &Environment) -> Outcome<Option<Secret>> {
        self.read_within(env, TIME_LIMIT)
    }

    /// As [`SecretSource::read`]; a command is also stopped at `deadline`.
    ///
    /// # Errors
    /// Those of [`SecretSource::read`].
    pub fn read_by(&self, env: &Environment, deadline: Instant) -> Outcome<Option<Secret>> {
        self.read_within(env, TIME_LIMIT.min(deadline.saturating_duration_since(Instant::now())))
    }

    /// The environment variable that carries the secret; no child process gets it.
    #[must_use]
    pub fn variable(&self) -> Option<&str> {
        match &self.place {
            SecretPlace::Variable(name) => Some(name),
            _ => None,
        }
    }

    /// The same for a message: `None` where the name does not look like one, since it may be the secret itself that
    /// somebody put there.
    #[must_use]
    pub fn shown_variable(&self) -> Option<&str> {
        self.variable().filter(|name| is_variable_like(name))
    }

    /// The file that holds the secret.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match &self.place {
            SecretPlace::File(path) => Some(path),
            _ => None,
        }
    }

    pub(super) fn read_within(&self, env: &Environment, limit: Duration) -> Outcome<Option<Secret>> {
        match &self.place {
            SecretPlace::None => return Ok(None),
            SecretPlace::Value(secret) => Ok(secret.clone()),
            SecretPlace::File(path) => self.in_file(path),
            SecretPlace::Variable(name) => self.in_variable(name, env),
            SecretPlace::Command(words) => self.printed(words, env, limit),
        }
        .map(Some)
    }

    fn in_file(&self, path: &Path) -> Outcome<Secret> {
        let (noun, key) = (self.setting.noun(), self.setting.key());
        let what = || format!("the {noun} file {} (`{key}File`)", path_line(path));
        let found = read::text_file(path, SIZE_LIMIT, &what)?;
        let found = found.ok_or_else(|| invalid(format!("{} does not exist", what())))?;
        self.one_secret(&found.text).map_err(|problem| invalid(format!("{} {problem}", what())))
    }

    fn in_variable(&self, name: &str, env: &Environment) -> Outcome<Secret> {
        let (noun, key) = (self.setting.noun(), self.setting.key());
        let (what, next) = match self.shown_variable() {
            Some(name) => (format!("the environment variable `{name}` (`{key}Env`)"), String::new()),
            None => (
                format!("the environment variable that `{key}Env` names"),
                format!(
                    "; if that key holds the {noun} itself, put it into a file and name that in `{key}File`"
                ),
            ),
        };
        let what = || what.clone();
        let text = env.text(name).map_err(|_| invalid(format!("{} is not valid UTF-8", what())))?;
        let text = text.map(Zeroizing::new);
        let text =
            text.ok_or_else(|| invalid(format!("{} is not set; set it to the {noun}{next}", what())))?;
        self.one_secret(&text).map_err(|problem| invalid(format!("{} {problem}", what())))
    }

    fn printed(&self, words: &[String], env: &Environment, limit: Duration) -> Outcome<Secret> {
        let program = words.first().map(String::as_str).unwrap_or_default();
        let what = format!("the command `{}` (`{}Command`)", one_line(program), self.setting.key());
        let bounds = Bounds { time: limit, size: SIZE_LIMIT };
        let output = secret_command::run(words, env, &bounds).map_err(|trouble| match trouble {
            Trouble::Start(error) => invalid(format!("{what} cannot be started ({error})")),
            Trouble::Ended(problem) => {
                Failure::new(Code::Unavailable, format!("{what} {problem}; run it by hand to see why"))
            }
        })?;
        if output.len() as u64 > SIZE_LIMIT {
            return Err(invalid(format!("{what} printed more than {SIZE_LIMIT} bytes")));
        }
        let text = std::str::from_utf8(&output).map_err(|_| invalid(format!("{what} did not print text")))?;
        self.one_secret(text).map_err(|problem| invalid(format!("the output of {what} {problem}")))
    }

    /// The text without the line end after it.
    fn one_secret(&self, text: &str) -> Result<Secret, String> {
        let noun = self.setting.noun();
        let line = text.strip_suffix('\n').unwrap_or(text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            return Err(format!("is empty; it must be the {noun}"));
        }
        let may_have_lines = self.setting == Setting::PrivateKey;
        let is_fine =
            |char: char| !char.is_control() || (may_have_lines && matches!(char, '\r' | '\n' | '\t'));
        match (line.chars().all(is_fine), may_have_lines) {
            (true, _) => match self.setting.problem(line) {
                Some(problem) => Err(problem.to_owned()),
                None => Ok(Secret::new(line)),
            },
            (false, true) => Err(format!("has a control character; it must be the {noun} alone")),
            (false, false) => {
                Err(format!("has more than one line or a control character; it must be the {noun} alone"))
            }
        }
    }
}
