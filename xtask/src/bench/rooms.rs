//! Rooms with a history that nobody can wait for to be typed: written through the production log, by many
//! authors. The only file here that knows journals; knows no process.

use std::fs;
use std::iter::Cycle;
use std::path::{Path, PathBuf};
use std::slice::Iter;

use anyhow::{Context, Result, ensure};
use tailchat_core::block::Arrival;
use tailchat_core::engine::ArrivedChange;
use tailchat_core::entry::{Body, Entry, Imported, Profile, Stamp, Text};
use tailchat_core::ids::{ActorId, DeviceId, PersonId, RoomId};
use tailchat_core::limits::CHANGE_ENTRIES_MAX;
use tailchat_core::state::RoomState;
use tailchat_node::journal::Journal;
use tailchat_store::disk::RealDisk;

use crate::corpus::Said;

/// Authors of a room whose messages were typed.
const TYPISTS: u64 = 50;
/// Bytes of changes that are written at once: below what a log takes in one append.
const APPEND_LEN: usize = 256 * 1024;
/// When the first message was written, in milliseconds since 1970.
const BEGIN_MS: u64 = 1_700_000_000_000;
/// The last message of each room.
pub(super) const NEWEST: &str = "and this is the newest message here";

/// How messages came into a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    /// A change each, by 50 authors who take turns.
    Typed,
    /// As many to a change as there may be, by one author.
    Imported,
}

impl Form {
    pub(super) const ALL: [Self; 2] = [Self::Typed, Self::Imported];
}

impl std::fmt::Display for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Typed => "as typed",
            Self::Imported => "as imported",
        })
    }
}

/// Rooms on disk that no peer has opened.
pub(super) struct Made {
    /// Holds `rooms`, as a data folder does.
    pub(super) folder: PathBuf,
    /// Their IDs.
    pub(super) rooms: Vec<String>,
    /// Bytes of the messages' texts.
    pub(super) text_len: u64,
    /// Messages in blocks.
    pub(super) sealed: u64,
    /// Bytes of the blocks.
    pub(super) sealed_len: u64,
}

impl Made {
    pub(super) fn make(
        folder: &Path,
        form: Form,
        said: &[Said],
        rooms: usize,
        messages: usize,
    ) -> Result<Self> {
        let mut made = Self {
            folder: folder.to_owned(),
            rooms: Vec::new(),
            text_len: 0,
            sealed: 0,
            sealed_len: 0,
        };
        for room in 0..rooms {
            let mut writer = Writer::new(folder, form, said, room)?;
            writer.write(messages / rooms)?;
            made.rooms.push(writer.room.to_string());
            made.text_len += writer.text_len;
            made.sealed += writer.sealed;
            made.sealed_len += writer.journal.disk_bytes().blocks;
        }
        Ok(made)
    }

    pub(super) fn first(&self) -> Result<&str> {
        let first = self.rooms.first().context("there is no room")?;
        Ok(first)
    }
}

/// Whether a program printed a room's newest message.
pub(super) fn shows_newest(printed: &[u8]) -> bool {
    String::from_utf8_lossy(printed).contains(NEWEST)
}

/// Bytes that the log gives to write(2) for one live message in a room that has messages already: all that it
/// writes from one sealing to the next, so that each message bears its part.
pub(super) fn written(folder: &Path, said: &[Said], before: usize) -> Result<f64> {
    let mut writer = Writer::new(folder, Form::Typed, said, 0)?;
    writer.write(before)?;
    writer.until_sealed()?;
    let begin = written_here()?;
    let messages = writer.until_sealed()?;
    Ok((written_here()? - begin) as f64 / messages as f64)
}

/// Bytes that this process has given to write(2). While a log is written, nothing else here writes.
fn written_here() -> Result<u64> {
    let io = fs::read_to_string("/proc/self/io")?;
    let line = io.lines().find_map(|line| line.strip_prefix("wchar:"));
    let bytes = line.context("the system does not tell what was written")?;
    Ok(bytes.trim().parse()?)
}

struct Writer<'a> {
    form: Form,
    room: RoomId,
    journal: Journal<RealDisk>,
    state: RoomState,
    authors: Vec<ActorId>,
    said: Cycle<Iter<'a, Said>>,
    /// Messages until now.
    messages: u64,
    /// Entries that wait for a change.
    entries: Vec<Vec<u8>>,
    /// Changes that wait for the disk.
    batch: Vec<ArrivedChange>,
    batch_len: usize,
    text_len: u64,
    sealed: u64,
}

impl<'a> Writer<'a> {
    /// Makes a room in which its authors have said who they are.
    fn new(folder: &Path, form: Form, said: &'a [Said], room: usize) -> Result<Self> {
        let room = RoomId(bytes(room as u64, 0));
        fs::create_dir_all(folder.join("rooms"))?;
        let journal = Journal::create(RealDisk::new(folder), room, [2; 32])?;
        let authors = match form {
            Form::Typed => TYPISTS,
            Form::Imported => 1,
        };
        let mut writer = Self {
            form,
            room,
            journal,
            state: RoomState::default(),
            authors: (1..=authors).map(|n| ActorId(bytes(n, 1))).collect(),
            said: said.iter().cycle(),
            messages: 0,
            entries: Vec::new(),
            batch: Vec::new(),
            batch_len: 0,
            text_len: 0,
            sealed: 0,
        };
        for (n, author) in writer.authors.clone().into_iter().enumerate() {
            let profile = Profile {
                person: PersonId(
                    [bytes(n as u64, 2), bytes(n as u64, 3)]
                        .concat()
                        .try_into()
                        .unwrap_or([0; 32]),
                ),
                device: DeviceId(bytes(n as u64, 4)),
                name: format!("typist{n}"),
            };
            writer.entries.push(writer.entry(Body::Profile(profile)));
            writer.change(author);
        }
        Ok(writer)
    }

    /// Writes so many messages, durably, and seals what is ripe.
    fn write(&mut self, count: usize) -> Result<()> {
        for n in 1..=count {
            self.message(n == count)?;
        }
        self.flush()
    }

    /// Writes live messages, each durable before the next, until some of them are sealed; how many they were.
    fn until_sealed(&mut self) -> Result<u64> {
        let (messages, sealed) = (self.messages, self.sealed);
        while self.sealed == sealed {
            self.message(false)?;
            self.flush()?;
        }
        Ok(self.messages - messages)
    }

    fn message(&mut self, newest: bool) -> Result<()> {
        let said = self.said.next().context("nothing is said")?;
        let text = if newest {
            NEWEST.to_owned()
        } else {
            said.text.clone()
        };
        self.text_len += text.len() as u64;
        self.messages += 1;
        let (body, full) = match self.form {
            Form::Typed => (Body::Text(Text { text, reply_to: None }), 1),
            Form::Imported => {
                let imported = Imported {
                    nick: said.nick.clone(),
                    action: false,
                    text,
                };
                (Body::Imported(imported), CHANGE_ENTRIES_MAX)
            }
        };
        self.entries.push(self.entry(body));
        if self.entries.len() >= full {
            let turn = self.messages * 7 % self.authors.len() as u64;
            let author = self.authors.get(usize::try_from(turn)?);
            self.change(*author.context("there is no such author")?);
        }
        match self.batch_len < APPEND_LEN {
            true => Ok(()),
            false => self.append(),
        }
    }

    fn entry(&self, body: Body) -> Vec<u8> {
        // Somebody writes every eleven seconds, on average.
        let order = BEGIN_MS + self.messages * 11_000 + self.messages * 7919 % 9000;
        let stamp = Stamp {
            order,
            sent_at_ms: order.cast_signed(),
        };
        Entry { stamp, body }.encode()
    }

    /// Makes a change of the entries that wait.
    fn change(&mut self, author: ActorId) {
        let change = self.state.author(author, std::mem::take(&mut self.entries));
        self.batch_len += change.encoded.bytes.len();
        let written_ms = BEGIN_MS + self.messages * 11_000;
        let arrival = Arrival {
            at_ms: written_ms.cast_signed() + 9_040,
            via: DeviceId([7; 16]),
        };
        self.batch.push(ArrivedChange { change, arrival });
    }

    fn flush(&mut self) -> Result<()> {
        if !self.entries.is_empty() {
            let author = self.authors.first().context("there is no author")?;
            self.change(*author);
        }
        self.append()
    }

    fn append(&mut self) -> Result<()> {
        let messages = |arrived: &ArrivedChange| arrived.change.parts.entries.len() as u64;
        ensure!(
            self.batch.iter().all(|arrived| messages(arrived) > 0),
            "a change is empty"
        );
        self.journal.append(&self.batch)?;
        self.batch.clear();
        self.batch_len = 0;
        while let Some(sealing) = self.journal.sealing()? {
            let sealed = sealing.run()?;
            let changes = sealed
                .info()
                .spans
                .iter()
                .map(|span| span.last_seq - span.first_seq + 1);
            let each = match self.form {
                Form::Typed => 1,
                Form::Imported => CHANGE_ENTRIES_MAX as u64,
            };
            self.sealed += changes.sum::<u64>() * each;
            self.journal.sealed(sealed);
        }
        Ok(())
    }
}

/// Bytes as random ones look, the same every time: Steele's and Vigna's SplitMix64.
fn bytes(n: u64, of: u64) -> [u8; 16] {
    let word = |seed: u64| {
        let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let seed = (of << 32) + n * 2 + 1;
    let both = u128::from(word(seed)) << 64 | u128::from(word(seed + 1));
    both.to_le_bytes()
}
