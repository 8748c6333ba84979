//! What can prevent the network from starting. Whatever goes wrong later is a `NetEvent`.

use std::io;
use std::net::SocketAddr;

/// Why [`Net::start`](crate::Net::start) failed.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// Another program, or another tailchat, listens there.
    #[error(
        "cannot listen on {addr}: the port is taken by another program, perhaps another tailchat; \
         stop it, give another address with --listen, or port 0 (--listen ADDR:0) for any free one"
    )]
    PortTaken {
        /// The address that was asked for.
        addr: SocketAddr,
    },
    /// The system refused the address for another reason.
    #[error(
        "cannot listen on {addr}: {source}; give an address of this machine and a port above 1023 with \
         --listen"
    )]
    Listen {
        /// The address that was asked for.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}
