//! One MCP request with a token, as curl would send it. Loopback, plain HTTP, one request a connection.

use anyhow::{Context, Result};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// How long the server may be silent.
const SILENCE: Duration = Duration::from_secs(10);

/// The body of the request.
pub const BODY: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

/// Posts [`BODY`] to `/mcp` with `header` (a whole header line), and returns status and body of the answer.
pub fn call(port: u16, header: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(SILENCE))?;
    let (header, length) = (header.trim_end(), BODY.len());
    write!(stream, "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{header}\r\n")?;
    write!(stream, "Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{BODY}")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("the MCP endpoint did not answer")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.context("the MCP endpoint did not answer with HTTP")?, body.to_owned()))
}
