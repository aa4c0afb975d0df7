//! A login whose token could not be stored is refused before anybody is asked.

mod support;

use support::{Sandbox, ran, server};

#[test]
fn a_login_whose_token_could_not_be_written_asks_nobody_case_61() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let record = std::fs::read(sandbox.record()).unwrap();
    // Files may be created, but nothing may be written into them.
    let mut login = sandbox.shell(r#"ulimit -f 0; exec "$0" login demo --timeout 20"#);
    ran(login.output().unwrap()).fails("cache_unwritable", 75);
    assert_eq!(sandbox.opened(), [""; 0]);
    assert_eq!(std::fs::read(sandbox.record()).unwrap(), record);
    assert_eq!(sandbox.leftovers(), [""; 0]);
}
