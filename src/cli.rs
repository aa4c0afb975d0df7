//! What the user typed: clap structs, and how a typed value is read.

use crate::secret::Secret;
use clap::builder::{NonEmptyStringValueParser, StringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use log::LevelFilter;
use std::ops::RangeInclusive;

const EXAMPLES: &str = "\
First use:
  mcp-credential add demo https://mcp.example.com/mcp   name the server
  mcp-credential login demo                             log in once, with a browser
  mcp-credential get demo --format token                a valid access token, from now on

In a script:
  mcp-credential get demo --format header | curl -H @- https://mcp.example.com/mcp

The exit status says what to do: 0 here is a token, 1 something unexpected, read
the message, 2 correct the command or the configuration, 3 add the server,
4 log in, 5 something must not be trusted, 6 refused, 75 try again later.
The whole contract is in protocol.md.

Configuration, logins and key lie in ~/.mcp-credential, or where
MCP_CREDENTIAL_HOME says.";

/// One OAuth login for every MCP client on this machine.
#[derive(Debug, Parser)]
#[command(name = "mcp-credential", version, about, after_help = EXAMPLES, max_term_width = 100)]
pub struct Cli {
    /// Options of every verb, where they stand before it; a verb has them as its own.
    #[command(flatten)]
    pub common: Common,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Print a valid access token: from the cache, by a refresh, or by a login where one may start
    Get(GetArgs),
    /// Print another token than the one that was rejected: after a 401, or to renew it now
    Refresh(RefreshArgs),
    /// Forget a stored token (and, on request, the client registration)
    Erase(EraseArgs),
    /// Log in now, with a browser or a code for another device
    Login(LoginArgs),
    /// Forget a stored login, and tell its authorization server to end it
    Logout(LogoutArgs),
    /// Name a server: NAME stands for URL from now on
    Add(Box<AddArgs>),
    /// Take a server out of the configuration; its stored login stays until `logout`
    Remove(RemoveArgs),
    /// List the servers
    List(ListArgs),
    /// Show what is stored for a server, without any secret
    Status(StatusArgs),
    /// Print what this version can do, for programs
    Capabilities(CapabilitiesArgs),
    /// Print a client metadata document to host, so that nobody has to register a client
    ClientMetadata(ClientMetadataArgs),
}

/// The longest time that may be typed, in seconds: a day.
const LONGEST: u64 = 86_400;

fn version(typed: &str) -> Result<u8, &'static str> {
    if typed == "1" { Ok(1) } else { Err("this program speaks version 1 alone") }
}

/// A time that a call waits.
fn wait(typed: &str) -> Result<u64, String> {
    seconds(typed, 0..=LONGEST)
}

/// A time that a person has.
fn patience(typed: &str) -> Result<u64, String> {
    seconds(typed, 1..=LONGEST)
}

fn life(typed: &str) -> Result<u64, String> {
    typed.parse().map_err(|_| "it must be whole seconds, 0 or more".to_owned())
}

fn seconds(typed: &str, range: RangeInclusive<u64>) -> Result<u64, String> {
    let number = typed.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("it must be whole seconds from {} to {}", range.start(), range.end()))
}

/// Options of every verb.
#[derive(Debug, Args)]
pub struct Common {
    /// Log lines on stderr: off, error, warn, info, debug or trace
    #[arg(long, global = true, value_name = "LEVEL", value_parser = crate::logging::level)]
    pub log: Option<LevelFilter>,
    /// The version of the protocol that the caller was written for; this program speaks 1
    #[arg(long, global = true, value_name = "N", default_value_t = 1, hide_default_value = true, value_parser = version)]
    pub protocol: u8,
}

/// How an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// One JSON object, with expiry, scopes and headers
    #[default]
    Json,
    /// `{"Authorization":"Bearer …"}`, for the header helpers of MCP clients
    Headers,
    /// The access token alone
    Token,
    /// `Authorization: Bearer …`, for `curl -H @-`
    Header,
}

/// When a login may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InteractiveArg {
    /// Only where stderr is a terminal and CI is not set
    Auto,
    /// One may start, and the call waits for the person
    Always,
    /// No browser is opened
    Never,
}

/// What `get` and `refresh` share.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// The name that was given to `add`
    #[arg(required_unless_present_any = ["request", "from_env"])]
    pub name: Option<String>,
    /// How the answer is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// The URL that the caller is about to talk to; it must be the one that NAME is bound to
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// `-`: read more about the call from standard input, as one JSON object: which token was rejected, what the server
    /// answered (protocol.md, "the request object")
    #[arg(long, value_name = "-", value_parser = ["-"], hide_possible_values = true)]
    pub request: Option<String>,
    /// Find the server by its URL in `CLAUDE_CODE_MCP_SERVER_URL`, in place of NAME
    #[arg(long, conflicts_with = "name")]
    pub from_env: bool,
    /// How long a call without a person may take, in seconds [default: 8, or timeoutSeconds]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, value_parser = wait)]
    pub timeout: Option<u64>,
    /// Whether a browser login may start where only a person can help [default: auto, or `interactive` of the
    /// configuration]
    #[arg(long, value_enum, value_name = "WHEN")]
    pub interactive: Option<InteractiveArg>,
    /// Options of every verb
    #[command(flatten)]
    pub common: Common,
}

/// Whether the server is asked about a cached token before it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum VerifyArg {
    /// The cached token is believed
    Never,
    /// The server is asked, at most once in three seconds; not where it has just refused a new token as well
    Auto,
    /// It is asked even there
    Always,
}

/// `get NAME`
#[derive(Debug, Parser)]
#[command(name = "mcp-credential get")]
pub struct GetArgs {
    /// What it shares with `refresh`
    #[command(flatten)]
    pub token: TokenArgs,
    /// Ask for a token that lives at least this long, in seconds
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, value_parser = life)]
    pub min_ttl: Option<u64>,
    /// Whether to ask the server about a cached token first [default: auto for headers, else never]
    #[arg(long, value_enum, value_name = "WHEN")]
    pub verify: Option<VerifyArg>,
}

/// `refresh NAME`
#[derive(Debug, Parser)]
#[command(name = "mcp-credential refresh")]
pub struct RefreshArgs {
    /// What it shares with `get`
    #[command(flatten)]
    pub token: TokenArgs,
    /// `generation` of the answer whose token the server rejected; if another token is stored by now, that one is
    /// printed, without a request [default: that of the stored token]
    #[arg(long, value_name = "GENERATION", value_parser = NonEmptyStringValueParser::new())]
    pub rejected_generation: Option<String>,
}

/// What `erase` takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum EraseScope {
    /// The stored token
    #[default]
    Tokens,
    /// The client registration
    Client,
    /// Both, and a damaged record too (it is moved aside)
    All,
}

/// `erase NAME`
#[derive(Debug, Parser)]
#[command(name = "mcp-credential erase")]
pub struct EraseArgs {
    /// The server
    #[arg(required_unless_present = "request")]
    pub name: Option<String>,
    /// `-`: more of the request stands on standard input, as one JSON object
    #[arg(long, value_name = "-", value_parser = ["-"], hide_possible_values = true)]
    pub request: Option<String>,
    /// Leave a newer token alone: erase only if this generation is still the stored one
    #[arg(long, value_name = "GENERATION", value_parser = NonEmptyStringValueParser::new())]
    pub if_generation: Option<String>,
    /// What to take away
    #[arg(long, value_enum, default_value_t)]
    pub scope: EraseScope,
    /// Also ask the authorization server to revoke what was erased
    #[arg(long)]
    pub revoke: bool,
    /// How long to wait for a refresh or a login under way, in seconds [default: 225, as long as a refresh can last]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, value_parser = wait)]
    pub timeout: Option<u64>,
    /// Options of every verb
    #[command(flatten)]
    pub common: Common,
}

/// `login NAME`
#[derive(Debug, Args)]
pub struct LoginArgs {
    /// The server
    pub name: String,
    /// Add the server first: NAME stands for URL from now on
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// More scopes to ask for, separated by blanks, beside those that were asked for before; to get fewer, `logout` first
    #[arg(long, allow_hyphen_values = true)]
    pub scope: Option<String>,
    /// `never` prints the address of the login page without opening it; `auto` and `always` open it
    #[arg(long, value_enum, value_name = "WHEN", hide_possible_values = true)]
    pub interactive: Option<InteractiveArg>,
    /// Log in on another device: a code is shown, to be entered there [default: over SSH or without a display, where
    /// the server offers it on a page of its own]
    #[arg(long, conflicts_with = "no_device")]
    pub device: bool,
    /// Log in with a browser that reaches this machine, also where a code would be shown
    #[arg(long)]
    pub no_device: bool,
    /// Where the browser runs on another machine: nothing is opened and nothing listens here; the address that the
    /// browser ends at is pasted into the terminal
    #[arg(long, conflicts_with_all = ["interactive", "device"])]
    pub paste: bool,
    /// How long the login may take, in seconds [default: 300, or callbackTimeoutSeconds]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, value_parser = patience)]
    pub timeout: Option<u64>,
    /// Options of every verb
    #[command(flatten)]
    pub common: Common,
}

/// What `logout` takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogoutScope {
    /// The stored token; the client registration stays for the next login
    #[default]
    Tokens,
    /// The client registration as well, and a damaged record (it is moved aside)
    All,
}

/// `logout NAME`
#[derive(Debug, Args)]
pub struct LogoutArgs {
    /// The server
    pub name: String,
    /// What to take away
    #[arg(long, value_enum, default_value_t)]
    pub scope: LogoutScope,
    /// How long to wait for a refresh or a login under way, in seconds [default: 225, as long as a refresh can last]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, value_parser = wait)]
    pub timeout: Option<u64>,
    /// Options of every verb
    #[command(flatten)]
    pub common: Common,
}

/// `add NAME URL`
#[derive(Debug, Args)]
pub struct AddArgs {
    /// The name that callers will use: letters, digits, `.`, `_`, `-`, and one `@` for a second account
    pub name: String,
    /// The URL of the MCP server
    pub url: String,
    /// The identifier of a client that was registered by hand
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// A secret is never an argument; known only to say so.
    #[arg(long, hide = true, num_args = 0..=1, default_missing_value = "", value_parser = StringValueParser::new().map(Secret::new))]
    pub client_secret: Option<Secret>,
    /// A file that holds the client secret
    #[arg(long, value_name = "PATH")]
    pub client_secret_file: Option<String>,
    /// An environment variable that holds the client secret
    #[arg(long, value_name = "VARIABLE")]
    pub client_secret_env: Option<String>,
    /// A file that holds the client's private key, as PEM or JWK
    #[arg(long, value_name = "PATH")]
    pub private_key_file: Option<String>,
    /// The scopes to ask for, separated by blanks
    #[arg(long)]
    pub scope: Option<String>,
    /// A file that holds the assertion of `jwt_bearer`, read anew at each grant
    #[arg(long, value_name = "PATH")]
    pub assertion_file: Option<String>,
    /// An environment variable that holds the assertion of `jwt_bearer`
    #[arg(long, value_name = "VARIABLE")]
    pub assertion_env: Option<String>,
    /// How tokens are obtained: `authorization_code`, `device_code`, `client_credentials`, `jwt_bearer` or `enterprise_managed`
    #[arg(long)]
    pub grant: Option<String>,
    /// The token endpoint, where it cannot be discovered
    #[arg(long, value_name = "URL")]
    pub token_url: Option<String>,
    /// The authorization endpoint, where it cannot be discovered
    #[arg(long, value_name = "URL")]
    pub authorization_url: Option<String>,
    /// The issuer to insist on
    #[arg(long, value_name = "URL")]
    pub issuer: Option<String>,
    /// A client metadata document that describes this client, for servers that read one
    #[arg(long, value_name = "URL")]
    pub client_metadata_url: Option<String>,
    /// Where the server's resource metadata is, if it names another origin
    #[arg(long, value_name = "URL")]
    pub metadata_url: Option<String>,
    /// The exact other name under which the server of --issuer is believed
    #[arg(long, value_name = "ISSUER")]
    pub trusted_issuer: Option<String>,
    /// Believe that the authorization server knows PKCE although it does not say so
    #[arg(long)]
    pub allow_missing_pkce_metadata: bool,
    /// A private host that the server may name; may be repeated, and replaces those of before
    #[arg(long, value_name = "HOST")]
    pub allow_private_host: Vec<String>,
    /// A fixed port for the redirect URI, where the server knows one exactly
    #[arg(long, value_name = "PORT")]
    pub callback_port: Option<u16>,
    /// Options of every verb
    #[command(flatten)]
    pub common: Common,
}

/// `remove NAME`
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// The server
    pub name: String,
    /// Options of every verb
    #[command(flatten)]
    pub common: Common,
}

/// How lists are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ListFormat {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// `list`
#[derive(Debug, Args)]
pub struct ListArgs {
    /// How the list is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: ListFormat,
    /// Options of every verb
    #[command(flatten)]
    pub common: Common,
}

/// `status [NAME]`
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The server; all of them if none is named
    pub name: Option<String>,
    /// How the status is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: ListFormat,
    /// Options of every verb
    #[command(flatten)]
    pub common: Common,
}

/// `capabilities`
#[derive(Debug, Args)]
pub struct CapabilitiesArgs {
    /// Options of every verb
    #[command(flatten)]
    pub common: Common,
}

/// `client-metadata`
#[derive(Debug, Args)]
pub struct ClientMetadataArgs {
    /// Where the document will be hosted: https, with a path; it is the client's identifier
    #[arg(long, value_name = "URL")]
    pub url: String,
    /// The name that a person sees on the consent page
    #[arg(long, value_name = "NAME", default_value = crate::config::server::CLIENT_NAME)]
    pub client_name: String,
    /// A page about the client
    #[arg(long, value_name = "URL")]
    pub client_uri: Option<String>,
    /// A fixed port besides the open one, for servers that compare redirect URIs exactly
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub callback_port: Option<u16>,
    /// Where the client's public keys are (JWK Set), for a client with `privateKeyFile`
    #[arg(long, value_name = "URL")]
    pub jwks_uri: Option<String>,
    /// A redirect URI in place of those of this program; may be repeated
    #[arg(long, value_name = "URI", conflicts_with = "callback_port")]
    pub redirect_uri: Vec<String>,
    /// Options of every verb
    #[command(flatten)]
    pub common: Common,
}
