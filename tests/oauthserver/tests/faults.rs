//! Each fault: how it looks from outside, and whether the work behind it was done.

mod support;

use oauthserver::Times::{Always, Next};
use oauthserver::{Endpoint, Fault, Minted, OAuthServer, Phase, Settings, TokenStatus, browser};
use std::io::Read;
use std::time::Duration;
use support::{SOON, json, raw, refresh, start, try_refresh};

fn with(fault: Fault) -> (OAuthServer, Minted) {
    let server = start(Settings::default());
    server.fault(Endpoint::Refresh, fault, Next(1));
    let minted = server.issue_refresh_family("c", "");
    (server, minted)
}

/// Whether the refresh token is as it was.
fn untouched(server: &OAuthServer, minted: &Minted) -> bool {
    server.refresh_token_status(&minted.refresh_token) == TokenStatus::Live
}

#[test]
fn a_status_has_its_headers_and_body_and_commits_nothing() {
    let (server, minted) = with(Fault::too_many_requests(7));
    server.fault(Endpoint::Refresh, Fault::html(400), Next(1));
    server.fault(Endpoint::Refresh, Fault::json_error(400, "invalid_grant").header("X-Y", "z"), Next(1));
    let answer = refresh(&server, &minted.refresh_token);
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("7")));
    let answer = refresh(&server, &minted.refresh_token);
    assert_eq!((answer.status, answer.header("content-type")), (400, Some("text/html")));
    let answer = refresh(&server, &minted.refresh_token);
    assert_eq!(json(&answer)["error"], "invalid_grant");
    assert_eq!(answer.header("x-y"), Some("z"));
    assert!(untouched(&server, &minted));
    assert_eq!(refresh(&server, &minted.refresh_token).status, 200);
    assert_eq!(server.log().faults_fired(), 3);
}

#[test]
fn a_gateway_can_fail_behind_a_commit() {
    let (server, minted) = with(Fault::status(502).after_commit());
    assert_eq!(refresh(&server, &minted.refresh_token).status, 502);
    assert_eq!(server.refresh_token_status(&minted.refresh_token), TokenStatus::Spent);
    let logged = server.refreshes().remove(0);
    assert_eq!((logged.committed, logged.status), (true, Some(502)));
    assert_eq!(logged.fault, Some("AfterCommit"));
}

#[test]
fn a_hanging_request_is_answered_after_a_release() {
    let (server, minted) = with(Fault::Hang);
    std::thread::scope(|scope| {
        let client = scope.spawn(|| refresh(&server, &minted.refresh_token).status);
        assert!(server.wait_for(|log| log.held() == 1, SOON));
        assert!(untouched(&server, &minted));
        server.release();
        assert_eq!(client.join().unwrap(), 200);
    });
    assert!(server.refreshes()[0].committed);
}

#[test]
fn a_release_between_arrival_and_wait_is_not_missed() {
    let server = start(Settings::default());
    server.fault(Endpoint::Any, Fault::Hang, Always);
    for count in 1..=50 {
        std::thread::scope(|scope| {
            let url = format!("{}/x", server.origin());
            let client = scope.spawn(move || browser::get(&url).unwrap().status);
            assert!(server.wait_for(|log| log.len() == count, SOON));
            server.release();
            assert_eq!(client.join().unwrap(), 404);
        });
    }
}

#[test]
fn a_hanging_request_is_closed_undone_when_faults_are_cleared() {
    let (server, minted) = with(Fault::Hang);
    std::thread::scope(|scope| {
        let client = scope.spawn(|| try_refresh(&server, &minted.refresh_token).is_err());
        assert!(server.wait_for(|log| log.held() == 1, SOON));
        server.clear_faults();
        assert!(client.join().unwrap());
    });
    assert!(untouched(&server, &minted));
    assert_eq!(server.refreshes()[0].phase, Phase::Dropped);
}

#[test]
fn a_held_answer_is_committed_before_it_is_released() {
    let (server, minted) = with(Fault::HoldAfterCommit);
    std::thread::scope(|scope| {
        let client = scope.spawn(|| refresh(&server, &minted.refresh_token));
        assert!(server.wait_for(|log| log.held() == 1, SOON));
        assert!(server.refreshes()[0].committed);
        assert_eq!(server.refreshes()[0].status, None);
        assert!(!untouched(&server, &minted));
        server.release();
        let answer = client.join().unwrap();
        let next = json(&answer)["refresh_token"].as_str().unwrap().to_owned();
        assert_eq!(server.refresh_token_status(&next), TokenStatus::Live);
    });
}

#[test]
fn a_delayed_answer_comes_by_itself_and_sooner_when_released() {
    let (server, minted) = with(Fault::DelayAfterCommit(Duration::from_millis(5)));
    server.fault(Endpoint::Refresh, Fault::DelayAfterCommit(Duration::from_secs(3600)), Next(1));
    let answer = refresh(&server, &minted.refresh_token);
    assert_eq!(answer.status, 200);
    let next = json(&answer)["refresh_token"].as_str().unwrap().to_owned();
    std::thread::scope(|scope| {
        let client = scope.spawn(|| refresh(&server, &next).status);
        assert!(server.wait_for(|log| log.held() == 1, SOON));
        server.release();
        assert_eq!(client.join().unwrap(), 200);
    });
}

#[test]
fn a_drop_happens_before_or_after_the_commit() {
    let (server, minted) = with(Fault::DropBeforeCommit);
    server.fault(Endpoint::Refresh, Fault::DropAfterCommit, Next(1));
    assert!(try_refresh(&server, &minted.refresh_token).is_err());
    assert!(untouched(&server, &minted));
    assert!(try_refresh(&server, &minted.refresh_token).is_err());
    assert_eq!(server.refresh_token_status(&minted.refresh_token), TokenStatus::Spent);
    let committed: Vec<_> = server.refreshes().iter().map(|request| request.committed).collect();
    assert_eq!(committed, [false, true]);
    // What a careless retry ends with.
    assert_eq!(refresh(&server, &minted.refresh_token).status, 400);
    assert!(server.family_revoked());
}

#[test]
fn a_truncated_answer_announces_more_than_it_sends() {
    let (server, minted) = with(Fault::Truncate);
    let answer = refresh(&server, &minted.refresh_token);
    let declared: usize = answer.header("content-length").unwrap().parse().unwrap();
    assert!(answer.body.len() <= declared / 2 && !answer.body.is_empty());
    assert!(server.refreshes()[0].committed);
}

#[test]
fn a_dripped_answer_is_whole_in_the_end_or_at_once_when_released() {
    let (server, minted) = with(Fault::Drip { interval: Duration::from_micros(10) });
    server.fault(Endpoint::Refresh, Fault::Drip { interval: Duration::from_secs(3600) }, Next(1));
    let answer = refresh(&server, &minted.refresh_token);
    let next = json(&answer)["refresh_token"].as_str().unwrap().to_owned();
    std::thread::scope(|scope| {
        let client = scope.spawn(|| refresh(&server, &next).status);
        assert!(server.wait_for(|log| log.refreshes().len() == 2, SOON));
        server.release();
        assert_eq!(client.join().unwrap(), 200);
    });
}

#[test]
fn a_redirect_goes_where_it_is_told_and_commits_nothing() {
    let location = "http://127.0.0.1:9/steal".to_owned();
    let (server, minted) = with(Fault::Redirect { code: 307, location });
    let answer = refresh(&server, &minted.refresh_token);
    assert_eq!((answer.status, answer.header("location")), (307, Some("http://127.0.0.1:9/steal")));
    assert!(untouched(&server, &minted));
}

#[test]
fn a_big_body_has_the_size_that_it_announces() {
    let (server, minted) = with(Fault::BigBody(1_000_000));
    let answer = refresh(&server, &minted.refresh_token);
    assert_eq!(answer.header("content-length"), Some("1000000"));
    assert_eq!(answer.body.len(), 1_000_000);
    assert!(answer.body.starts_with("\"a") && answer.body.ends_with("a\""));
}

#[test]
fn an_endless_body_ends_when_the_faults_are_cleared() {
    let server = start(Settings::default());
    server.fault(Endpoint::ResourceMetadata, Fault::Endless, Always);
    let mut stream = support::connect(&server);
    let path = server.document_path(oauthserver::Document::ResourceRoot);
    std::io::Write::write_all(&mut stream, format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes()).unwrap();
    let mut piece = vec![0; 1_000_000];
    stream.read_exact(&mut piece).unwrap();
    server.clear_faults();
    std::io::copy(&mut stream, &mut std::io::sink()).unwrap();
    assert_eq!(browser::get(&format!("{}{path}", server.origin())).unwrap().status, 200);
}

#[test]
fn raw_bytes_are_sent_as_they_are() {
    let server = start(Settings::default());
    server.fault(Endpoint::Path("/x".to_owned()), Fault::RawBytes(b"\0not http".to_vec()), Next(1));
    assert_eq!(raw(&server, b"GET /x HTTP/1.1\r\n\r\n"), "\0not http");
    assert!(raw(&server, b"GET /x HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404"));
}

#[test]
fn a_drop_of_the_server_ends_everything_that_is_held() {
    let server = start(Settings::default());
    server.fault(Endpoint::Path("/hang".to_owned()), Fault::Hang, Always);
    server.fault(Endpoint::Path("/hold".to_owned()), Fault::HoldAfterCommit, Always);
    server.fault(Endpoint::Path("/endless".to_owned()), Fault::Endless, Always);
    let interval = Duration::from_secs(3600);
    server.fault(Endpoint::Path("/drip".to_owned()), Fault::Drip { interval }, Always);
    let mut streams: Vec<_> = ["hang", "hold", "endless", "drip"]
        .into_iter()
        .map(|path| {
            let mut stream = support::connect(&server);
            let request = format!("GET /{path} HTTP/1.1\r\n\r\n");
            std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
            stream
        })
        .collect();
    assert!(server.wait_for(|log| log.len() == 4 && log.held() == 2, SOON));
    drop(server);
    for stream in &mut streams {
        // An end or a reset, but never the read's time limit.
        if let Err(error) = std::io::copy(stream, &mut std::io::sink()) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        }
    }
}

#[test]
fn going_offline_ends_what_is_held_and_the_next_connection_is_served() {
    let (server, minted) = with(Fault::Hang);
    std::thread::scope(|scope| {
        let client = scope.spawn(|| try_refresh(&server, &minted.refresh_token).is_err());
        assert!(server.wait_for(|log| log.held() == 1, SOON));
        server.go_offline();
        assert!(client.join().unwrap());
    });
    assert_eq!(server.open_connections(), 0);
    server.go_online().unwrap();
    assert_eq!(refresh(&server, &minted.refresh_token).status, 200);
}
