//! The environment variables, as this program understands them.
//!
//! Owns which variables there are, how booleans are spelled and which variables carry secrets. Nothing else
//! in the program reads a variable. Variables are looked up when they are asked for, never copied as a
//! whole: most commands need few of them. An empty variable counts as unset.

use super::keys::KEYS;
use super::{Interactive, invalid};
use crate::failure::Outcome;
use crate::logging::level;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

/// The variable with the client secret.
pub const CLIENT_SECRET: &str = "OAUTH2_CLIENT_SECRET";

/// The variables that carry a secret of ours: no child process gets them.
pub const SECRET_VARIABLES: [&str; 6] = [
    CLIENT_SECRET,
    "OAUTH2_EXTRA_PARAMS",
    "OAUTH2_REFRESH_TOKEN",
    "OAUTH2_AUTHORIZATION_CODE",
    "OAUTH2_CODE_VERIFIER",
    "MCP_CREDENTIAL_KEY",
];

/// The environment of this process, or a list that stands for one.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// The variables; `None` means those of the process.
    pairs: Option<Vec<(OsString, OsString)>>,
    /// The home directory of the user database, for an environment that is a list.
    account_home: Option<PathBuf>,
}

impl Environment {
    /// The environment of this process. Costs nothing: variables are looked up one by one.
    #[must_use]
    pub fn from_process() -> Self {
        Self::default()
    }

    /// An environment of exactly these variables, for a user without an entry in the user database.
    pub fn from_pairs<K, V>(pairs: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<OsString>,
        V: Into<OsString>,
    {
        let pairs = pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { pairs: Some(pairs), account_home: None }
    }

    /// The same environment for a user whose entry in the user database names `home`.
    #[must_use]
    pub fn with_account_home(mut self, home: impl Into<PathBuf>) -> Self {
        self.account_home = Some(home.into());
        self
    }

    /// The variable as it stands, or `None` where it is unset or empty.
    #[must_use]
    pub fn raw(&self, name: &str) -> Option<OsString> {
        let value = match &self.pairs {
            None => std::env::var_os(name),
            Some(pairs) => pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()),
        };
        value.filter(|value| !value.is_empty())
    }

    /// The variable as text.
    ///
    /// # Errors
    /// `config_invalid` where it is not UTF-8.
    pub fn text(&self, name: &str) -> Outcome<Option<String>> {
        let Some(value) = self.raw(name) else { return Ok(None) };
        value.into_string().map(Some).map_err(|_| {
            invalid(format!("the environment variable `{name}` is not valid UTF-8; correct it or unset it"))
        })
    }

    /// The variable as a path, whatever its bytes are.
    #[must_use]
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.raw(name).map(PathBuf::from)
    }

    /// The home directory of the account in the user database, for when `HOME` is not set.
    #[must_use]
    pub fn account_home(&self) -> Option<PathBuf> {
        if self.pairs.is_some() {
            return self.account_home.clone();
        }
        directories::BaseDirs::new().map(|places| places.home_dir().to_owned())
    }

    /// Whether this is an automated build (`CI`): no browser is opened there. `false` and `0` mean no.
    #[must_use]
    pub fn is_ci(&self) -> bool {
        self.raw("CI").is_some_and(|value| value.to_str().and_then(boolean) != Some(false))
    }

    /// Whether the terminal is a remote one (`SSH_CONNECTION`): a browser here would open elsewhere.
    #[must_use]
    pub fn is_ssh(&self) -> bool {
        self.raw("SSH_CONNECTION").is_some()
    }

    /// Whether there is a screen for a browser: `DISPLAY` or `WAYLAND_DISPLAY`, where the system uses them.
    #[must_use]
    pub fn has_display(&self) -> bool {
        cfg!(any(windows, target_os = "macos"))
            || ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| self.raw(name).is_some())
    }

    /// The URL that Claude Code states for the server that it wants headers for.
    ///
    /// # Errors
    /// `config_invalid` where it is not UTF-8.
    pub fn caller_url(&self) -> Outcome<Option<String>> {
        self.text("CLAUDE_CODE_MCP_SERVER_URL")
    }

    /// The name under which Claude Code knows the server. It need not be ours.
    ///
    /// # Errors
    /// `config_invalid` where it is not UTF-8.
    pub fn caller_name(&self) -> Outcome<Option<String>> {
        self.text("CLAUDE_CODE_MCP_SERVER_NAME")
    }

    /// How much is logged: `MCP_CREDENTIAL_LOG`, else `LOG_LEVEL`. The latter belongs to many programs, so a
    /// value that is unknown here is left to them.
    ///
    /// # Errors
    /// `config_invalid` where `MCP_CREDENTIAL_LOG` is no level.
    pub fn log_level(&self) -> Outcome<Option<log::LevelFilter>> {
        let Some(text) = self.text("MCP_CREDENTIAL_LOG")? else {
            return Ok(self.raw("LOG_LEVEL").and_then(|value| level(value.to_str()?).ok()));
        };
        level(&text).map(Some).map_err(|_| {
            invalid("`MCP_CREDENTIAL_LOG` must be one of off, error, warn, info, debug, trace".to_owned())
        })
    }

    /// Whether a login may start, as the environment alone says it (`MCP_CREDENTIAL_INTERACTIVE`, else
    /// `OAUTH2_INTERACTIVE`).
    ///
    /// # Errors
    /// `config_invalid` where the variable holds something else.
    pub fn interactive(&self) -> Outcome<Option<Interactive>> {
        let mut stated = None;
        for name in ["OAUTH2_INTERACTIVE", "MCP_CREDENTIAL_INTERACTIVE"] {
            let Some(text) = self.text(name)? else { continue };
            let value = interactive(&text)
                .ok_or_else(|| invalid(format!("`{name}` must be auto, always, never, true or false")))?;
            stated = Some(stated.map_or(value, |earlier: Interactive| earlier.overridden_by(value)));
        }
        Ok(stated)
    }

    /// A variable that describes a server, where none says which: such an environment defines no server.
    #[must_use]
    pub fn lacks_url(&self) -> Option<&'static str> {
        // These two hold for every server.
        let of_one = |variable: &&str| !["OAUTH2_INTERACTIVE", "OAUTH2_TOKEN_CACHE_DIR"].contains(variable);
        let mut variables = KEYS.iter().filter_map(|key| key.variable).filter(of_one);
        let set = variables.find(|variable| self.raw(variable).is_some())?;
        self.raw("UPSTREAM_URL").is_none().then_some(set)
    }

    /// Whether the environment gives the client secret.
    #[must_use]
    pub fn has_client_secret(&self) -> bool {
        self.raw(CLIENT_SECRET).is_some()
    }

    /// Gives `command` this environment without [`SECRET_VARIABLES`] and without `also`.
    pub fn hand_down(&self, command: &mut Command, also: &[&str]) {
        if let Some(pairs) = &self.pairs {
            command.env_clear().envs(pairs.iter().map(|(name, value)| (name, value)));
        }
        for name in SECRET_VARIABLES.iter().chain(also) {
            command.env_remove(name);
        }
    }
}

/// `true`, `1`, `yes`, `on` and their opposites, in any case.
pub(super) fn boolean(text: &str) -> Option<bool> {
    let is = |words: [&str; 4]| words.iter().any(|word| text.trim().eq_ignore_ascii_case(word));
    if is(["true", "1", "yes", "on"]) {
        return Some(true);
    }
    is(["false", "0", "no", "off"]).then_some(false)
}

/// The words of `interactive`, booleans included.
pub(super) fn interactive(text: &str) -> Option<Interactive> {
    match text.trim().to_ascii_lowercase().as_str() {
        "auto" => Some(Interactive::Auto),
        "always" => Some(Interactive::Always),
        "never" => Some(Interactive::Never),
        word => boolean(word).map(|yes| if yes { Interactive::Always } else { Interactive::Never }),
    }
}
