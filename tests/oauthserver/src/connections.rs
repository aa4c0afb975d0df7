//! The listening socket and the open connections, and their prompt end.
//!
//! Owns the accept thread and the list of sockets. Knows nothing of HTTP. Limit: one thread a connection.

use crate::serve;
use crate::shared::Shared;
use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// How long a stop waits for the request threads. They end at once; this only bounds the unforeseen.
const STOP_LIMIT: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Open {
    accepted: u64,
    sockets: HashMap<u64, Arc<TcpStream>>,
}

/// The open connections.
#[derive(Default)]
pub(crate) struct Connections {
    open: Mutex<Open>,
    fewer: Condvar,
}

impl Connections {
    /// Number of connections that were ever accepted.
    pub(crate) fn accepted(&self) -> u64 {
        self.lock().accepted
    }

    /// Number of connections that are open.
    pub(crate) fn count(&self) -> usize {
        self.lock().sockets.len()
    }

    fn add(&self, stream: TcpStream) -> (u64, Arc<TcpStream>) {
        let mut open = self.lock();
        open.accepted += 1;
        let number = open.accepted;
        let stream = Arc::new(stream);
        open.sockets.insert(number, Arc::clone(&stream));
        (number, stream)
    }

    fn remove(&self, number: u64) {
        self.lock().sockets.remove(&number);
        self.fewer.notify_all();
    }

    /// Shuts all sockets and waits until their threads are gone.
    fn close(&self) {
        let end = Instant::now() + STOP_LIMIT;
        let mut open = self.lock();
        for socket in open.sockets.values() {
            // An error means that it is closed already.
            let _ = socket.shutdown(Shutdown::Both);
        }
        while !open.sockets.is_empty() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.fewer.wait_timeout(open, left);
            open = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes a connection from the list when its thread ends, however it ends.
struct Entry {
    shared: Arc<Shared>,
    number: u64,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.shared.connections.remove(self.number);
    }
}

/// The accept loop; dropping it closes the port and every connection.
pub(crate) struct Listener {
    shared: Arc<Shared>,
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Starts to accept.
    pub(crate) fn start(shared: &Arc<Shared>, socket: TcpListener) -> io::Result<Self> {
        let address = socket.local_addr()?;
        let stopping = Arc::new(AtomicBool::new(false));
        let (stop, data) = (Arc::clone(&stopping), Arc::clone(shared));
        shared.gate.restart();
        let thread =
            Builder::new().name("oauthserver".to_owned()).spawn(move || accept(&data, &socket, &stop))?;
        Ok(Self { shared: Arc::clone(shared), address, stopping, thread: Some(thread) })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            while !thread.is_finished() {
                // Wakes the accept call; a pause follows, because the thread needs a moment to end.
                let _ = TcpStream::connect_timeout(&self.address, Duration::from_millis(100));
                std::thread::park_timeout(Duration::from_millis(1));
            }
            let _ = thread.join();
        }
        self.shared.gate.stop();
        self.shared.connections.close();
    }
}

fn accept(shared: &Arc<Shared>, socket: &TcpListener, stopping: &AtomicBool) {
    loop {
        let accepted = socket.accept();
        if stopping.load(Ordering::SeqCst) {
            return;
        }
        match accepted {
            Ok((stream, _)) => spawn(shared, stream),
            // Out of descriptors, most likely: others must close first.
            Err(_) => std::thread::park_timeout(Duration::from_millis(5)),
        }
    }
}

fn spawn(shared: &Arc<Shared>, stream: TcpStream) {
    let (number, stream) = shared.connections.add(stream);
    let entry = Entry { shared: Arc::clone(shared), number };
    // When there is no thread to be had, the closure is dropped, and the connection with it.
    let _ = Builder::new().spawn(move || {
        serve::connection(&entry.shared, &stream, entry.number);
        // Other owners of the socket may live a moment longer; the peer should not wait for them.
        let _ = stream.shutdown(Shutdown::Both);
        drop(entry);
    });
}
