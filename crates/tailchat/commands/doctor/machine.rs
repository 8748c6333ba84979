//! What only this machine can tell: the folder, its disk, the way to the socket, whether our own addresses lead to us.
//! Knows no rooms.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tailchat_node::client::socket_path;
use tailchat_node::control::{Area, FindingItem, NodeItem};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// With fewer free bytes, writes are about to fail.
const FREE_MIN: u64 = 64 * 1024 * 1024;
/// With fewer, that is worth knowing.
const FREE_NOTED: u64 = 1024 * 1024 * 1024;
/// How long an address of our own may take to answer.
const DIAL_MAX: Duration = Duration::from_secs(2);
/// Addresses of our own that are dialled; of further ones nothing is said.
const DIALS_MAX: usize = 8;
/// Bytes of a socket's path, with the zero at its end, beyond which the system refuses it.
const SOCKET_PATH_MAX: usize = 108;

/// Whether others can read the folder.
pub(super) fn of_folder(data: &Path) -> Vec<FindingItem> {
    let shown = data.display();
    let Ok(meta) = fs_err::metadata(data) else {
        let what = format!("there is no data folder at {shown} yet");
        return vec![FindingItem::note(Area::Folder, what)];
    };
    let mut findings = Vec::new();
    if is_open(&meta) {
        let what = format!("others on this machine may look into {shown}");
        let why = "the IDs of the rooms are in it, and who has them can read and write there";
        let mend = format!("chmod -R go= '{shown}'");
        findings.push(FindingItem::wrong(Area::Folder, what).since(why).mended_by(mend));
    } else {
        findings.push(FindingItem::fine(Area::Folder, format!("{shown} is yours alone")));
    }
    let files = fs_err::read_dir(data)
        .into_iter()
        .flatten()
        .filter_map(Result::ok);
    let loose = files.filter(|file| file.metadata().is_ok_and(|meta| is_open(&meta)));
    if let loose @ 1.. = loose.count() {
        let what = format!("{loose} of the files in {shown} are open to others, were the folder not closed");
        let mend = format!("chmod -R go= '{shown}'");
        findings.push(FindingItem::note(Area::Folder, what).mended_by(mend));
    }
    findings
}

#[cfg(unix)]
fn free_bytes(data: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(data).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(not(unix))]
fn free_bytes(_data: &Path) -> Option<u64> {
    None
}

/// Whether others on this machine may look into it. Where the system knows no modes, folders of a person are theirs.
#[cfg(unix)]
fn is_open(meta: &std::fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o077 != 0
}

#[cfg(not(unix))]
fn is_open(_meta: &std::fs::Metadata) -> bool {
    false
}

/// Whether there is room for what is to come.
pub(super) fn of_disk(data: &Path) -> Vec<FindingItem> {
    free_bytes(data).map(of_space).into_iter().collect()
}

fn of_space(free: u64) -> FindingItem {
    let what = format!("the disk has {} MiB free", free >> 20);
    if free < FREE_MIN {
        return FindingItem::wrong(Area::Disk, what)
            .since("nothing can be written or received when it is full; what is there is safe")
            .mended_by("df -h");
    }
    match free < FREE_NOTED {
        true => FindingItem::note(Area::Disk, what),
        false => FindingItem::fine(Area::Disk, what),
    }
}

/// Whether other commands find the way to a node of this folder.
pub(super) fn of_socket(data: &Path) -> Vec<FindingItem> {
    let path = socket_path(data);
    let mut findings = Vec::new();
    if path.as_os_str().len() >= SOCKET_PATH_MAX {
        let what = format!("the path of the local socket is too long: {}", path.display());
        let why = format!(
            "the system takes {SOCKET_PATH_MAX} bytes; other commands cannot reach a tailchat that runs"
        );
        let mend = "export XDG_RUNTIME_DIR=/run/user/$(id -u)";
        findings.push(FindingItem::wrong(Area::Socket, what).since(why).mended_by(mend));
    }
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(dir) if Path::new(&dir).is_relative() => {
            let what = "XDG_RUNTIME_DIR is no absolute path, so it is not used";
            findings.push(FindingItem::note(Area::Socket, what));
        }
        Some(_) => {}
        None => {
            let what = "XDG_RUNTIME_DIR is not set, so the local socket is in the system's temporary folder";
            let why = "a tailchat that was started where it is set has its socket elsewhere and is not found";
            findings.push(FindingItem::note(Area::Socket, what).since(why));
        }
    }
    findings
}

/// Whether the addresses that we tell others lead here, seen from here.
pub(super) async fn dial_ourselves(node: &NodeItem) -> Vec<FindingItem> {
    let own = node
        .reachable
        .iter()
        .filter_map(|addr| addr.parse::<SocketAddr>().ok());
    let own: Vec<_> = own
        .filter(|addr| !addr.ip().is_loopback())
        .take(DIALS_MAX)
        .collect();
    let (mut reached, mut findings) = (Vec::new(), Vec::new());
    for addr in own {
        let why = match timeout(DIAL_MAX, TcpStream::connect(addr)).await {
            Ok(Ok(_)) => {
                reached.push(addr.to_string());
                continue;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", DIAL_MAX.as_secs()),
        };
        let what = format!("our own address {addr} does not lead here");
        findings.push((what, why));
    }
    let level = match reached.is_empty() {
        true => FindingItem::wrong,
        false => FindingItem::note,
    };
    let mut findings: Vec<_> = findings
        .into_iter()
        .map(|(what, why)| level(Area::Listening, what).since(why))
        .collect();
    if !reached.is_empty() {
        let what = format!("dialled from here, {} answers", reached.join(", "));
        findings.push(FindingItem::fine(Area::Listening, what));
    }
    findings
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use tailchat_node::control::Level;

    #[test]
    fn little_space_is_noted_and_hardly_any_is_wrong() {
        let level = |free| of_space(free).level;
        assert_eq!(level(FREE_MIN - 1), Level::Wrong);
        assert_eq!(level(FREE_MIN), Level::Note);
        assert_eq!(level(FREE_NOTED), Level::Fine);
    }

    #[test]
    fn a_folder_that_others_may_read_is_wrong_and_the_mend_closes_it() {
        let folder = tempfile::tempdir().unwrap();
        let level = |mode| {
            fs_err::set_permissions(folder.path(), std::fs::Permissions::from_mode(mode)).unwrap();
            of_folder(folder.path())[0].level
        };
        assert_eq!(level(0o700), Level::Fine);
        assert_eq!(level(0o750), Level::Wrong);
        assert_eq!(level(0o701), Level::Wrong);
        let none = of_folder(&folder.path().join("none"));
        assert_eq!(none[0].level, Level::Note);
    }
}
