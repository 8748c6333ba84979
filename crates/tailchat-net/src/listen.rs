//! From "where to listen" to sockets that listen. Knows address families and how systems differ in
//! them; refuses to know who connects.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

use crate::error::NetError;
use crate::limits::LISTEN_BACKLOG;

/// Where to accept connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// Nowhere: this peer only dials.
    Nowhere,
    /// On all interfaces, IPv6 and IPv4 as far as the machine has them. Port 0 takes any free port, the
    /// same for both.
    Everywhere {
        /// The TCP port.
        port: u16,
    },
    /// On each of these addresses; one that cannot be had is an error.
    At(Vec<SocketAddr>),
}

impl Listen {
    pub(crate) fn bind(&self) -> Result<Vec<TcpListener>, NetError> {
        match self {
            Self::Nowhere => Ok(Vec::new()),
            Self::Everywhere { port } => bind_everywhere(*port),
            Self::At(addrs) => addrs
                .iter()
                .map(|&addr| bind(addr).map_err(|e| name(addr, e)))
                .collect(),
        }
    }
}

fn bind_everywhere(port: u16) -> Result<Vec<TcpListener>, NetError> {
    let any6 = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port);
    let any4 = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port);
    let listener6 = match bind(any6) {
        Ok(listener) => listener,
        // Falling back here would leave us with half of the port and a stranger with the other.
        Err(e) if e.kind() == io::ErrorKind::AddrInUse => return Err(name(any6, e)),
        Err(e) => {
            tracing::debug!("no IPv6 here ({e}), listening on IPv4 alone");
            return Ok(vec![bind(any4(port)).map_err(|e| name(any4(port), e))?]);
        }
    };
    // Port 0 became a real one, and IPv4 has to be the same.
    let port = listener6.local_addr().map_err(|e| name(any6, e))?.port();
    match bind(any4(port)) {
        Ok(listener4) => Ok(vec![listener6, listener4]),
        // The usual case on Linux: the IPv6 socket carries IPv4 too and so has taken the port already.
        Err(e) => {
            tracing::debug!("no separate socket for IPv4 on port {port}: {e}");
            Ok(vec![listener6])
        }
    }
}

fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv6() {
        TcpSocket::new_v6()
    } else {
        TcpSocket::new_v4()
    }?;
    // Connections of a killed process linger in the kernel for a minute; without this its successor
    // could not have the port. On Windows the same option would let two programs share a port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(LISTEN_BACKLOG)
}

fn name(addr: SocketAddr, source: io::Error) -> NetError {
    if source.kind() == io::ErrorKind::AddrInUse {
        NetError::PortTaken { addr }
    } else {
        NetError::Listen { addr, source }
    }
}
