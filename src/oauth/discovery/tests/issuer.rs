//! The authorization server: which one, where its metadata is, and whether it is who it says.

use super::*;

/// What is asked for metadata of the issuer at `path`, when none of it is there.
fn asked_for(path: &str) -> Vec<String> {
    let document = value!({"resource": "BASE/mcp", "authorization_servers": [format!("BASE{path}")]});
    let server = world(&[("/.well-known/oauth-protected-resource/mcp", document)]);
    refused(run(&at(&server, "/mcp")), Code::Unavailable, "`authorizationUrl` and `tokenUrl`");
    server.lines()[2..].iter().map(|line| line.replace("GET ", "")).collect()
}

#[test]
fn metadata_is_looked_for_in_the_specified_order_rule_5() {
    assert_eq!(asked_for(""), [OAUTH, OPENID]);
    let tenant = [
        &format!("{OAUTH}/tenant/1"),
        &format!("{OPENID}/tenant/1"),
        "/tenant/1/.well-known/openid-configuration",
    ];
    assert_eq!(asked_for("/tenant/1"), tenant);
}

#[test]
fn a_slash_at_the_end_of_an_issuer_is_not_doubled_rule_5() {
    assert_eq!(asked_for("/"), [OAUTH, OPENID]);
    assert_eq!(
        asked_for("/tenant/"),
        [&format!("{OAUTH}/tenant"), &format!("{OPENID}/tenant"), "/tenant/.well-known/openid-configuration"]
    );
}

/// Some servers join an issuer that ends in `/` with a path that begins with one.
#[test]
fn a_doubled_slash_inside_an_endpoint_is_used_as_it_was_published() {
    let endpoint = |name: &str| format!("BASE//oauth//{name}");
    let doubled = value!({
        "authorization_endpoint": endpoint("authorize"),
        "token_endpoint": endpoint("token"),
        "registration_endpoint": endpoint("register"),
        "revocation_endpoint": endpoint("revoke"),
    });
    let document = with(authorization(""), &doubled);
    let server = world(&[("/.well-known/oauth-protected-resource/mcp", resource("/mcp")), (OAUTH, document)]);
    let found = run(&at(&server, "/mcp")).unwrap();
    let published = |name: &str| endpoint(name).replace("BASE", &server.url(""));
    assert_eq!(found.authorization_endpoint, Some(published("authorize")));
    assert_eq!(found.token_endpoint, published("token"));
    assert_eq!(found.registration_endpoint, Some(published("register")));
    assert_eq!(found.revocation_endpoint, Some(published("revoke")));
}

/// Discovery where the resource names `published` and the metadata says `issuer`.
fn identity(published: &str, issuer: &str, trusted: Option<&str>) -> (Scripted, Outcome<Discovered>) {
    let path = published.trim_start_matches("BASE").trim_end_matches('/');
    let place = format!("{OAUTH}{path}");
    let resource = value!({"resource": "BASE/mcp", "authorization_servers": [published]});
    let document = with(authorization(""), &value!({"issuer": issuer}));
    let server = world(&[("/.well-known/oauth-protected-resource/mcp", resource), (&place, document)]);
    let trusted_issuer = trusted.map(str::to_owned);
    let issuer = trusted_issuer.is_some().then(|| published.replace("BASE", &server.url("")));
    let outcome = run(&Server { issuer, trusted_issuer, ..at(&server, "/mcp") });
    (server, outcome)
}

#[test]
fn an_issuer_is_the_same_text_or_not_the_same_case_11() {
    for same in ["BASE", "BASE/", "BASE/tenant", "BASE/tenant/", "BASE/Tenant"] {
        let (server, found) = identity(same, same, None);
        assert_eq!(found.unwrap().issuer, Some(same.replace("BASE", &server.url(""))));
    }
    for (published, issuer) in [
        ("BASE", "BASE/"),
        ("BASE/", "BASE"),
        ("BASE/tenant", "BASE/tenant/"),
        ("BASE/tenant", "BASE/Tenant"),
        ("BASE/tenant", "BASE/%74enant"),
        ("BASE", "https://other.example.com"),
        ("BASE", ""),
    ] {
        refused(identity(published, issuer, None).1, Code::UntrustedServer, "issuer");
    }
}

#[test]
fn the_exact_other_issuer_of_the_configuration_is_trusted_and_no_third_one() {
    let (_, found) = identity("BASE/", "https://accounts.example.com", Some("https://accounts.example.com"));
    assert_eq!(found.unwrap().issuer.as_deref(), Some("https://accounts.example.com"));
    let (_, found) = identity("BASE/", "https://accounts.example.com/", Some("https://accounts.example.com"));
    refused(found, Code::UntrustedServer, "/ --trusted-issuer https://accounts.example.com/`");
}

#[test]
fn an_issuer_that_is_trusted_of_one_server_is_not_believed_of_another() {
    let (trusted, published) = ("https://accounts.example.com", "https://other.example.com");
    let (server, outcome) = identity("BASE", trusted, None);
    let advice = format!("mcp --issuer {} --trusted-issuer {trusted}`", server.url(""));
    refused(outcome, Code::UntrustedServer, &advice);
    // The configuration never holds one without the other; the rule must not hang on that.
    let alone = Server { trusted_issuer: Some(trusted.to_owned()), ..at(&server, "/mcp") };
    refused(run(&alone), Code::UntrustedServer, "--issuer ");
    let elsewhere = Server { issuer: Some(published.to_owned()), ..alone };
    assert!(run(&elsewhere).is_err(), "its metadata is looked for there alone");
    let here = Server { issuer: Some(server.url("")), ..elsewhere };
    assert_eq!(run(&here).unwrap().issuer.as_deref(), Some(trusted));
}

#[test]
fn where_nobody_names_an_authorization_server_the_advice_names_the_servers_own_origin() {
    let server =
        world(&[(OAUTH, with(authorization(""), &value!({"issuer": "https://accounts.example.com"})))]);
    let advice = format!("mcp --issuer {} --trusted-issuer https://accounts.example.com`", server.url(""));
    refused(run(&at(&server, "/mcp")), Code::UntrustedServer, &advice);
    let told = Server {
        issuer: Some(server.url("")),
        trusted_issuer: Some("https://accounts.example.com".to_owned()),
        ..at(&server, "/mcp")
    };
    run(&told).unwrap();
}

#[test]
fn a_document_of_another_issuer_is_passed_over_where_the_next_place_has_the_right_one() {
    let wrong = with(
        authorization(""),
        &value!({"issuer": "https://other.example.com", "token_endpoint": "https://other.example.com/t"}),
    );
    let place = "/.well-known/oauth-protected-resource/mcp";
    let server = world(&[(place, resource("/mcp")), (OAUTH, wrong), (OPENID, authorization(""))]);
    assert_eq!(run(&at(&server, "/mcp")).unwrap().token_endpoint, server.url("/token"));
}

#[test]
fn the_first_usable_of_several_servers_is_taken_rule_4() {
    let list = value!(["BASE/gone", 7, "javascript:x", "BASE/second", "BASE/third"]);
    let resource = value!({"resource": "BASE/mcp", "authorization_servers": list});
    let second = format!("{OAUTH}/second");
    let third = format!("{OAUTH}/third");
    let server = world(&[
        ("/.well-known/oauth-protected-resource/mcp", resource),
        (&second, authorization("/second")),
        (&third, authorization("/third")),
    ]);
    let found = run(&at(&server, "/mcp")).unwrap();
    assert_eq!(found.issuer, Some(server.url("/second")));
    assert_eq!(found.others, [server.url("/gone"), server.url("/third")]);
    let pinned = Server { issuer: Some(server.url("/third")), ..at(&server, "/mcp") };
    let found = run(&pinned).unwrap();
    assert_eq!((found.issuer, found.others), (Some(server.url("/third")), Vec::new()));
}

#[test]
fn a_server_with_a_fault_is_not_replaced_by_the_next_of_the_list_rule_4() {
    let server = Scripted::start(|base, seen| {
        let resource =
            value!({"resource": "BASE/mcp", "authorization_servers": ["BASE/first", "BASE/second"]});
        let body = match seen.target.as_str() {
            "/.well-known/oauth-protected-resource/mcp" => resource,
            target if target.ends_with("/second") => authorization("/second"),
            _ if seen.method == "POST" => return headed(401, "WWW-Authenticate", "Bearer"),
            _ => return plain(503, "text/plain", ""),
        };
        json(200, &body.to_string().replace("BASE", base))
    });
    refused(run(&at(&server, "/mcp")), Code::Unavailable, "/first");
}

/// Discovery at a server that names these authorization servers, of which the second is sound and the first
/// has this metadata.
fn first_of(list: &Value, first: &Value) -> (Scripted, Outcome<Discovered>) {
    let resource = value!({"resource": "BASE/mcp", "authorization_servers": list});
    let place = format!("{OAUTH}/first");
    let server = world(&[
        ("/.well-known/oauth-protected-resource/mcp", resource),
        (&place, first.clone()),
        (&format!("{OAUTH}/second"), authorization("/second")),
    ]);
    let outcome = run(&at(&server, "/mcp"));
    (server, outcome)
}

#[test]
fn where_the_first_server_cannot_be_used_the_others_and_the_way_to_choose_one_are_named_rule_4() {
    let gone = format!("http://127.0.0.1:{}", closed_port());
    let unsafe_one =
        with(authorization("/first"), &value!({"revocation_endpoint": "http://idp.example.com/r"}));
    let more = ["BASE/second", "https://169.254.169.254", "javascript:x", "https://idp.example.com"];
    for (first, code) in [(gone.as_str(), Code::Unavailable), ("BASE/first", Code::UntrustedServer)] {
        let list = [&[first], &more[..]].concat();
        let (server, outcome) = first_of(&value!(list), &unsafe_one);
        let (url, second) = (server.url("/mcp"), server.url("/second"));
        let message = &outcome.as_ref().unwrap_err().message;
        assert!(message.contains(&format!("{second}, https://idp.example.com")), "{message}");
        assert!(!message.contains("169.254") && !message.contains("javascript"), "{message}");
        refused(outcome, code, &format!("run `mcp-credential add demo {url} --issuer {second}`"));
        let chosen = Server { issuer: Some(second.clone()), ..at(&server, "/mcp") };
        assert_eq!(run(&chosen).unwrap().issuer, Some(second));
    }
    let message = first_of(&value!(["BASE/first"]), &unsafe_one).1.unwrap_err().message;
    assert!(!message.contains("--issuer"), "{message}");
}

#[test]
fn a_pinned_issuer_wins_over_what_the_resource_names() {
    let idp = world(&[(OAUTH, authorization(""))]);
    let server = sound();
    let pinned = Server { issuer: Some(idp.url("")), ..at(&server, "/mcp") };
    assert_eq!(run(&pinned).unwrap().token_endpoint, idp.url("/token"));
    let bad = Server { issuer: Some("http://idp.example.com".to_owned()), ..at(&server, "/mcp") };
    refused(run(&bad), Code::ConfigInvalid, "`issuer`");
}

#[test]
fn an_issuer_with_a_query_or_of_another_scheme_is_refused() {
    for bad in [
        "https://idp.example.com/?x=1",
        "ftp://idp.example.com",
        "http://idp.example.com",
        "https://169.254.169.254",
    ] {
        let resource = value!({"resource": "BASE/mcp", "authorization_servers": [bad]});
        let server = world(&[("/.well-known/oauth-protected-resource/mcp", resource)]);
        refused(run(&at(&server, "/mcp")), Code::UntrustedServer, "authorization server");
    }
}

#[test]
fn an_issuer_or_endpoint_that_others_would_read_in_another_way_is_refused_case_11() {
    for (issuer, why) in [
        ("BASE\\@honest.example", "backslash"),
        ("BASE/{tenant}", "no URI may hold"),
        ("BASE/ü", "no URI may hold"),
    ] {
        let document = value!({"resource": "BASE/mcp", "authorization_servers": [issuer]});
        let server = world(&[(RESOURCE, document), (OAUTH, authorization(""))]);
        refused(run(&at(&server, "/mcp")), Code::UntrustedServer, why);
    }
    let document = with(authorization(""), &value!({"token_endpoint": "BASE\\@honest.example/token"}));
    let server = world(&[(OAUTH, document)]);
    refused(run(&at(&server, "/mcp")), Code::UntrustedServer, "backslash");
}

#[test]
fn without_resource_metadata_the_server_is_its_own_issuer_rule_7() {
    let server = world(&[(OAUTH, authorization(""))]);
    let found = run(&at(&server, "/mcp")).unwrap();
    assert_eq!((found.issuer, found.resource), (Some(server.url("")), Some(server.url("/mcp"))));
    let server = world(&[(OAUTH, authorization("/"))]);
    assert_eq!(run(&at(&server, "/mcp")).unwrap().issuer, Some(server.url("/")));
    let server = world(&[(OAUTH, authorization("/mcp"))]);
    refused(run(&at(&server, "/mcp")), Code::UntrustedServer, "issuer");
}

#[test]
fn without_any_metadata_the_fixed_endpoints_are_used_rule_7() {
    let server = world(&[]);
    let found = run(&at(&server, "/mcp")).unwrap();
    assert_eq!(found.authorization_endpoint, Some(server.url("/authorize")));
    assert_eq!(found.token_endpoint, server.url("/token"));
    assert_eq!(found.registration_endpoint, Some(server.url("/register")));
    assert_eq!(found.issuer, None);
}

#[test]
fn nothing_is_guessed_for_a_server_that_asks_for_no_credentials() {
    let server =
        Scripted::start(|_, seen| plain(if seen.method == "POST" { 200 } else { 404 }, "text/plain", ""));
    refused(run(&at(&server, "/mcp")), Code::Unavailable, "asks for no credentials");
}

#[test]
fn a_login_without_advertised_pkce_is_refused_unless_it_is_allowed_case_16() {
    let name = "code_challenge_methods_supported";
    for document in [
        without(authorization(""), name),
        with(authorization(""), &value!({name: ["plain"]})),
        with(authorization(""), &value!({name: "S256"})),
        with(authorization(""), &value!({name: []})),
    ] {
        let server =
            world(&[("/.well-known/oauth-protected-resource/mcp", resource("/mcp")), (OAUTH, document)]);
        refused(run(&at(&server, "/mcp")), Code::UntrustedServer, "mcp --allow-missing-pkce-metadata`");
        run(&Server { allow_missing_pkce_metadata: true, ..at(&server, "/mcp") }).unwrap();
        run(&Server { grant: Grant::ClientCredentials, ..at(&server, "/mcp") }).unwrap();
    }
}

#[test]
fn metadata_without_the_needed_endpoints_is_passed_over() {
    let half = without(authorization(""), "token_endpoint");
    let server = world(&[(OAUTH, half.clone()), (OPENID, authorization(""))]);
    assert_eq!(run(&at(&server, "/mcp")).unwrap().token_endpoint, server.url("/token"));
    let place = "/.well-known/oauth-protected-resource/mcp";
    let server = world(&[(place, resource("/mcp")), (OAUTH, half)]);
    refused(run(&at(&server, "/mcp")), Code::Unavailable, "no token endpoint");
}

/// A loopback double of a server of the table: it publishes the authorization server at the path of the row, at
/// its own origin, and the metadata there names the issuer of the row.
fn double(row: &Known) -> (Scripted, String) {
    let path = Url::parse(row.published).unwrap().path().to_owned();
    let published =
        format!("BASE{}", if row.published.ends_with('/') { "/" } else { path.trim_end_matches('/') });
    let place = format!("{OAUTH}{}", path.trim_end_matches('/'));
    let resource = value!({"resource": "BASE/mcp", "authorization_servers": [published]});
    let document = with(authorization(""), &value!({"issuer": row.issuer}));
    let server = world(&[("/.well-known/oauth-protected-resource/mcp", resource), (&place, document)]);
    let published = published.replace("BASE", &server.url(""));
    (server, published)
}

#[test]
fn a_double_of_each_known_server_is_believed_by_its_row_alone() {
    for row in known::TABLE {
        let (double, published) = double(row);
        let (here, elsewhere) = (double.url(""), "http://127.0.0.1:9".to_owned());
        let demo = at(&double, "/mcp");
        let with_row = |origin: &str, published: &str, issuer: &str, server: &Server| {
            let row = Known { origin, published, issuer, ..*row };
            discover_with(testing::http(), server, None, &[row])
        };
        let found = with_row(&here, &published, row.issuer, &demo).unwrap();
        assert_eq!(found.issuer.as_deref(), Some(row.issuer), "{row:?}");
        let refuses = |outcome| refused(outcome, Code::UntrustedServer, "--trusted-issuer ");
        refuses(with_row(&elsewhere, &published, row.issuer, &demo));
        refuses(with_row(&here, &elsewhere, row.issuer, &demo));
        refuses(with_row(&here, &published, "https://other.example.com", &demo));
        refuses(with_row(&here, &published, row.issuer, &Server { strict: true, ..demo.clone() }));
        refuses(run(&demo));
        let pinned = Server { issuer: Some(published.clone()), ..demo };
        refuses(with_row(&here, &published, row.issuer, &pinned));
    }
}
