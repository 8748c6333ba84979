//! One search on its way: from which side lines are met, which of them fit, and when enough of them were looked at.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Row, params};
use tailchat_core::ids::{ActorId, MessageId, RoomId};
use tailchat_core::timeline::Place;

use super::Search;
use crate::amended::DELETED;
use crate::error::{Doing, IndexError};
use crate::index::Index;
use crate::letters::{Letters, Words};
use crate::lines::{Asked, From, Range};
use crate::matching::{Wanted, has_link};
use crate::words::{actor_word, link_word, room_word};

/// Lines that fit before the newest of them are taken as the answer; more of them if more are wanted.
pub(super) const GATHERED_MAX: usize = 512;
/// Lines that are looked at and do not fit, from one side; then that side is given up.
pub(super) const LOOKED_MAX: usize = 8_192;
/// Where more fit than are gathered, so many of the newest lines in the rooms' own order are looked at that do not fit.
const NEWEST: usize = 1_024;
/// Of the newest lines so many are looked at for the beginning of a word, before the tree is asked for it.
const RECENT: usize = 2_048;
/// A beginning that so many of them have is not asked of the tree, which would gather all words that begin so: it is
/// looked for in the lines that come from elsewhere.
const COMMON: usize = 64;

/// The columns of [`Candidate`], of `line l` and its actor `a`.
const COLUMNS: &str = "l.id, l.room, l.author, l.sent_at_ms, l.nick, l.text, l.ord, a.bytes, l.number, l.sum";

pub(super) struct Walk<'a> {
    index: &'a Index,
    letters: &'a Letters,
    search: &'a Search,
    pub(super) wanted: Vec<Wanted>,
    /// How many of the recent lines have it, beside each of `wanted`.
    recent: Vec<usize>,
    pub(super) rooms: BTreeMap<i64, RoomId>,
    writers: Vec<By>,
    /// What fits, in the rooms' order.
    pub(super) found: BTreeSet<(Place, i64)>,
    words: Words,
    nick: Words,
}

/// A writer, as lines have it.
struct By {
    parties: BTreeSet<i64>,
    nick: Wanted,
    /// The nick as it was asked for, if it has no letter.
    sign: Option<String>,
}

/// How a walk from one side ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// There was no further line.
    Seen,
    /// Enough fit.
    Full,
    /// [`LOOKED_MAX`] did not fit.
    GivenUp,
}

/// What of a line still has to be looked at.
#[derive(Clone, Copy)]
enum Check {
    /// All of it.
    Whole,
    /// What the tree was not asked.
    Rest,
}

impl<'a> Walk<'a> {
    pub(super) fn new(index: &'a Index, search: &'a Search) -> Result<Self, IndexError> {
        let letters = index.letters()?;
        let mut rooms = BTreeMap::new();
        for room in &search.rooms {
            if let Some(number) = index.room_number(*room)? {
                rooms.insert(number, *room);
            }
        }
        let wanted = search.terms.iter();
        let wanted = wanted.map(|term| Wanted::new(letters, &term.text, term.prefix, term.not));
        let mut wanted = wanted.collect::<Result<Vec<_>, _>>()?;
        wanted.retain(|wanted| !wanted.is_empty());
        let writers = search.writers.iter();
        let writers = writers.map(|called| By::new(index, letters, called, &search.names));
        Ok(Self {
            index,
            letters,
            search,
            recent: vec![0; wanted.len()],
            wanted,
            rooms,
            writers: writers.collect::<Result<_, _>>()?,
            found: BTreeSet::new(),
            words: Words::default(),
            nick: Words::default(),
        })
    }

    /// Looks for lines; whether some were not looked at that may fit.
    pub(super) fn run(&mut self) -> Result<bool, IndexError> {
        let nothing = self.wanted.is_empty() && self.writers.is_empty() && !self.search.links;
        if self.rooms.is_empty() || self.search.limit == 0 || nothing && !self.search.terms.is_empty() {
            return Ok(false);
        }
        let timed = self.search.since_ms.is_some() || self.search.until_ms.is_some();
        let ended = match timed && nothing {
            true => Ended::GivenUp,
            false => self.by_words()?,
        };
        let ended = match ended {
            Ended::GivenUp if timed => self.by_place(LOOKED_MAX)?,
            Ended::Full => {
                // What was taken in last need not be the newest: an old log was imported, a peer was away for long.
                self.by_place(NEWEST)?;
                Ended::Full
            }
            ended => ended,
        };
        Ok(ended == Ended::GivenUp)
    }

    fn is_full(&self) -> bool {
        self.has_more() && self.found.len() >= GATHERED_MAX
    }

    /// Whether more fit than are wanted.
    pub(super) fn has_more(&self) -> bool {
        self.found.len() > self.search.limit
    }

    /// From the line that was taken in last to the first.
    fn by_words(&mut self) -> Result<Ended, IndexError> {
        // Whatever is not in the tree yet.
        let (mut ended, mut reached) = self.scan(i64::MAX, self.index.worded, usize::MAX)?;
        if ended != Ended::Full && self.wanted.iter().any(|wanted| wanted.prefix) {
            (ended, reached) = self.scan(reached, 0, RECENT)?;
            // Lines of now are what is asked for while somebody types the first letters of a word.
            if ended != Ended::Seen && self.has_more() {
                return Ok(Ended::Full);
            }
            if ended == Ended::Seen {
                return Ok(ended);
            }
        }
        match self.clause()? {
            _ if ended == Ended::Full => Ok(ended),
            Some(clause) => self.ask_tree(&clause, reached),
            None => Ok(self.scan(reached, 0, LOOKED_MAX)?.0),
        }
    }

    /// The lines before the one at `before`, down to but without the one at `until`, at most so many; and how far that
    /// went.
    fn scan(&mut self, before: i64, until: i64, limit: usize) -> Result<(Ended, i64), IndexError> {
        let doing = "search the newest lines";
        let query = format!(
            "SELECT {COLUMNS} FROM line l JOIN party a ON a.id = l.actor WHERE l.id < ? AND l.id > ? AND l.amended & {DELETED} = 0
             ORDER BY l.id DESC"
        );
        let mut statement = self.index.db.prepare_cached(&query).doing(doing)?;
        let mut rows = statement.query([before, until]).doing(doing)?;
        let mut looked = 0;
        let mut reached = before;
        while let Some(row) = rows.next().doing(doing)? {
            if looked >= limit {
                return Ok((Ended::GivenUp, reached));
            }
            if self.is_full() {
                return Ok((Ended::Full, reached));
            }
            looked += 1;
            reached = row.get(0).doing(doing)?;
            self.look(row, Check::Whole)?;
        }
        Ok((Ended::Seen, until + 1))
    }

    /// The lines before this one that the tree has under what is looked for.
    fn ask_tree(&mut self, clause: &str, before: i64) -> Result<Ended, IndexError> {
        let doing = "search by words";
        let query = format!(
            "SELECT {COLUMNS} FROM words w CROSS JOIN line l ON l.id = w.rowid JOIN party a ON a.id = l.actor
             WHERE w.words MATCH ?1 AND w.rowid < ?2 AND l.amended & {DELETED} = 0 ORDER BY w.rowid DESC"
        );
        let mut statement = self.index.db.prepare_cached(&query).doing(doing)?;
        let mut rows = statement.query(params![clause, before]).doing(doing)?;
        let mut missed = 0;
        while let Some(row) = rows.next().doing(doing)? {
            if missed >= LOOKED_MAX {
                return Ok(Ended::GivenUp);
            }
            if self.is_full() {
                return Ok(Ended::Full);
            }
            missed += usize::from(!self.look(row, Check::Rest)?);
        }
        Ok(Ended::Seen)
    }

    /// The lines of the time that is asked for, in each room the newest first, so many of them that do not fit.
    fn by_place(&mut self, looked: usize) -> Result<Ended, IndexError> {
        let doing = "search by time";
        let query = format!(
            "SELECT {COLUMNS} FROM place p CROSS JOIN line l ON l.id = p.line JOIN party a ON a.id = l.actor
             WHERE p.room = ? AND p.place >= ? AND p.place < ? AND l.amended & {DELETED} = 0 ORDER BY p.place DESC"
        );
        let range = Range::of(&Asked {
            from: From::Start,
            since_ms: self.search.since_ms,
            until_ms: self.search.until_ms,
            known_ms: None,
            limit: 0,
        });
        let rooms: Vec<i64> = self.rooms.keys().copied().collect();
        let share = looked.div_ceil(rooms.len().max(1));
        let mut ended = Ended::Seen;
        for room in rooms {
            let mut statement = self.index.db.prepare_cached(&query).doing(doing)?;
            let mut rows = statement
                .query(params![room, range.first, range.before])
                .doing(doing)?;
            let (mut missed, mut fit) = (0, 0);
            while let Some(row) = rows.next().doing(doing)? {
                if missed >= share {
                    ended = Ended::GivenUp;
                    break;
                }
                // In a room's own order, more than is wanted are of no use.
                if fit > self.search.limit {
                    break;
                }
                match self.look(row, Check::Whole)? {
                    true => fit += 1,
                    false => missed += 1,
                }
            }
        }
        Ok(ended)
    }

    /// Whether a line fits; then it is found.
    fn look(&mut self, row: &Row<'_>, check: Check) -> Result<bool, IndexError> {
        let doing = "search a line";
        let number = row.get(1).doing(doing)?;
        let text = row.get_ref(5).doing(doing)?.as_str().unwrap_or_default();
        let beginnings = matches!(check, Check::Whole) && self.wanted.iter().any(|wanted| wanted.prefix);
        let fits = self.fits_beside_words(row, number, text)?;
        if !fits && !beginnings {
            return Ok(false);
        }
        if !self.has_words(text, check)? || !fits {
            return Ok(false);
        }
        let actor = ActorId(row.get(7).doing(doing)?);
        let index = row.get(8).doing(doing)?;
        let place = Place {
            order: row.get(6).doing(doing)?,
            id: MessageId { actor, index },
            sum: row.get(9).doing(doing)?,
        };
        self.found.insert((place, number));
        Ok(true)
    }

    fn fits_beside_words(&mut self, row: &Row<'_>, number: i64, text: &str) -> Result<bool, IndexError> {
        let doing = "search a line";
        let sent: i64 = row.get(3).doing(doing)?;
        let search = self.search;
        // What has no text was deleted, or is nothing that this version can read.
        let fits = !text.is_empty()
            && self.rooms.contains_key(&number)
            && search.since_ms.is_none_or(|since| sent >= since)
            && search.until_ms.is_none_or(|until| sent < until)
            && (!search.links || has_link(text));
        if !fits || self.writers.is_empty() {
            return Ok(fits);
        }
        let nick = row.get_ref(4).doing(doing)?.as_str_or_null().ok().flatten();
        match nick {
            Some(nick) => {
                self.letters.read(nick, &mut self.nick)?;
                Ok(self.writers.iter().any(|by| by.is_called(nick, &self.nick)))
            }
            None => {
                let author: i64 = row.get(2).doing(doing)?;
                Ok(self.writers.iter().any(|by| by.parties.contains(&author)))
            }
        }
    }

    /// Whether a text has and has not what it is to; counts the beginnings that it has.
    fn has_words(&mut self, text: &str, check: Check) -> Result<bool, IndexError> {
        let whole = matches!(check, Check::Whole);
        let asked: Vec<bool> = (0..self.wanted.len())
            .map(|at| !whole && self.in_tree(at))
            .collect();
        if asked.iter().all(|asked| *asked) {
            return Ok(true);
        }
        self.letters.read(text, &mut self.words)?;
        let mut fits = true;
        for ((wanted, recent), asked) in self.wanted.iter().zip(&mut self.recent).zip(asked) {
            if asked || !fits && !wanted.prefix {
                continue;
            }
            let there = wanted.is_in(text, &self.words);
            *recent += usize::from(there && wanted.prefix && whole);
            fits &= there != wanted.not;
        }
        Ok(fits)
    }

    /// Whether the tree is asked for it.
    fn in_tree(&self, at: usize) -> bool {
        let (Some(wanted), Some(recent)) = (self.wanted.get(at), self.recent.get(at)) else {
            return false;
        };
        !wanted.words.is_empty() && !(wanted.prefix && (wanted.not || *recent >= COMMON))
    }

    /// What the tree is asked; nothing if it knows nothing of what is looked for. Made of words alone, in quotes.
    fn clause(&self) -> Result<Option<String>, IndexError> {
        let terms = |not: bool| {
            let wanted = self.wanted.iter().enumerate();
            wanted.filter(move |(at, wanted)| wanted.not == not && self.in_tree(*at))
        };
        let mut parts: Vec<String> = terms(false)
            .map(|(_, wanted)| format!("(text : {})", wanted.phrase()))
            .collect();
        if self.search.links {
            parts.push(format!("(who : \"{}\")", link_word()));
        }
        if !self.writers.is_empty() && self.writers.iter().all(|by| by.sign.is_none()) {
            let anybody: Vec<String> = self.writers.iter().flat_map(By::phrases).collect();
            parts.push(format!("({})", anybody.join(" OR ")));
        }
        if !self.are_all_rooms()? {
            let rooms = self.rooms.keys();
            let rooms: Vec<String> = rooms
                .map(|room| format!("(who : \"{}\")", room_word(*room)))
                .collect();
            parts.push(format!("({})", rooms.join(" OR ")));
        }
        if parts.is_empty() {
            return Ok(None);
        }
        let without: Vec<String> = terms(true)
            .map(|(_, wanted)| format!("(text : {})", wanted.phrase()))
            .collect();
        let with = parts.join(" AND ");
        Ok(Some(match without.is_empty() {
            true => with,
            false => format!("({with}) NOT ({})", without.join(" OR ")),
        }))
    }

    /// Whether the tree has lines of no other room.
    fn are_all_rooms(&self) -> Result<bool, IndexError> {
        let doing = "count rooms";
        let query = "SELECT count(*) FROM room";
        let rooms: usize = self
            .index
            .db
            .query_row(query, [], |row| row.get(0))
            .doing(doing)?;
        Ok(rooms == self.rooms.len() && self.index.forgotten()?.is_none())
    }
}

impl By {
    fn new(
        index: &Index,
        letters: &Letters,
        called: &str,
        names: &[(ActorId, String)],
    ) -> Result<Self, IndexError> {
        let nick = Wanted::new(letters, called, false, false)?;
        let sign = nick.words.is_empty().then(|| called.trim().to_owned());
        let mut by = Self {
            parties: BTreeSet::new(),
            nick,
            sign,
        };
        let mut words = Words::default();
        for (actor, name) in names {
            letters.read(name, &mut words)?;
            if by.is_called(name, &words) {
                by.parties.extend(index.find_party(actor.0)?);
            }
        }
        Ok(by)
    }

    fn is_called(&self, name: &str, words: &Words) -> bool {
        match &self.sign {
            Some(sign) => !sign.is_empty() && name.trim_start().starts_with(sign),
            None => self.nick.leads(words),
        }
    }

    /// As the tree is asked.
    fn phrases(&self) -> impl Iterator<Item = String> {
        let actors = self.parties.iter().map(|party| actor_word(*party));
        let actors = actors.map(|actor| format!("(who : \"{actor}\")"));
        actors.chain([format!("(who : ^ {})", self.nick.phrase())])
    }
}
