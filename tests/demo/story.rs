//! The story: name a server, log in once, and never think of it again.
//!
//! Every step shows the command, what came out and what the server saw, and checks what it claims. Waits are
//! for a condition, never for a time. Limit: a machine that needs more than five seconds for the first four
//! steps sees a token end too early, and says so.

use crate::mcp;
use crate::program::{Home, NAME, Ran};
use crate::show::Show;
use anyhow::{Context, Result, ensure};
use oauthserver::{Endpoint, Fault, OAuthServer, Times};
use serde_json::Value;
use std::collections::HashSet;
use std::thread;
use std::time::{Duration, Instant};

/// How many callers come at once.
const CROWD: usize = 20;
/// How long something that must happen is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(20);

/// The story, and how far it has come.
pub struct Story<'a> {
    server: &'a OAuthServer,
    home: &'a Home,
    show: Show,
    seen: usize,
}

impl<'a> Story<'a> {
    /// The story of `server`, a program in `home`, on the stage `show`.
    pub fn new(server: &'a OAuthServer, home: &'a Home, show: Show) -> Self {
        Self { server, home, show, seen: 0 }
    }

    /// Tells it.
    pub fn tell(mut self) -> Result<()> {
        let began = Instant::now();
        self.show.say(&format!("{NAME}, shown with a test server on this machine; its tokens live 5 s."))?;
        self.show.say(&format!("HOME is {} and goes away at the end.", self.home.path().display()))?;
        self.add()?;
        self.login()?;
        self.status()?;
        let first = self.get_from_cache()?;
        self.open_the_endpoint()?;
        self.expire(&first)?;
        let second = self.crowd(&first)?;
        let third = self.fault(&second)?;
        self.erase(&third)?;
        self.end(began.elapsed())
    }

    fn add(&mut self) -> Result<()> {
        self.show.heading("A name for a server")?;
        self.run(&["add", "demo", &self.server.mcp_url()])?.succeeded()?;
        self.show.check(self.seen == 0, "only the name was written down; the server was not asked")
    }

    fn login(&mut self) -> Result<()> {
        self.show.heading("One login, in a browser (played by this demo)")?;
        self.run(&["login", "demo"])?.succeeded()?;
        self.show.check(self.server.registrations().len() == 1, "one client was registered, by itself")?;
        self.show.check(self.logins() == 1, "one visit of the login page")?;
        self.show.check(self.server.token_requests().len() == 1, "one code, exchanged once, with PKCE")
    }

    fn status(&mut self) -> Result<()> {
        self.show.heading("What is known, without any secret")?;
        let before = self.server.log().len();
        let ran = self.run(&["status", "demo"])?.succeeded()?;
        self.show.check(ran.stdout.starts_with("demo: valid"), "the login is valid")?;
        self.show.check(self.server.log().len() == before, "the server was not asked")
    }

    fn get_from_cache(&mut self) -> Result<Value> {
        self.show.heading("A token, whenever a program needs one")?;
        let before = self.server.log().len();
        let answer = self.get()?;
        self.show.check(answer["source"] == "cache", "it came from the encrypted record on disk")?;
        self.show.check(self.server.log().len() == before, "the server was not asked")?;
        Ok(answer)
    }

    fn open_the_endpoint(&mut self) -> Result<()> {
        self.show.heading("The token opens the MCP server")?;
        let url = self.server.mcp_url();
        let curl = format!("curl -H @- -d '{}' {url}", mcp::BODY);
        self.show.command(&format!("{NAME} get demo --format header |\n  {curl}"))?;
        let header = self.home.run(&["get", "demo", "--format", "header"])?.succeeded()?.stdout;
        let (status, body) = mcp::call(self.server.port(), &header)?;
        self.show.output(&body)?;
        self.what_the_server_saw()?;
        self.show.check(status == 200, "it lists its tools")
    }

    fn expire(&mut self, first: &Value) -> Result<()> {
        self.show.heading("The token ends")?;
        self.show.say("waiting until the server accepts it no more ...")?;
        let token = access_token(first)?;
        wait_for("the token to end", || !self.server.mcp_accepts(token))?;
        let ran = self.run(&["list"])?.succeeded()?;
        let claim = "nobody has to do anything: it is renewed when it is asked for";
        self.show.check(ran.stdout.contains("will be renewed"), claim)
    }

    fn crowd(&mut self, first: &Value) -> Result<Value> {
        self.show.heading(&format!("{CROWD} programs need it at the same moment"))?;
        // What comes now is about one token, so it must not end before the last of them has asked.
        self.server.reconfigure(|settings| settings.access_token_ttl = Duration::from_secs(3600));
        self.show.command(&format!("for i in $(seq {CROWD}); do {NAME} get demo & done; wait"))?;
        let began = Instant::now();
        let crowd = self.home.run_at_once(CROWD, &["get", "demo"])?;
        let took = began.elapsed();
        let answers: Result<Vec<Value>> = crowd.into_iter().map(|ran| ran.succeeded()?.json()).collect();
        let answers = answers?;
        self.show.output(&tally(&answers))?;
        self.what_the_server_saw()?;
        self.show.check(self.server.refreshes().len() == 1, "exactly one refresh")?;
        let tokens: HashSet<&str> = answers.iter().filter_map(|answer| access_token(answer).ok()).collect();
        let equal = tokens.len() == 1 && !tokens.contains(access_token(first)?);
        let claim = format!("{} equal answers, in {:.2} s", answers.len(), took.as_secs_f64());
        self.show.check(equal && answers.len() == CROWD, &claim)?;
        self.show.check(self.server.reuses() == 0, "no refresh token was sent twice")?;
        answers.into_iter().next().context("nobody answered")
    }

    fn fault(&mut self, second: &Value) -> Result<Value> {
        self.show.heading("The server withdraws the token, and its token endpoint is out of order")?;
        self.server.expire_access_tokens();
        self.server.fault(Endpoint::Refresh, Fault::status(503), Times::Next(2));
        let before = self.server.refreshes().len();
        let generation = second["generation"].as_str().context("the answer has no generation")?;
        let ran = self.run(&["refresh", "demo", "--rejected-generation", generation])?.succeeded()?;
        let answer = ran.json()?;
        self.show.check(self.server.refreshes().len() - before == 3, "two faults were sat out")?;
        let opens = self.server.mcp_accepts(access_token(&answer)?);
        self.show
            .check(opens && access_token(&answer)? != access_token(second)?, "a new token, and it works")?;
        self.show.check(self.logins() == 1, "and no new login: a 503 says nothing about one")?;
        Ok(answer)
    }

    fn erase(&mut self, last: &Value) -> Result<()> {
        self.show.heading("Forget it")?;
        let erased = self.run(&["erase", "demo", "--revoke"])?.succeeded()?.json()?;
        self.show.check(erased["erased"] == true, "erased here")?;
        self.show.check(self.server.live_refresh_token_count() == 0, "and revoked at the server")?;
        let refused = self.run(&["get", "demo"])?;
        let error = &refused.json()?["error"];
        self.show.check(refused.status == Some(4), "exit status 4: a person must log in")?;
        let needs_login = error["code"] == "interaction_required" && error["login"][2] == "demo";
        self.show
            .check(needs_login, "the answer names the command to run, and no browser opens by itself")?;
        ensure!(!refused.stdout.contains(access_token(last)?), "an erased token was printed");
        Ok(())
    }

    fn end(mut self, took: Duration) -> Result<()> {
        let (checks, refreshes) = (self.show.checks(), self.server.refreshes().len());
        self.show.summary(&format!(
            "All {checks} expectations were met in {:.0} s: {} login, {refreshes} token requests for renewal \
             (2 met a 503), {} tokens reused.",
            took.as_secs_f64(),
            self.logins(),
            self.server.reuses(),
        ))
    }

    /// `get demo`, of whose answer the interesting members are shown.
    fn get(&mut self) -> Result<Value> {
        self.show.command(&format!("{NAME} get demo"))?;
        let answer = self.home.run(&["get", "demo"])?.succeeded()?.json()?;
        self.show.output(&excerpt(&answer))?;
        self.what_the_server_saw()?;
        Ok(answer)
    }

    /// Runs a command and shows it, its output and what the server saw.
    fn run(&mut self, arguments: &[&str]) -> Result<Ran> {
        self.show.command(&format!("{NAME} {}", arguments.join(" ")))?;
        let ran = self.home.run(arguments)?;
        let shown = ran.json().map_or_else(|_| ran.stdout.clone(), |answer| excerpt(&answer));
        self.show.output(&shown)?;
        self.show.output(&ran.stderr)?;
        self.what_the_server_saw()?;
        Ok(ran)
    }

    fn what_the_server_saw(&mut self) -> Result<()> {
        let over = self.server.wait_for(|log| log.iter().all(oauthserver::Logged::is_over), PATIENCE);
        ensure!(over, "the test server does not come to an end with a request");
        let requests: Vec<String> =
            self.server.log().iter().skip(self.seen).map(oauthserver::Logged::line).collect();
        self.seen += requests.len();
        self.show.server(&requests)
    }

    fn logins(&self) -> usize {
        self.server.log().to(&Endpoint::Authorize).len()
    }
}

fn access_token(answer: &Value) -> Result<&str> {
    answer["access_token"].as_str().context("the answer has no access token")
}

/// The members of a document that the story is about.
fn excerpt(answer: &Value) -> String {
    if let Some(error) = answer.get("error") {
        let (code, login) = (&error["code"], &error["login"]);
        return format!("{{\"error\":{{\"code\":{code},\"login\":{login}, …}}}}");
    }
    let Some(token) = answer.get("access_token") else { return answer.to_string() };
    let (expires, source) = (&answer["expires"], &answer["source"]);
    format!("{{\"access_token\":{token},\"expires\":{expires},\"source\":{source}, …}}")
}

/// The answers of a crowd, by where they came from.
fn tally(answers: &[Value]) -> String {
    let mut lines: Vec<(String, usize)> = Vec::new();
    for line in answers.iter().map(excerpt) {
        match lines.iter_mut().find(|(known, _)| *known == line) {
            Some((_, count)) => *count += 1,
            None => lines.push((line, 1)),
        }
    }
    lines.sort_by_key(|(_, count)| *count);
    let lines: Vec<String> = lines.iter().map(|(line, count)| format!("{count:2} x {line}")).collect();
    lines.join("\n")
}

fn wait_for(what: &str, happened: impl Fn() -> bool) -> Result<()> {
    let limit = Instant::now() + PATIENCE;
    while !happened() {
        ensure!(Instant::now() < limit, "waited in vain for {what}");
        thread::sleep(LOOK);
    }
    Ok(())
}
