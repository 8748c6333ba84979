//! Questions by words: which lines of which rooms say this. Bounded whatever the history: no list of matches is ever
//! sorted as a whole, and a search that stops early says so. Knows words and filters as they are meant; how people
//! type them, names of rooms and of people are others' business.

mod walk;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;

use tailchat_core::ids::{ActorId, RoomId};
use tailchat_core::timeline::{Line, Place, Says};

use crate::error::IndexError;
use crate::index::Index;
use crate::letters::Words;
use crate::matching::{Wanted, merged};
use walk::Walk;

/// What is looked for: lines for which all of it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// In any of these rooms.
    pub rooms: Vec<RoomId>,
    /// With all of these, or without those that say so.
    pub terms: Vec<Term>,
    /// Written by anybody with such a name or nick, or one that begins with these words; by anybody at all if there is
    /// none.
    pub writers: Vec<String>,
    /// The names of who writes with which actor. Those of other actors are not known.
    pub names: Vec<(ActorId, String)>,
    /// Of this time and later, in milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// Of before this time.
    pub until_ms: Option<i64>,
    /// With a link.
    pub links: bool,
    /// So many at most.
    pub limit: usize,
}

/// A word, or several that stand in a row. Case and accents do not count; in scripts without spaces it is found within
/// a run. What has no letter is looked for as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Term {
    /// The words, as typed.
    pub text: String,
    /// Whether the last one may be the beginning of a longer one.
    pub prefix: bool,
    /// Whether it must not be there.
    pub not: bool,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    /// The lines, the newest first.
    pub hits: Vec<Hit>,
    /// What else there is.
    pub rest: Rest,
}

/// Lines beside those that were found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rest {
    /// No other line fits.
    #[default]
    None,
    /// Older ones fit, too.
    More,
    /// Not all lines were looked at: others may fit, too.
    Unseen,
}

/// A line that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Its room.
    pub room: RoomId,
    /// Where it stands there.
    pub place: Place,
    /// The line.
    pub line: Line,
    /// The parts of its text that were looked for, in bytes, in order, none within another.
    pub at: Vec<Range<usize>>,
}

impl Index {
    /// Lines that fit, the newest first.
    ///
    /// Matches are met in the order in which the index took the lines in, the last one first: that is the order of the
    /// tree of words, so a word that half of all lines have costs no more than a rare one. When 512
    /// (`GATHERED_MAX`) are met, the newest of them in the rooms' own order are the answer. The newest lines of
    /// each room are looked at besides, 1,024 (`NEWEST`) in all that do not fit: so what was said today stands above a history that was brought in
    /// since. Beyond these the answer differs from the newest of all only where many fit and lines arrived late. What is asked with times is
    /// looked for from both sides: by words, and by the lines of that time.
    ///
    /// At most 8,192 lines (`LOOKED_MAX`) are looked at that turn out not to fit, from either side; if that ends the search,
    /// [`Rest::Unseen`] says so. Words, writers, rooms and links never do, the tree has them all; what can is a time,
    /// a sign that is no word, what must not be there and nothing else, and the beginning of many words together with
    /// a filter that few lines pass. What the tree itself steps over has no bound but its size: of two words that half
    /// a million lines each have and none has both, some 30 ms.
    ///
    /// # Errors
    /// [`IndexError`]
    pub fn search(&self, search: &Search) -> Result<Hits, IndexError> {
        let mut walk = Walk::new(self, search)?;
        let unseen = walk.run()?;
        let rest = match (unseen, walk.has_more()) {
            (true, _) => Rest::Unseen,
            (false, true) => Rest::More,
            (false, false) => Rest::None,
        };
        let mut places: BTreeMap<i64, Vec<Place>> = BTreeMap::new();
        for (place, number) in walk.found.iter().rev().take(search.limit) {
            places.entry(*number).or_default().push(*place);
        }
        let mut hits = Vec::new();
        let mut words = Words::default();
        for (number, places) in places {
            let Some(room) = walk.rooms.get(&number) else {
                continue;
            };
            for (place, line) in self.lines_at(*room, &places)? {
                let at = self.stands_out(&walk.wanted, &line, &mut words)?;
                hits.push(Hit {
                    room: *room,
                    place,
                    line,
                    at,
                });
            }
        }
        hits.sort_by_key(|hit| Reverse(hit.place));
        Ok(Hits { hits, rest })
    }

    fn stands_out(
        &self,
        wanted: &[Wanted],
        line: &Line,
        words: &mut Words,
    ) -> Result<Vec<Range<usize>>, IndexError> {
        let (Says::Message { text, .. } | Says::Imported { text, .. }) = &line.says else {
            return Ok(Vec::new());
        };
        self.letters()?.read(text, words)?;
        let places = wanted.iter().filter(|wanted| !wanted.not);
        Ok(merged(
            places.flat_map(|wanted| wanted.places(text, words)).collect(),
        ))
    }
}
