//! The tables, and how a file becomes them. Knows nothing of what is asked.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::error::{Doing, IndexError};

/// Marks the file as ours: "TCix".
const APPLICATION_ID: i32 = 0x5443_6978;
/// The tables' version. An index of any other is thrown away.
const VERSION: i32 = 9;
/// Pages kept in memory, in KiB.
const CACHE_KIB: i32 = 6 * 1024;
/// Pages in the write-ahead log at which it is brought over: 4 MiB.
const CHECKPOINT_PAGES: i32 = 1024;
/// Statements kept ready.
const STATEMENTS: usize = 64;

/// How the search makes words of texts.
pub(crate) const TOKENIZER: &str = "unicode61 remove_diacritics 2";

/// What changes with every message is small and stands apart from what seldom does (`reflected` from `room`).
/// `words` follows `line` in portions: a message alone costs the search many times its share. Beside the text it has
/// who wrote it and in which room, so that the search need not look at others' lines one by one.
/// `room.id` is given anew whenever a room is built again; what hangs on an ID without a room is swept later.
/// A line's place stands in `place`, once, since it is long; what the message's number does not tell of it stands in
/// `line` as `ord` and `sum`. `line.id` is the row in `words` too. `tally` counts the lines of each [`BUCKET`] of an
/// actor's entries. `amend` has what was said of the message `actor`, `number`, at its own `place`, whether the message
/// is here or not; `line.text` is the text as it is by now, given by the edit at `line.edited`.
/// `line.answers` is how many lines of the room have the message as their `reply_to`.
///
/// [`BUCKET`]: crate::unread::BUCKET
const TABLES: &str = "
CREATE TABLE room (id INTEGER PRIMARY KEY, room BLOB NOT NULL UNIQUE, roster BLOB NOT NULL, sum BLOB NOT NULL) STRICT;
CREATE TABLE reflected (room INTEGER PRIMARY KEY, whole INTEGER NOT NULL, clock BLOB NOT NULL, sum BLOB NOT NULL) STRICT;
CREATE TABLE stretch (
    room INTEGER NOT NULL, number INTEGER NOT NULL, changes INTEGER NOT NULL, sum BLOB NOT NULL,
    PRIMARY KEY (room, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE tip (
    room INTEGER NOT NULL, actor BLOB NOT NULL,
    seq INTEGER NOT NULL, entries INTEGER NOT NULL, messages INTEGER NOT NULL, hash BLOB NOT NULL, sum BLOB NOT NULL,
    PRIMARY KEY (room, actor)
) STRICT, WITHOUT ROWID;
CREATE TABLE party (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL UNIQUE) STRICT;
CREATE TABLE place (
    room INTEGER NOT NULL, place BLOB NOT NULL, line INTEGER NOT NULL, PRIMARY KEY (room, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE line (
    id INTEGER PRIMARY KEY, room INTEGER NOT NULL, actor INTEGER NOT NULL, number INTEGER NOT NULL,
    ord INTEGER NOT NULL, sum INTEGER NOT NULL, author INTEGER NOT NULL, sent_at_ms INTEGER NOT NULL,
    arrived_at_ms INTEGER NOT NULL, via INTEGER NOT NULL, kind INTEGER NOT NULL, nick TEXT, reply_to BLOB,
    text TEXT NOT NULL, amended INTEGER NOT NULL DEFAULT 0, edited BLOB, answers INTEGER NOT NULL
) STRICT;
CREATE TABLE amend (
    room INTEGER NOT NULL, actor INTEGER NOT NULL, number INTEGER NOT NULL, place BLOB NOT NULL, by INTEGER NOT NULL,
    kind INTEGER NOT NULL, value TEXT NOT NULL, arrived_at_ms INTEGER NOT NULL,
    PRIMARY KEY (room, actor, number, place, by)
) STRICT, WITHOUT ROWID;
CREATE INDEX line_message ON line (room, actor, number, ord, sum);
CREATE INDEX line_pinned ON line (room, ord) WHERE amended & 8 <> 0;
CREATE INDEX line_answer ON line (room, reply_to, ord) WHERE reply_to IS NOT NULL;
CREATE TABLE tally (
    room INTEGER NOT NULL, actor INTEGER NOT NULL, bucket INTEGER NOT NULL, lines INTEGER NOT NULL,
    last INTEGER NOT NULL, first_ord INTEGER NOT NULL, last_ord INTEGER NOT NULL, PRIMARY KEY (room, actor, bucket)
) STRICT, WITHOUT ROWID;
CREATE TABLE mention (
    room INTEGER NOT NULL, name TEXT NOT NULL, place BLOB NOT NULL, PRIMARY KEY (room, name, place)
) STRICT, WITHOUT ROWID;
";

/// What a file turned out to be.
pub(crate) enum Found {
    /// An index of this version, or an empty file that is one now.
    Ours(Connection),
    /// Something else; `why` is for people.
    Foreign(String),
}

pub(crate) fn open(path: &Path) -> Result<Found, IndexError> {
    let db = Connection::open(path).doing("be opened")?;
    match read_version(&db) {
        Ok((0, 0)) if is_empty(&db) => Ok(Found::Ours(prepare(make(db)?)?)),
        Ok((APPLICATION_ID, VERSION)) => Ok(Found::Ours(prepare(db)?)),
        Ok((APPLICATION_ID, version)) => Ok(Found::Foreign(format!(
            "it is of version {version}, this program's are of version {VERSION}"
        ))),
        Ok(_) => Ok(Found::Foreign("its file is something else".into())),
        Err(err) => Ok(Found::Foreign(err.to_string())),
    }
}

pub(crate) fn in_memory() -> Result<Connection, IndexError> {
    prepare(make(Connection::open_in_memory().doing("be opened in memory")?)?)
}

fn read_version(db: &Connection) -> rusqlite::Result<(i32, i32)> {
    let application = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok((application, version))
}

fn is_empty(db: &Connection) -> bool {
    db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| {
        row.get::<_, i64>(0)
    })
    .is_ok_and(|count| count == 0)
}

/// The settings that hold as long as the connection. Only one process has the data folder open, so the file is
/// locked once and for all. What a power cut takes from the index is built again from the logs.
fn prepare(db: Connection) -> Result<Connection, IndexError> {
    let settings = format!(
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
         PRAGMA cache_size = -{CACHE_KIB}; PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES};
         PRAGMA journal_size_limit = 16777216;"
    );
    db.execute_batch(&settings).doing("be set up")?;
    // Otherwise every statement is planned anew for the values it is given.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .doing("be set up")?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(db)
}

fn make(db: Connection) -> Result<Connection, IndexError> {
    let all = format!(
        "BEGIN; {TABLES}
         CREATE VIRTUAL TABLE words USING fts5 (text, who, content = '', contentless_delete = 1, tokenize = '{TOKENIZER}');
         PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; COMMIT;"
    );
    db.execute_batch(&all).doing("make its tables")?;
    Ok(db)
}
