//! Unix sockets in a folder of the user's own. Knows neither lines nor who asks.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use fs_err as fs;
use tokio::net::{UnixListener, UnixStream};

pub(crate) type Stream = UnixStream;
pub(crate) type Listener = UnixListener;

pub(super) fn place_of(name: &str) -> PathBuf {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let folder = match runtime.filter(|dir| dir.is_absolute()) {
        Some(runtime) => runtime.join("tailchat"),
        // Each user of the machine has a folder there.
        None => std::env::temp_dir().join(format!("tailchat-{}", user())),
    };
    folder.join(format!("{name}.sock"))
}

fn user() -> u32 {
    rustix::process::getuid().as_raw()
}

pub(super) async fn connect(path: &Path) -> io::Result<Stream> {
    UnixStream::connect(path).await
}

pub(super) async fn accept(listener: &mut Listener) -> io::Result<Stream> {
    let (stream, _) = listener.accept().await?;
    Ok(stream)
}

/// Listens; what a dead node left there is replaced, since we hold the folder's lock.
pub(crate) fn listen(path: &Path) -> io::Result<Listener> {
    if let Some(folder) = path.parent() {
        std::fs::DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(folder)?;
        let meta = fs::metadata(folder)?;
        if meta.uid() != user() || meta.mode() & 0o077 != 0 {
            let why = format!(
                "{} belongs to somebody else or is open to others",
                folder.display()
            );
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
    }
    match fs::remove_file(path) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(err),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}
