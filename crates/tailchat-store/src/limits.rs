//! Every limit of the store and what happens at it. Knows numbers; refuses to know why somebody would reach
//! one.

/// The longest body of a record: 1 MiB and some slack for what surrounds a change. A longer one is refused
/// with [`TooLarge`](crate::error::StoreError::TooLarge) when written, and is a bad record when read.
pub const RECORD_BODY_LEN_MAX: usize = (1 << 20) + 4096;

/// The most bytes that one `append` takes, bodies counted. More is refused with `TooLarge` and nothing is
/// written: the caller appends in portions. One append is one write, so this also bounds its buffer.
pub const BATCH_LEN_MAX: usize = 8 << 20;

/// A tail that holds at least so many bytes of changes takes no more: the next append starts a new one, and
/// the full one awaits sealing.
pub const TAIL_CHANGE_BYTES: u64 = 512 << 10;

/// A tail file of at least this length takes no more either, whatever is in it: local facts written again and
/// again would otherwise make it grow without end.
pub const TAIL_LEN_ROTATE: u64 = 4 << 20;

/// The longest section of a block. Longer: `TooLarge` when written, damage when read.
pub const SECTION_LEN_MAX: usize = 64 << 20;

/// The most spans of a block. More: `TooLarge` when written, damage when read.
pub const BLOCK_SPANS_MAX: usize = 1 << 20;

/// The longest fact. Longer: `TooLarge` when written.
pub const FACT_LEN_MAX: usize = 16 << 20;

/// The longest name of a fact: lower-case letters, digits and `-`. Any other name is refused.
pub const FACT_NAME_LEN_MAX: usize = 64;

/// Quarantined files kept in a room. Beyond it the oldest go at the next opening: each is what a crash tore.
pub const QUARANTINE_FILES_MAX: usize = 64;

/// The bytes of quarantined files kept in a room. Beyond it the oldest go at the next opening.
pub const QUARANTINE_LEN_MAX: u64 = 16 << 20;

/// So many tails may await sealing: [`Log::lags`](crate::log::Log::lags) says when there are more, and whoever
/// appends in bulk then waits for a sealing, so that a room takes little more on disk than its blocks do.
pub const RIPE_TAILS_MAX: usize = 4;

/// Rooms in a clean-stop marker. More: no marker is written, and every actor starts afresh.
pub const MARKER_ROOMS_MAX: usize = 1 << 16;

/// How far the marker's ctime may be from the time written in it. Farther: the marker does not count.
pub const MARKER_CTIME_SLACK_MS: i64 = 2_000;
