//! What a `get` that refreshes costs beyond the request itself.
//!
//! Many servers are logged in, their tokens end, and each is asked for once a round. Beside every `get` the same
//! refresh is made by a bare HTTP client in this process: that is the server's own time.

use crate::home::{Home, milliseconds};
use crate::{median, print};
use anyhow::{Context, Result, ensure};
use oauthserver::{OAuthServer, Settings, browser};
use serde_json::Value;
use std::time::{Duration, Instant};

/// How many servers are logged in: a token lives a second at least, and waiting for each would take long.
const NAMES: usize = 20;
/// The client of the bare requests.
const BARE_CLIENT: &str = "bench";

/// Measures `NAMES` times `rounds` calls.
pub fn measure(home: &Home, rounds: usize) -> Result<()> {
    let settings = Settings { access_token_ttl: Duration::from_secs(1), ..Settings::default() };
    let server = OAuthServer::start(settings)?;
    let names: Vec<String> = (0..NAMES).map(|index| format!("s{index}")).collect();
    for name in &names {
        home.run(&["login", name, "--url", &server.mcp_url()])?;
    }
    let mut token = server.issue_refresh_family(BARE_CLIENT, "").refresh_token;
    let (mut calls, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        for name in &names {
            home.wait_until_stale(name)?;
            let (answer, took) = home.timed(&["get", name])?;
            ensure!(answer["source"] == "refreshed", "a call was answered without a refresh");
            calls.push(took);
            let took;
            (token, took) = bare_refresh(&server, &token)?;
            bare.push(took);
        }
    }
    let (call, bare) = (median(&mut calls)?, median(&mut bare)?);
    print("refresh_get", call)?;
    print("refresh_bare", bare)?;
    print("refresh_beyond", call - bare)
}

fn bare_refresh(server: &OAuthServer, token: &str) -> Result<(String, f64)> {
    let resource = server.resource();
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token),
        ("client_id", BARE_CLIENT),
        ("resource", &resource),
    ];
    let began = Instant::now();
    let page = browser::post_form(&server.token_endpoint(), &form)?;
    let took = milliseconds(began);
    let answer: Value = serde_json::from_str(&page.body)?;
    let next = answer["refresh_token"].as_str().context("the server gave no refresh token")?;
    Ok((next.to_owned(), took))
}
