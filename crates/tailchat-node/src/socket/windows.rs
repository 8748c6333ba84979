//! Named pipes, for programs of this machine alone. Knows neither lines nor who asks.

use std::io;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::windows::named_pipe::{ClientOptions, NamedPipeServer, ServerOptions};

/// Either end of a pipe.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Duplex for T {}

pub(crate) type Stream = Box<dyn Duplex>;

/// A pipe's name, and the end that the next program will have.
pub(crate) struct Listener {
    path: PathBuf,
    next: NamedPipeServer,
}

pub(super) fn place_of(name: &str) -> PathBuf {
    PathBuf::from(format!(r"\\.\pipe\tailchat-{name}"))
}

pub(super) async fn connect(path: &Path) -> io::Result<Stream> {
    Ok(Box::new(ClientOptions::new().open(path)?))
}

pub(super) async fn accept(listener: &mut Listener) -> io::Result<Stream> {
    listener.next.connect().await?;
    let next = options(false).create(&listener.path)?;
    Ok(Box::new(std::mem::replace(&mut listener.next, next)))
}

/// Listens; fails if somebody else has the name.
pub(crate) fn listen(path: &Path) -> io::Result<Listener> {
    Ok(Listener {
        path: path.to_owned(),
        next: options(true).create(path)?,
    })
}

/// As the system has it, others may read from a pipe but write nothing to it, and only who writes is answered.
fn options(first: bool) -> ServerOptions {
    let mut options = ServerOptions::new();
    options.first_pipe_instance(first).reject_remote_clients(true);
    options
}
