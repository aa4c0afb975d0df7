//! A loopback port that nobody is given by chance.
//!
//! The system gives a free port to whoever asks for any, and one to every connection that goes out, of which it
//! remembers each for a minute. So a port that was free a moment ago is not free later, and one that was closed
//! may be open. A socket that is bound and does not listen keeps it: connections are refused, and on Linux
//! whoever names the port may still listen there.

use rustix::net::{self, AddressFamily, SocketType, sockopt};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;

/// A port of 127.0.0.1 that is kept until this is dropped.
#[derive(Debug)]
pub struct HeldPort {
    number: u16,
    _socket: OwnedFd,
}

impl HeldPort {
    /// A free port that nothing listens on.
    ///
    /// # Errors
    /// The system has no socket or no port left.
    pub fn closed() -> io::Result<Self> {
        Self::bound(0, false)
    }

    /// Keeps `port` (0: any free one) for those who name it. Nothing is kept where the system would keep it from
    /// them as well, which is everywhere but on Linux.
    ///
    /// # Errors
    /// Something listens there, or the system has no socket left.
    pub fn for_later(port: u16) -> io::Result<Option<Self>> {
        if cfg!(target_os = "linux") { Self::bound(port, true).map(Some) } else { Ok(None) }
    }

    /// Its number.
    #[must_use]
    pub const fn number(&self) -> u16 {
        self.number
    }

    fn bound(port: u16, shared: bool) -> io::Result<Self> {
        let socket = net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
        rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
        sockopt::set_socket_reuseaddr(&socket, shared)?;
        net::bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        let number = SocketAddr::try_from(net::getsockname(&socket)?)?.port();
        Ok(Self { number, _socket: socket })
    }
}

#[cfg(test)]
mod tests {
    use super::HeldPort;
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    fn connect(port: u16) -> std::io::Result<TcpStream> {
        TcpStream::connect((Ipv4Addr::LOCALHOST, port))
    }

    #[test]
    fn a_closed_port_refuses_connections_and_listeners() {
        let held = HeldPort::closed().unwrap();
        assert_eq!(connect(held.number()).unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
        assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, held.number())).is_err());
    }

    #[test]
    fn a_port_for_later_can_be_listened_on_by_whoever_names_it() {
        let Some(held) = HeldPort::for_later(0).unwrap() else { return };
        for _ in 0..2 {
            assert_eq!(connect(held.number()).unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, held.number())).unwrap();
            connect(held.number()).unwrap();
            assert!(HeldPort::for_later(held.number()).is_err(), "somebody listens: {listener:?}");
        }
    }
}
