//! A scripted HTTP server on loopback for the tests of this room. Every request is recorded; what it answers
//! is decided by a function of the request. One connection carries one request.

use oauthserver::HeldPort;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::http::{Http, Limits};
use crate::config::Network;

/// One request as it arrived.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(seen, _)| seen.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The form parameters of the body, in order.
    pub fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.body.as_bytes()).into_owned().collect()
    }

    pub fn param(&self, name: &str) -> Option<String> {
        self.form().into_iter().find(|(seen, _)| seen == name).map(|(_, value)| value)
    }
}

/// What the server does with a request.
pub enum Script {
    /// A whole answer: status, more header lines, body.
    Answer(u16, Vec<(String, String)>, Vec<u8>),
    /// These bytes as they stand, then the end of the connection.
    Raw(Vec<u8>),
    /// A status line and headers, then a byte every few milliseconds until the client goes away.
    Drip,
    /// A body that never ends, as fast as the client reads it.
    Flood,
    /// Nothing at all until the client goes away.
    Silence,
}

/// A JSON answer.
pub fn json(status: u16, body: &impl ToString) -> Script {
    Script::Answer(
        status,
        vec![("Content-Type".into(), "application/json".into())],
        body.to_string().into_bytes(),
    )
}

/// An answer of another kind.
pub fn plain(status: u16, kind: &str, body: &str) -> Script {
    Script::Answer(status, vec![("Content-Type".into(), kind.into())], body.as_bytes().to_vec())
}

/// An answer with one more header and no body.
pub fn headed(status: u16, name: &str, value: &str) -> Script {
    Script::Answer(status, vec![(name.into(), value.into())], Vec::new())
}

/// The server. It ends when it is dropped.
pub struct Scripted {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Scripted {
    /// Starts a server; `script` is given the server's own base URL and the request.
    pub fn start(script: impl Fn(&str, &Seen) -> Script + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, done) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let (log, stop, base) = (Arc::clone(&seen), Arc::clone(&done), format!("http://{address}"));
        let script = Arc::new(script);
        let thread = thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let (log, base, script) = (Arc::clone(&log), base.clone(), Arc::clone(&script));
                thread::spawn(move || serve(&stream, &base, &log, &*script));
            }
        });
        Self { address, seen, done, thread: Some(thread) }
    }

    /// One fixed answer for whatever is asked.
    pub fn always(status: u16, kind: &'static str, body: &'static str) -> Self {
        Self::start(move |_, _| plain(status, kind, body))
    }

    /// `http://127.0.0.1:PORT` and `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// `METHOD /target` of every request so far.
    pub fn lines(&self) -> Vec<String> {
        self.seen().iter().map(|seen| format!("{} {}", seen.method, seen.target)).collect()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.done.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(mut stream: &TcpStream, base: &str, log: &Mutex<Vec<Seen>>, script: &dyn Fn(&str, &Seen) -> Script) {
    let Some(seen) = read_request(&mut BufReader::new(stream)) else { return };
    log.lock().unwrap().push(seen.clone());
    match script(base, &seen) {
        Script::Silence => {}
        script => {
            let _ = play(&mut stream, script);
            let _ = stream.shutdown(Shutdown::Write);
        }
    }
    // Until the client has closed, so that it is never reset while it reads.
    let _ = stream.read_to_end(&mut Vec::new());
}

/// Reads one request with a declared body.
pub fn read_request(reader: &mut impl BufRead) -> Option<Seen> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut parts = line.split_whitespace();
    let mut seen = Seen { method: parts.next()?.into(), target: parts.next()?.into(), ..Seen::default() };
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        seen.headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let length = seen.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    seen.body = String::from_utf8(body).ok()?;
    Some(seen)
}

/// Plays `script` on a connection.
pub fn play(stream: &mut impl Write, script: Script) -> std::io::Result<()> {
    match script {
        Script::Answer(status, headers, body) => {
            write!(stream, "HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: {}\r\n", body.len())?;
            for (name, value) in headers {
                write!(stream, "{name}: {value}\r\n")?;
            }
            stream.write_all(b"\r\n")?;
            stream.write_all(&body)?;
        }
        Script::Raw(bytes) => stream.write_all(&bytes)?,
        Script::Drip => endless(stream, b" ", Duration::from_millis(5))?,
        Script::Flood => endless(stream, &[b'x'; 16 * 1024], Duration::ZERO)?,
        Script::Silence => {}
    }
    stream.flush()
}

/// Writes until the client goes away. The pause paces the server; no test waits for it.
fn endless(stream: &mut impl Write, bytes: &[u8], pause: Duration) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")?;
    loop {
        stream.write_all(bytes)?;
        stream.flush()?;
        thread::sleep(pause);
    }
}

/// A loopback port that nobody listens on, until the tests end.
pub fn closed_port() -> u16 {
    static HELD: LazyLock<HeldPort> = LazyLock::new(|| HeldPort::closed().unwrap());
    HELD.number()
}

/// A client with generous limits and no proxy, the same for all: each keeps a thread and three file descriptors
/// until the tests end, and a caller may have left us few.
pub fn http() -> &'static Http {
    static SHARED: LazyLock<Http> = LazyLock::new(|| Http::new(&Network::default(), Limits::PLAIN).unwrap());
    &SHARED
}

/// A client that gives up, but after a time in which a request is sent and read wherever the tests run.
pub fn hasty() -> Http {
    let limits = Limits { connect: Duration::from_secs(5), total: Duration::from_secs(4) };
    Http::new(&Network::default(), limits).unwrap()
}
