//! Many calls at once: on a fresh token, and on a stale one while the server takes its time.

use crate::home::{Home, milliseconds};
use crate::{median, print};
use anyhow::{Context, Result, ensure};
use oauthserver::{Endpoint, Fault, OAuthServer, Settings, Times};
use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// The name that is asked for.
const NAME: &str = "demo";
/// Callers of a fresh token.
const FRESH: usize = 200;
/// Callers of a stale token.
const STALE: usize = 64;
/// How long the server takes.
const SHORT: Duration = Duration::from_millis(200);
/// The same, to tell what waiting costs from what starting costs.
const LONG: Duration = Duration::from_millis(10_200);
/// How often that is done at most: it takes long.
const LONG_ROUNDS: usize = 3;

fn server(life: u64) -> Result<OAuthServer> {
    let settings = Settings { access_token_ttl: Duration::from_secs(life), ..Settings::default() };
    OAuthServer::start(settings).context("the test server does not start")
}

/// Logs in as [`NAME`] with a token that outlives every measurement. Its server ends here: a fresh token needs
/// none.
pub fn log_in(home: &Home) -> Result<()> {
    let server = server(86_400)?;
    home.run(&["login", NAME, "--url", &server.mcp_url()]).map(drop)
}

/// All of them at once, against one after the other.
pub fn fresh(home: &Home, rounds: usize) -> Result<()> {
    let (mut together, mut one_by_one) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        together.push(at_once(home, FRESH)?);
        let began = Instant::now();
        for _ in 0..FRESH {
            at_once(home, 1)?;
        }
        one_by_one.push(milliseconds(began));
    }
    let (together, one_by_one) = (median(&mut together)?, median(&mut one_by_one)?);
    print("fresh_at_once", together)?;
    print("fresh_one_by_one", one_by_one)?;
    print("fresh_ratio", together / one_by_one)
}

/// All of them on a stale token: how long the last one waits beyond the server's time, how many requests there
/// are, and how much of a core the waiting takes.
pub fn stale(home: &Home, rounds: usize) -> Result<()> {
    let server = server(1)?;
    home.run(&["login", NAME, "--url", &server.mcp_url()])?;
    let (mut last, mut waiting, mut most_requests) = (Vec::new(), Vec::new(), 0);
    for round in 0..rounds {
        let short = one_crowd(home, &server, SHORT)?;
        last.push(short.took - SHORT.as_secs_f64() * 1000.0);
        most_requests = most_requests.max(short.requests);
        if round < LONG_ROUNDS {
            let long = one_crowd(home, &server, LONG)?;
            waiting.push((long.cpu - short.cpu) / (LONG.as_secs_f64() - SHORT.as_secs_f64()));
            most_requests = most_requests.max(long.requests);
        }
    }
    print("stale_last", median(&mut last)?)?;
    print("stale_waiting_percent", median(&mut waiting)? * 100.0)?;
    print("stale_requests", f64::from(u32::try_from(most_requests)?))
}

/// What a crowd came to.
struct Crowd {
    /// Until the last one had its answer, in milliseconds.
    took: f64,
    /// Processor time of all callers, in seconds; the process that sends the request is not among them.
    cpu: f64,
    requests: usize,
}

fn one_crowd(home: &Home, server: &OAuthServer, delay: Duration) -> Result<Crowd> {
    home.wait_until_stale(NAME)?;
    server.fault(Endpoint::Refresh, Fault::DelayAfterCommit(delay), Times::Always);
    // The token that they get must not end before the last of them has asked.
    server.reconfigure(|settings| settings.access_token_ttl = Duration::from_secs(3600));
    let (requests, cpu) = (server.refreshes().len(), children_cpu()?);
    let took = at_once(home, STALE)?;
    let crowd = Crowd { took, cpu: children_cpu()? - cpu, requests: server.refreshes().len() - requests };
    server.clear_faults();
    age(home, server)?;
    Ok(crowd)
}

/// The next token lives a second.
fn age(home: &Home, server: &OAuthServer) -> Result<()> {
    server.reconfigure(|settings| settings.access_token_ttl = Duration::from_secs(1));
    let (answer, _) = home.timed(&["get", NAME])?;
    let generation = answer["generation"].as_str().context("the answer has no generation")?;
    home.run(&["refresh", NAME, "--rejected-generation", generation]).map(drop)
}

/// Starts `count` calls, waits for all and returns the time in milliseconds.
fn at_once(home: &Home, count: usize) -> Result<f64> {
    let began = Instant::now();
    let mut children: Vec<Child> = Vec::with_capacity(count);
    for _ in 0..count {
        children.push(home.command(&["get", NAME, "--timeout", "60"])?.stdout(Stdio::null()).spawn()?);
    }
    for mut child in children {
        ensure!(child.wait()?.success(), "a call of the crowd failed");
    }
    Ok(milliseconds(began))
}

/// Processor time of all children that were waited for, in seconds (`cutime` and `cstime` of proc(5)).
fn children_cpu() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').context("/proc/self/stat has changed its form")?;
    let ticks: Vec<f64> = fields.split_whitespace().skip(13).take(2).filter_map(|f| f.parse().ok()).collect();
    // The kernel shows them in hundredths of a second, whatever its own clock is.
    Ok(ticks.iter().sum::<f64>() / 100.0)
}
