//! A door of TLS before the test server. It takes https, and as a proxy (`CONNECT`) it brings a public name to the
//! same door. Every connection carries one request.

use oauthserver::OAuthServer;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

/// The certificates of these tests; neither key protects anything.
pub fn testdata(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = root.join("tests/tls").join(name);
    if own.exists() { own } else { root.join("src/oauth/testdata").join(name) }
}

/// The door. It lives as long as the tests.
pub struct Front {
    address: SocketAddr,
}

impl Front {
    /// A door to `server` that shows this certificate.
    pub fn before(server: &OAuthServer, certificate: &str, key: &str) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = vec![CertificateDer::from_pem_file(testdata(certificate)).unwrap()];
        let key = PrivateKeyDer::from_pem_file(testdata(key)).unwrap();
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = Arc::new(config.unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let inner = server.origin().trim_start_matches("http://").to_owned();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, inner) = (Arc::clone(&config), inner.clone());
                // A client that does not like the certificate goes away.
                thread::spawn(move || drop(carry(stream, config, &inner)));
            }
        });
        Self { address }
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

fn carry(mut stream: TcpStream, config: Arc<ServerConfig>, inner: &str) -> io::Result<()> {
    let mut first = [0_u8; 7];
    stream.peek(&mut first)?;
    if &first == b"CONNECT" {
        read_head(&mut BufReader::with_capacity(1, &stream))?;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    }
    let mut tls = BufReader::new(StreamOwned::new(ServerConnection::new(config).unwrap(), stream));
    let head = read_head(&mut tls)?;
    let mut body = vec![0_u8; length_of(&head)];
    tls.read_exact(&mut body)?;
    let mut server = TcpStream::connect(inner)?;
    server.write_all(head.as_bytes())?;
    server.write_all(&body)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    let tls = tls.get_mut();
    tls.write_all(&answer)?;
    tls.conn.send_close_notify();
    tls.flush()
}

fn read_head(stream: &mut impl BufRead) -> io::Result<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}

fn length_of(head: &str) -> usize {
    let lengths = head.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = lengths.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    lengths.next().map_or(0, |(_, length)| length.trim().parse().unwrap())
}
