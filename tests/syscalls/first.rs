//! A first run, which makes the directories, the key and the first record, killed at each of its calls by name, in
//! the caller or the worker, whichever comes there first. The next call has a token, one key is there, and no draft.

use crate::leftovers::drafts;
use crate::points::{Point, by_name, visited};
use crate::strace::trace;
use crate::support::{Sandbox, serve};
use oauthserver::{Client, OAuthServer, Settings};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

fn server() -> OAuthServer {
    serve(Settings { clients: vec![Client::confidential("bot", "s3cret")], ..Settings::default() })
}

/// A home in which nothing is yet; the environment defines the server.
fn empty(server: &OAuthServer) -> Sandbox {
    Sandbox::new()
        .variable("UPSTREAM_URL", &server.mcp_url())
        .variable("OAUTH2_GRANT", "client_credentials")
        .variable("OAUTH2_CLIENT_ID", "bot")
        .variable("OAUTH2_CLIENT_SECRET", "s3cret")
}

const GET: [&str; 4] = ["get", "bot", "--timeout", "60"];

#[track_caller]
fn goes_on(server: &OAuthServer, sandbox: &Sandbox, point: &Point) {
    sandbox.wait_for_rest();
    let key = fs::read(sandbox.state("key.bin")).ok();
    let answer = sandbox.run(&GET).succeeds();
    assert!(server.mcp_accepts(&answer.text("access_token")), "{point:?}");
    let now = fs::read(sandbox.state("key.bin")).unwrap();
    assert!(key.is_none_or(|key| key == now), "{point:?}: another key");
    let held = answer.text("generation");
    sandbox.run(&["refresh", "bot", "--timeout", "60", "--rejected-generation", &held]).succeeds();
    assert_eq!((drafts(sandbox), sandbox.leftovers()), (vec![], vec![]), "{point:?}");
    for (place, mode) in [("", 0o700), ("oauth", 0o700), ("key.bin", 0o600), ("oauth/bot.token.json", 0o600)]
    {
        let found = fs::metadata(sandbox.state(place)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{point:?}: {place}");
    }
}

/// The log of a first run in which nothing goes wrong.
fn whole(server: &OAuthServer) -> String {
    let whole = trace(&empty(server), &["--trace=all".to_owned()], &GET);
    whole.ran.succeeds();
    whole.log
}

#[test]
fn a_first_run_that_is_killed_at_any_call_is_finished_by_the_next_case_74() {
    let (server, started) = (server(), Instant::now());
    let points = by_name(&[(); 2].map(|()| whole(&server)));
    let (total, chosen) = (points.len(), visited(points));
    for point in &chosen {
        let sandbox = empty(&server);
        let before = server.token_requests().len();
        let killed = trace(&sandbox, &point.options(sandbox.home(), "signal=KILL"), &GET);
        assert!(killed.log.contains("+++ killed by SIGKILL"), "{point:?} did not happen: {}", killed.log);
        assert!([-1, 0, 75].contains(&killed.ran.status), "{point:?}: {:?}", killed.ran);
        goes_on(&server, &sandbox, point);
        let requests = server.token_requests().len() - before;
        // A worker that dies is tried again, twice more; then comes the next call, and the refresh.
        assert!((2..=5).contains(&requests), "{point:?}: {requests} requests");
    }
    println!(
        "kills of a first run: {} of {total} faults, all of which happened, {:.0?}",
        chosen.len(),
        started.elapsed()
    );
}
