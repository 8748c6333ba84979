//! The one way in for programs: a running node over its socket, or one of our own in this process. The caller
//! cannot tell the difference.

use std::path::PathBuf;

use crate::control::{Answer, Failure, Request};

/// How a node is to be run.
#[derive(Clone, Debug)]
pub struct Config {
    /// The data folder.
    pub data: PathBuf,
    /// Where to listen, `ADDR[:PORT]`; all interfaces at the fixed port if none.
    pub listen: Option<String>,
    /// The name to take, durably; without one a new folder takes `default_name`.
    pub name: Option<String>,
    /// The name that a new folder takes.
    pub default_name: String,
    /// Whether to listen and dial; a command that only writes and reads does neither.
    pub online: bool,
}

/// A connection to a node.
#[derive(Debug)]
pub struct Client {
    /// Whether the node is another process.
    remote: bool,
}

impl Client {
    /// Connects to the node that owns the folder or, if there is none, becomes it for as long as the client lives.
    /// When the folder is locked and no socket answers, it tries again for 5 s.
    ///
    /// # Errors
    /// [`Failure`] with the exit code and a text for people.
    pub async fn open(config: Config) -> Result<Self, Failure> {
        todo!()
    }

    /// Runs a node that other programs can reach, until `stop` resolves: `serve`.
    ///
    /// # Errors
    /// As [`Client::open`]; and [`crate::control::Code::Failed`] when another process owns the folder.
    pub async fn serve(config: Config) -> Result<Self, Failure> {
        todo!()
    }

    /// Whether the node is another process, which goes on when this one ends.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        self.remote
    }

    /// Sends a request; its answers come by [`Client::next`].
    ///
    /// # Errors
    /// [`Failure`] if the node is gone.
    pub async fn request(&mut self, request: Request) -> Result<(), Failure> {
        todo!()
    }

    /// The next line of the answer. Cancel-safe.
    ///
    /// # Errors
    /// [`Failure`] if the node is gone.
    pub async fn next(&mut self) -> Result<Answer, Failure> {
        todo!()
    }

    /// Ends the connection; a node of our own stops cleanly: peers are told, the log is closed, the marker is written.
    ///
    /// # Errors
    /// [`Failure`] if the clean stop failed; nothing that was acknowledged is lost by that.
    pub async fn close(self) -> Result<(), Failure> {
        todo!()
    }
}
