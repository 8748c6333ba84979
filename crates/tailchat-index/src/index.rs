//! The index itself: its file, the numbers that stand for rooms and parties in it, and what is swept.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};
use tailchat_core::ids::{DeviceId, RoomId};

use crate::checkpoint::RoomRow;
use crate::error::{Doing, IndexError};
use crate::letters::Letters;
use crate::schema::{self, Found};

/// Lines of a dropped room that are swept at a time.
const SWEEP_LINES: u32 = 2_000;

/// The tables whose rows hang on a room's number.
const OF_ROOMS: [&str; 7] = [
    "place",
    "tip",
    "stretch",
    "reflected",
    "tally",
    "mention",
    "amend",
];

/// The number of the party whose data folder it is.
const OWNER: i64 = 0;

/// The index of a data folder's rooms.
pub struct Index {
    pub(crate) db: Connection,
    /// Rooms that were written to since the opening, as they stand.
    pub(crate) rooms: HashMap<RoomId, RoomRow>,
    /// The numbers that stand for actors and devices.
    pub(crate) parties: HashMap<[u8; 16], i64>,
    pub(crate) next_line: i64,
    /// The last line whose words are in the search.
    pub(crate) worded: i64,
    next_room: i64,
    in_memory: bool,
    /// Made by the first search.
    letters: OnceCell<Letters>,
}

/// What was found where the index is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// An index, or nothing yet.
    Fine,
    /// Something that could not be used and is gone, for this reason. It is to be built again.
    Replaced(String),
    /// Nothing could be kept there, for this reason: it is in memory, as long as the program runs.
    InMemory(String),
}

impl Index {
    /// Opens the index at `path`, makes one if there is none, and replaces one that cannot be used. On a disk that
    /// takes nothing it is kept in memory.
    ///
    /// # Errors
    /// [`IndexError`] if not even that is possible.
    pub fn open(path: &Path) -> Result<(Self, Opening), IndexError> {
        let why = match Self::of_file(path) {
            Ok(Ok(index)) => return Ok((index, Opening::Fine)),
            Ok(Err(foreign)) => foreign,
            Err(err) => err.to_string(),
        };
        match Self::replace(path)? {
            (index, Opening::Fine) => Ok((index, Opening::Replaced(why))),
            in_memory => Ok(in_memory),
        }
    }

    /// An empty index at `path` in place of what is there; in memory if that is not possible.
    ///
    /// # Errors
    /// [`IndexError`] if not even that is possible.
    pub fn replace(path: &Path) -> Result<(Self, Opening), IndexError> {
        match remove(path).and_then(|()| Self::of_file(path)) {
            Ok(Ok(index)) => Ok((index, Opening::Fine)),
            Ok(Err(why)) => Ok((Self::in_memory()?, Opening::InMemory(why))),
            Err(err) => Ok((Self::in_memory()?, Opening::InMemory(err.to_string()))),
        }
    }

    /// An empty index that is kept nowhere.
    ///
    /// # Errors
    /// [`IndexError`]
    pub fn in_memory() -> Result<Self, IndexError> {
        Self::of(schema::in_memory()?, true)
    }

    /// Makes an empty index that of this device's folder. Whether it is: that of another folder tells of other logs,
    /// also where the rooms are the same.
    ///
    /// # Errors
    /// [`IndexError`]
    pub fn own(&mut self, device: DeviceId) -> Result<bool, IndexError> {
        let doing = "find whose it is";
        let query = "SELECT bytes FROM party WHERE id = ?";
        let owner = self.db.query_row(query, [OWNER], |row| row.get(0)).optional();
        if let Some(owner) = owner.doing(doing)? {
            return Ok(device == DeviceId(owner));
        }
        let query = "SELECT EXISTS (SELECT 1 FROM room)";
        if self.db.query_row(query, [], |row| row.get(0)).doing(doing)? {
            return Ok(false);
        }
        let order = "INSERT INTO party (id, bytes) VALUES (?, ?)";
        self.db.execute(order, params![OWNER, device.0]).doing(doing)?;
        Ok(true)
    }

    /// Whether it is kept nowhere.
    #[must_use]
    pub fn is_in_memory(&self) -> bool {
        self.in_memory
    }

    /// The index in the file, or why what is there is none.
    fn of_file(path: &Path) -> Result<Result<Self, String>, IndexError> {
        make_private(path)?;
        Ok(match schema::open(path)? {
            Found::Ours(db) => Ok(Self::of(db, false)?),
            Found::Foreign(why) => Err(why),
        })
    }

    fn of(db: Connection, in_memory: bool) -> Result<Self, IndexError> {
        let mut index = Self {
            db,
            rooms: HashMap::new(),
            parties: HashMap::new(),
            next_line: 1,
            worded: 0,
            next_room: 1,
            in_memory,
            letters: OnceCell::new(),
        };
        index.recall()?;
        Ok(index)
    }

    /// Takes from the file what stands in memory too.
    fn recall(&mut self) -> Result<(), IndexError> {
        let db = &self.db;
        let next = |table: &str| {
            let query = format!("SELECT coalesce(max(id), 0) + 1 FROM {table}");
            db.query_row(&query, [], |row| row.get::<_, i64>(0))
                .doing("be counted")
        };
        (self.next_line, self.worded) = (next("line")?, next("words_docsize")? - 1);
        self.next_room = next("room")?;
        // What rooms that are gone left behind may still be there, under their numbers.
        for table in OF_ROOMS {
            let query = format!("SELECT coalesce(max(room), 0) + 1 FROM {table}");
            let free = db.query_row(&query, [], |row| row.get(0)).doing("be counted")?;
            self.next_room = self.next_room.max(free);
        }
        self.parties.clear();
        self.rooms.clear();
        Ok(())
    }

    /// Begins to gather what the next [`Index::keep`] writes.
    pub(crate) fn begin(&self) -> Result<(), IndexError> {
        if self.db.is_autocommit() {
            self.db.execute_batch("BEGIN").doing("begin")?;
        }
        Ok(())
    }

    /// Brings what was taken in since the last time into the file. Until then only this index has it: writing a few
    /// pages for every message would cost the logs, which are synced on the same disk, more than it costs the index.
    ///
    /// # Errors
    /// [`IndexError`]; then nothing is in that came since the last time.
    pub fn keep(&mut self) -> Result<(), IndexError> {
        if self.db.is_autocommit() {
            return Ok(());
        }
        self.db
            .execute_batch("COMMIT")
            .doing("keep changes")
            .or_else(|err| {
                self.undo()?;
                Err(err)
            })
    }

    pub(crate) fn undo(&mut self) -> Result<(), IndexError> {
        // Some errors have undone it already.
        let _ = self.db.execute_batch("ROLLBACK");
        self.recall()
    }

    /// The room's row, to be written to.
    pub(crate) fn room(&mut self, room: RoomId) -> Result<RoomRow, IndexError> {
        if let Some(row) = self.rooms.remove(&room) {
            return Ok(row);
        }
        if let Some(row) = self.read_room(room)? {
            return Ok(row);
        }
        let row = RoomRow {
            id: self.next_room,
            whole: false,
            amended: false,
            clock: Default::default(),
            roster: Default::default(),
        };
        self.next_room += 1;
        self.write_roster(room, &row)?;
        self.write_reflected(&row)?;
        Ok(row)
    }

    /// Whether all of the room's log is reflected.
    ///
    /// # Errors
    /// [`IndexError`]
    pub fn is_whole(&self, room: RoomId) -> Result<bool, IndexError> {
        if let Some(row) = self.rooms.get(&room) {
            return Ok(row.whole);
        }
        // Asked before every page, so without reading the roster.
        let query = "SELECT 1 FROM room r JOIN reflected f ON f.room = r.id WHERE r.room = ? AND f.whole";
        let mut statement = self.db.prepare_cached(query).doing("find a room")?;
        statement.exists([room.0]).doing("find a room")
    }

    /// The number that a room's lines hang on; none if there are none.
    pub(crate) fn room_number(&self, room: RoomId) -> Result<Option<i64>, IndexError> {
        if let Some(row) = self.rooms.get(&room) {
            return Ok(Some(row.id));
        }
        let mut statement = self
            .db
            .prepare_cached("SELECT id FROM room WHERE room = ?")
            .doing("find a room")?;
        statement
            .query_row([room.0], |row| row.get(0))
            .optional()
            .doing("find a room")
    }

    /// What is known of characters.
    pub(crate) fn letters(&self) -> Result<&Letters, IndexError> {
        if let Some(letters) = self.letters.get() {
            return Ok(letters);
        }
        let letters = Letters::new()?;
        Ok(self.letters.get_or_init(|| letters))
    }

    /// The number that stands for an actor or a device.
    pub(crate) fn party(&mut self, bytes: [u8; 16]) -> Result<i64, IndexError> {
        if let Some(number) = self.parties.get(&bytes) {
            return Ok(*number);
        }
        let number = match self.find_party(bytes)? {
            Some(number) => number,
            None => {
                let order = "INSERT INTO party (bytes) VALUES (?)";
                let mut statement = self.db.prepare_cached(order).doing("keep a party")?;
                statement.insert([bytes]).doing("keep a party")?
            }
        };
        self.parties.insert(bytes, number);
        Ok(number)
    }

    pub(crate) fn find_party(&self, bytes: [u8; 16]) -> Result<Option<i64>, IndexError> {
        let query = "SELECT id FROM party WHERE bytes = ?";
        let mut statement = self.db.prepare_cached(query).doing("find a party")?;
        statement
            .query_row([bytes], |row| row.get(0))
            .optional()
            .doing("find a party")
    }

    /// Forgets a room at once; what it held is swept later, a piece at a time. In the file with the next
    /// [`Index::keep`], like all that changes.
    ///
    /// # Errors
    /// [`IndexError`]
    pub fn forget(&mut self, room: RoomId) -> Result<(), IndexError> {
        self.rooms.remove(&room);
        self.begin()?;
        let mut statement = self
            .db
            .prepare_cached("DELETE FROM room WHERE room = ?")
            .doing("forget a room")?;
        statement.execute([room.0]).doing("forget a room")?;
        Ok(())
    }

    /// Sweeps a piece of what forgotten rooms held; tells whether there may be more.
    ///
    /// # Errors
    /// [`IndexError`]
    pub fn sweep(&mut self) -> Result<bool, IndexError> {
        let doing = "sweep what was forgotten";
        let Some(gone) = self.forgotten()? else {
            return Ok(false);
        };
        let some = "SELECT line FROM place WHERE room = ?1 LIMIT ?2";
        let lines = format!("DELETE FROM line WHERE id IN ({some})");
        let words = format!("DELETE FROM words WHERE rowid IN ({some})");
        let places = "DELETE FROM place WHERE room = ?1 AND place IN (SELECT place FROM place WHERE room = ?1 LIMIT ?2)";
        self.begin()?;
        let mut swept = 0;
        for order in [words.as_str(), lines.as_str(), places] {
            let mut statement = self.db.prepare_cached(order).doing(doing)?;
            swept = statement.execute(params![gone, SWEEP_LINES]).doing(doing)?;
        }
        if swept == 0 {
            for table in OF_ROOMS {
                let order = format!("DELETE FROM {table} WHERE room = ?");
                self.db.execute(&order, [gone]).doing(doing)?;
            }
        }
        Ok(true)
    }

    /// A number on which something hangs that is no room's.
    pub(crate) fn forgotten(&self) -> Result<Option<i64>, IndexError> {
        let doing = "look for what was forgotten";
        for table in OF_ROOMS {
            // Steps from number to number: `DISTINCT` would read every line.
            let query = format!(
                "WITH RECURSIVE number (n) AS (
                     SELECT min(room) FROM {table}
                     UNION ALL SELECT (SELECT min(room) FROM {table} WHERE room > n) FROM number WHERE n IS NOT NULL)
                 SELECT n FROM number WHERE n IS NOT NULL AND n NOT IN (SELECT id FROM room) LIMIT 1"
            );
            let mut statement = self.db.prepare_cached(&query).doing(doing)?;
            let found = statement
                .query_row([], |row| row.get(0))
                .optional()
                .doing(doing)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

/// The index at `path` with what belongs to it is removed, if it is there.
fn remove(path: &Path) -> Result<(), IndexError> {
    for end in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        match fs_err::remove_file(Path::new(&name)) {
            Err(err) if err.kind() != std::io::ErrorKind::NotFound => return Err(err.into()),
            _ => {}
        }
    }
    Ok(())
}

/// SQLite gives its other files the mode of this one.
fn make_private(path: &Path) -> Result<(), IndexError> {
    let mut options = fs_err::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    fs_err::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?;
    Ok(())
}
