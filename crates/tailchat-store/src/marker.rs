//! The mark of a clean stop: only after one is an actor continued. Knows the file's inode, the machine and
//! the place; refuses to decide about actors.
//!
//! An actor that goes on after its last changes were lost gives their numbers to others, for ever. So the
//! marker counts only where it was written: a copied, moved or restored folder has another inode, ctime or
//! path, or stands on another machine, and its actors start afresh.

use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;
use tailchat_core::ids::{ActorId, ChangeHash};

use crate::disk::{Disk, RealDisk, sync_dir};
use crate::error::StoreError;
use crate::fields::{Fields, short};
use crate::head::{FORMAT_MAJOR, FORMAT_MINOR};
use crate::limits::{MARKER_CTIME_SLACK_MS, MARKER_ROOMS_MAX};
use crate::log::write_error;

/// The file's name, in the data folder.
pub const MARKER_FILE: &str = "clean-stop";
/// The file's first bytes.
pub const MARKER_MAGIC: [u8; 8] = *b"\x89TCstop\n";

/// Where everything stood at a clean stop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CleanStop {
    /// Every room in which this device has an actor.
    pub rooms: Vec<CleanRoom>,
}

/// Where one room's own actor stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CleanRoom {
    /// The room's alias, at most 255 bytes.
    pub alias: String,
    /// Our actor there.
    pub actor: ActorId,
    /// The number of its last change.
    pub seq: u64,
    /// The hash of that change.
    pub tip: ChangeHash,
}

/// What tells this machine from others: a hash of its ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Machine([u8; 16]);

/// What ties a marker to where it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seat {
    inode: u64,
    written_at_ms: i64,
    machine: [u8; 16],
    place: [u8; 16],
}

/// This machine, as systemd, D-Bus or its host name know it. `None` where none of them is: no continuity
/// there.
pub(crate) fn machine() -> Option<Machine> {
    let sources = [
        "/etc/machine-id",
        "/var/lib/dbus/machine-id",
        "/etc/hostname",
        "/proc/sys/kernel/hostname",
    ];
    let known = sources.iter().filter_map(|path| fs::read_to_string(path).ok());
    let id = known
        .map(|text| text.trim().to_owned())
        .find(|text| !text.is_empty())?;
    let mut hasher = blake3::Hasher::new_derive_key("tailchat 2026 store machine v1");
    Some(Machine(short(&hasher.update(id.as_bytes()).finalize())))
}

/// Writes the marker, durable when it returns. Without a machine there is none, and no old one either.
pub(crate) fn write(
    root: &Path,
    stop: &CleanStop,
    now_ms: i64,
    machine: Option<Machine>,
) -> Result<(), StoreError> {
    let path = root.join(MARKER_FILE);
    let longest = stop.rooms.iter().map(|room| room.alias.len()).max().unwrap_or(0);
    for (what, len, max) in [
        ("a list of rooms", stop.rooms.len(), MARKER_ROOMS_MAX),
        ("a room's alias", longest, usize::from(u8::MAX)),
    ] {
        if len > max {
            return Err(StoreError::TooLarge { path, what, len, max });
        }
    }
    let written = try_write(root, stop, now_ms, machine);
    if written.is_err() {
        // Best effort: half a marker does not verify, and no marker is what an error means.
        let _ = fs::remove_file(&path);
    }
    written.map_err(|cause| write_error(path, cause))
}

fn try_write(root: &Path, stop: &CleanStop, now_ms: i64, machine: Option<Machine>) -> io::Result<()> {
    let (mut disk, path) = (RealDisk::new(root), Path::new(MARKER_FILE));
    if disk.length(path)?.is_some() {
        disk.remove(path)?;
    }
    let (Some(machine), Some(place)) = (machine, place(root)) else {
        return Ok(());
    };
    disk.create(path)?;
    // The inode has to be the file's own for good before the file can name it.
    disk.sync(path)?;
    let Some((inode, _)) = identity(&root.join(path))? else {
        return disk.remove(path);
    };
    let seat = Seat {
        inode,
        written_at_ms: now_ms,
        machine: machine.0,
        place,
    };
    disk.append(path, &encode(&seat, stop))?;
    disk.sync(path)?;
    disk.sync_dir(Path::new(""))
}

/// Removes the marker, durably, and gives what it says if it counts.
pub(crate) fn take(root: &Path, machine: Option<Machine>) -> Result<Option<CleanStop>, StoreError> {
    let path = root.join(MARKER_FILE);
    let counts = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        // What cannot be read does not count, but it has to go all the same.
        Err(_) => None,
        Ok(bytes) => counting(root, &path, &bytes, machine),
    };
    let removed = fs::remove_file(&path).and_then(|()| sync_dir(root));
    removed.map_err(|cause| StoreError::Io {
        path,
        doing: "remove the mark of the last stop",
        cause,
    })?;
    Ok(counts)
}

fn counting(root: &Path, path: &Path, bytes: &[u8], machine: Option<Machine>) -> Option<CleanStop> {
    let (seat, stop) = decode(bytes)?;
    let (inode, ctime_ms) = identity(path).ok()??;
    let off_ms = ctime_ms.saturating_sub(seat.written_at_ms).saturating_abs();
    let here = seat.machine == machine?.0 && seat.place == place(root)? && seat.inode == inode;
    (here && off_ms <= MARKER_CTIME_SLACK_MS).then_some(stop)
}

/// The file's inode and ctime. Other systems than Unix have neither, and so no continuity.
#[cfg(unix)]
fn identity(path: &Path) -> io::Result<Option<(u64, i64)>> {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::metadata(path)?;
    let ctime_ms = metadata
        .ctime()
        .saturating_mul(1000)
        .saturating_add(metadata.ctime_nsec() / 1_000_000);
    Ok(Some((metadata.ino(), ctime_ms)))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature as on Unix")]
fn identity(_: &Path) -> io::Result<Option<(u64, i64)>> {
    Ok(None)
}

/// A hash of the folder's path: a snapshot mounted elsewhere has the same inodes and ctimes.
fn place(root: &Path) -> Option<[u8; 16]> {
    let path: PathBuf = fs::canonicalize(root).ok()?;
    let mut hasher = blake3::Hasher::new_derive_key("tailchat 2026 store place v1");
    Some(short(
        &hasher.update(path.as_os_str().as_encoded_bytes()).finalize(),
    ))
}

fn sum(bytes: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_derive_key("tailchat 2026 store clean stop v1");
    short(&hasher.update(bytes).finalize())
}

fn encode(seat: &Seat, stop: &CleanStop) -> Vec<u8> {
    let mut bytes = MARKER_MAGIC.to_vec();
    bytes.extend_from_slice(&FORMAT_MAJOR.to_le_bytes());
    bytes.extend_from_slice(&FORMAT_MINOR.to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(stop.rooms.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(&seat.inode.to_le_bytes());
    bytes.extend_from_slice(&seat.written_at_ms.to_le_bytes());
    bytes.extend_from_slice(&seat.machine);
    bytes.extend_from_slice(&seat.place);
    for room in &stop.rooms {
        let alias = room.alias.as_bytes();
        let len = u8::try_from(alias.len()).unwrap_or(u8::MAX);
        bytes.push(len);
        bytes.extend_from_slice(alias);
        bytes.extend_from_slice(&room.actor.0);
        bytes.extend_from_slice(&room.seq.to_le_bytes());
        bytes.extend_from_slice(&room.tip.0);
    }
    let sum = sum(&bytes);
    bytes.extend_from_slice(&sum);
    bytes
}

/// `None` for whatever does not verify, and for other major versions: it only means no continuity.
fn decode(bytes: &[u8]) -> Option<(Seat, CleanStop)> {
    let (summed, stored) = bytes.split_last_chunk::<16>()?;
    let mut fields = Fields(summed);
    let ours = fields.array()? == MARKER_MAGIC && fields.u16()? == FORMAT_MAJOR && sum(summed) == *stored;
    if !ours {
        return None;
    }
    fields.u16()?;
    let count = fields.length()?;
    let seat = Seat {
        inode: fields.u64()?,
        written_at_ms: fields.i64()?,
        machine: fields.array()?,
        place: fields.array()?,
    };
    let mut stop = CleanStop::default();
    for _ in 0..count {
        let len = usize::from(fields.u8()?);
        let alias = str::from_utf8(fields.bytes(len)?).ok()?.to_owned();
        let (actor, seq) = (ActorId(fields.array()?), fields.u64()?);
        stop.rooms.push(CleanRoom {
            alias,
            actor,
            seq,
            tip: ChangeHash(fields.array()?),
        });
    }
    fields.0.is_empty().then_some((seat, stop))
}

#[cfg(unix)]
#[cfg(test)]
mod tests;
