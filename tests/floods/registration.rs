//! A registration endpoint that answers anything but a registration: the login ends before a browser opens, no
//! half a client is kept, and the next login registers.

use crate::support::{Ran, Sandbox, server};
use crate::{always, json_body, login, passes};
use oauthserver::{Endpoint, Fault, OAuthServer};
use std::thread;
use std::time::Duration;

/// The login ends as `unavailable`, says so of that server, and leaves nothing behind.
#[track_caller]
fn ends(server: &OAuthServer, sandbox: &Sandbox) -> Ran {
    let refused = login(sandbox).ends("unavailable", 75);
    assert!(refused.stderr.contains(&server.origin()), "{refused:?}");
    assert_eq!((sandbox.opened(), server.token_requests().len()), (vec![], 0), "{refused:?}");
    assert!(!sandbox.state("oauth/demo.client.json").exists() && !sandbox.record().exists());
    assert_eq!(server.registrations().len(), 1, "it is asked once: {refused:?}");
    refused
}

#[test]
fn a_registration_that_floods_is_cut_off_in_little_memory_case_17() {
    for fault in [Fault::BigBody(2 << 30), Fault::Endless] {
        let server = server(3600);
        let sandbox = always(&server, Endpoint::Register, fault);
        assert!(ends(&server, &sandbox).stderr.contains("too large"));
        passes(&server, &sandbox);
    }
}

#[test]
fn a_registration_that_is_a_page_or_half_an_answer_ends_the_login_cleanly_case_18() {
    let faults = [
        Fault::html(200),
        Fault::html(201),
        Fault::Truncate,
        Fault::DropBeforeCommit,
        Fault::status(201),
        json_body("{\"client_id\":"),
        json_body("null"),
        json_body("[]"),
        Fault::RawBytes(b"SSH-2.0-x\r\n".into()),
    ];
    for fault in faults {
        let server = server(3600);
        let sandbox = always(&server, Endpoint::Register, fault);
        ends(&server, &sandbox);
        passes(&server, &sandbox);
    }
}

#[test]
fn a_registration_that_is_redirected_reaches_one_host_case_19() {
    let other = server(3600);
    for code in [301, 302, 303, 307, 308] {
        let server = server(3600);
        let location = other.registration_endpoint();
        let sandbox = always(&server, Endpoint::Register, Fault::Redirect { code, location });
        let refused = ends(&server, &sandbox);
        assert!(refused.stderr.contains(&format!("HTTP {code}")), "{refused:?}");
        assert_eq!(other.connections(), 0);
        passes(&server, &sandbox);
    }
}

#[test]
fn a_registration_that_drips_or_is_never_answered_ends_the_login_by_itself_case_21() {
    let silent = [Fault::Hang, Fault::Drip { interval: Duration::from_millis(500) }];
    thread::scope(|scope| {
        for fault in silent {
            scope.spawn(move || {
                let server = server(3600);
                let sandbox = always(&server, Endpoint::Register, fault);
                assert!(ends(&server, &sandbox).stderr.contains("in time"));
                passes(&server, &sandbox);
            });
        }
    });
}
