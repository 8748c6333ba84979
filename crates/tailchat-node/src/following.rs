//! Lines that were shown and that one client is still to be told of. Knows neither the index nor the client.
//!
//! Whoever writes much waits behind itself: each author has a queue, and all have their turns. Of an author whose lines
//! are more than are kept, they are left to the index, which has them, and are read there as the client takes them.

use std::collections::{BTreeMap, VecDeque};

use tailchat_core::ids::ActorId;
use tailchat_core::timeline::{Line, Place};
use tailchat_index::From;

/// Lines that are kept for one client.
pub(crate) const FOLLOW_MAX: usize = 16_384;

/// How far the client has read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// From where on it reads all lines; nothing once it has read to the end.
    pub(crate) from: Option<From>,
    /// Whether the index is being asked, so that its answer may lack what is shown now.
    pub(crate) asked: bool,
}

/// Lines of one author, and with each how many lines came before it.
type Queue = VecDeque<(u64, (Place, Line))>;

pub(crate) struct Following {
    /// None of them empty.
    queues: BTreeMap<ActorId, Queue>,
    /// Whose turn it is.
    turns: VecDeque<ActorId>,
    came: u64,
    len: usize,
    /// How many are kept at most.
    most: usize,
    /// The last place of each author of which the client was told.
    told: BTreeMap<ActorId, Place>,
    /// Authors whose lines behind a place are left to the index.
    left: BTreeMap<ActorId, Place>,
    /// From this place on the answer that is awaited does not count: not all that it may lack is kept.
    cut: Option<Place>,
}

impl Following {
    /// Keeps so many lines at most.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            queues: BTreeMap::new(),
            turns: VecDeque::new(),
            came: 0,
            len: 0,
            most,
            told: BTreeMap::new(),
            left: BTreeMap::new(),
            cut: None,
        }
    }

    /// Takes a line that was shown. Whether there was space for it.
    #[must_use]
    pub(crate) fn push(&mut self, (place, line): &(Place, Line), reading: Reading) -> bool {
        let author = line.author;
        let counts = self.cut.is_none_or(|cut| *place < cut);
        if self.meets(reading.from, author, place) && !(reading.asked && counts) {
            return true;
        }
        let queue = self.queues.entry(author).or_default();
        if queue.is_empty() {
            self.turns.push_back(author);
        }
        queue.push_back((self.came, (*place, line.clone())));
        self.came += 1;
        self.len += 1;
        self.len <= self.most || self.cut_answer(reading) || self.leave_longest(reading)
    }

    /// Whether the client will meet a line where it reads on.
    fn meets(&self, from: Option<From>, author: ActorId, place: &Place) -> bool {
        match from {
            Some(From::After(after)) => *place > after,
            Some(From::Start | From::Newest(_)) => true,
            None => self.left.get(&author).is_some_and(|after| place > after),
        }
    }

    /// Keeps fewer of the lines that the awaited answer may lack, and less of the answer in turn. Whether there were
    /// such lines.
    fn cut_answer(&mut self, reading: Reading) -> bool {
        let queued = self.queues.iter();
        let all = queued.flat_map(|(author, queue)| queue.iter().map(|(_, (place, _))| (*author, *place)));
        let met = all.filter(|(author, place)| self.meets(reading.from, *author, place));
        let mut places: Vec<_> = met.map(|(_, place)| place).collect();
        let middle = places.len() / 2;
        if middle == 0 {
            return false;
        }
        let (_, cut, _) = places.select_nth_unstable(middle);
        let cut = *cut;
        self.cut = Some(cut);
        self.retain(|own, author, place| *place < cut || !own.meets(reading.from, author, place));
        true
    }

    /// Leaves the longest queue to the index, from the first line on that stands behind all that were told of the author.
    /// Not that of an author who is left to it already and wrote as many before the place that was reached.
    fn leave_longest(&mut self, reading: Reading) -> bool {
        let longest = self.queues.iter().max_by_key(|(_, queue)| queue.len());
        let Some((author, queue)) = longest.filter(|(author, _)| !self.left.contains_key(author)) else {
            return false;
        };
        let author = *author;
        let told = self.told.get(&author);
        let places = queue.iter().map(|(_, (place, _))| *place);
        let first = places.filter(|place| told.is_none_or(|told| place > told)).min();
        let Some(first) = first.filter(|_| reading.from.is_none()) else {
            return false;
        };
        self.left.insert(author, first);
        if reading.asked {
            self.cut = self.cut.into_iter().chain([first]).min();
        }
        self.retain(|_, other, place| other != author || *place <= first);
        self.len <= self.most
    }

    /// The next lines to tell, in the order in which they came. While the index is `asked`, those of authors whose lines
    /// are left to it wait: its answer may hold them, too.
    pub(crate) fn take(&mut self, limit: usize, asked: bool) -> Vec<(Place, Line)> {
        let (mut taken, mut waiting) = (Vec::new(), Vec::new());
        while taken.len() < limit
            && let Some(author) = self.turns.pop_front()
            && let Some(queue) = self.queues.get_mut(&author)
        {
            if asked && self.left.contains_key(&author) {
                waiting.push(author);
                continue;
            }
            taken.extend(queue.pop_front());
            if queue.is_empty() {
                self.queues.remove(&author);
            } else {
                self.turns.push_back(author);
            }
        }
        self.turns.extend(waiting);
        self.len -= taken.len();
        taken.sort_unstable_by_key(|(came, _)| *came);
        let taken: Vec<_> = taken.into_iter().map(|(_, line)| line).collect();
        self.note_told(&taken);
        taken
    }

    /// Behind which place the index is to be asked for the lines that are left to it.
    pub(crate) fn left_after(&self) -> Option<Place> {
        self.left.values().min().copied()
    }

    /// Takes in what the index answered, to its end or not, and gives what of it is to be told. What the client meets
    /// where it now reads on is not kept.
    pub(crate) fn read(
        &mut self,
        from: &mut Option<From>,
        found: &[(Place, Line)],
        ended: bool,
    ) -> Vec<(Place, Line)> {
        let cut = self.cut.take();
        let counts = |(place, _): &&(Place, Line)| cut.is_none_or(|cut| *place < cut);
        let counting: Vec<_> = found.iter().take_while(counts).cloned().collect();
        let ended = ended && cut.is_none();
        let last = counting.last().map(|(place, _)| *place);
        let told = counting.into_iter();
        let told = told.filter(|(place, line)| from.is_some() || self.meets(None, line.author, place));
        let told: Vec<_> = told.collect();
        self.note_told(&told);
        match (from.is_some(), ended, last) {
            (true, true, _) => *from = None,
            (true, false, last) => *from = last.map(From::After).or(*from),
            (false, true, _) => self.left.clear(),
            (false, false, last) => {
                let afters = self.left.values_mut();
                afters.for_each(|after| *after = last.map_or(*after, |last| last.max(*after)));
            }
        }
        let from = *from;
        self.retain(|own, author, place| !own.meets(from, author, place));
        told
    }

    fn note_told(&mut self, lines: &[(Place, Line)]) {
        for (place, line) in lines {
            let last = self.told.entry(line.author).or_insert(*place);
            *last = *place.max(last);
        }
    }

    fn retain(&mut self, kept: impl Fn(&Self, ActorId, &Place) -> bool) {
        let mut queues = std::mem::take(&mut self.queues);
        for (author, queue) in &mut queues {
            queue.retain(|(_, (place, _))| kept(self, *author, place));
        }
        queues.retain(|_, queue| !queue.is_empty());
        self.turns.retain(|author| queues.contains_key(author));
        self.len = queues.values().map(VecDeque::len).sum();
        self.queues = queues;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use tailchat_core::block::Arrival;
    use tailchat_core::ids::{DeviceId, MessageId};
    use tailchat_core::timeline::Says;

    use super::*;

    const PAGE: usize = 4;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        /// An author's next line, so far before the newest.
        Show { author: u8, before: u64 },
        /// The client takes what is told.
        Take,
        /// The index answers what it was asked.
        Answer,
    }

    fn step() -> impl Strategy<Value = Step> {
        let before = prop_oneof![9 => Just(0), 1 => 0..40_u64];
        let show = |author| {
            before
                .clone()
                .prop_map(move |before| Step::Show { author, before })
        };
        prop_oneof![12 => show(0), 4 => show(1), 1 => show(2), 3 => Just(Step::Take), 3 => Just(Step::Answer)]
    }

    fn line(author: u8, order: u64) -> (Place, Line) {
        let author = ActorId([author; 16]);
        let id = MessageId {
            actor: author,
            index: order,
        };
        let arrival = Arrival {
            at_ms: 0,
            via: DeviceId::NONE,
        };
        let line = Line {
            author,
            sent_at_ms: 0,
            arrival,
            says: Says::Unreadable { kind: 0 },
            since: Default::default(),
        };
        (Place { order, id, sum: 0 }, line)
    }

    /// A client and an index.
    struct Scene {
        shown: BTreeMap<Place, Line>,
        following: Following,
        from: Option<From>,
        /// What was asked, and how many lines the answer reflects.
        asked: Option<(From, BTreeMap<Place, Line>)>,
        told: Vec<Place>,
    }

    impl Scene {
        fn new(most: usize) -> Self {
            Self {
                shown: BTreeMap::new(),
                following: Following::new(most),
                from: Some(From::Start),
                asked: None,
                told: Vec::new(),
            }
        }

        fn show(&mut self, (place, line): (Place, Line)) -> bool {
            self.shown.insert(place, line.clone());
            let reading = Reading {
                from: self.from,
                asked: self.asked.is_some(),
            };
            self.following.push(&(place, line), reading)
        }

        fn take(&mut self) {
            if self.from.is_none() {
                self.told.extend(
                    self.following
                        .take(PAGE, self.asked.is_some())
                        .into_iter()
                        .map(|(place, _)| place),
                );
            }
            let from = self.from.or(self.following.left_after().map(From::After));
            if let (None, Some(from)) = (&self.asked, from) {
                self.asked = Some((from, self.shown.clone()));
            }
        }

        fn answer(&mut self) {
            let Some((from, shown)) = self.asked.take() else {
                return;
            };
            let behind = |place: &Place| match from {
                From::After(after) => *place > after,
                From::Start | From::Newest(_) => true,
            };
            let page: Vec<_> = shown
                .into_iter()
                .filter(|(place, _)| behind(place))
                .take(PAGE)
                .collect();
            let told = self.following.read(&mut self.from, &page, page.len() < PAGE);
            self.told.extend(told.into_iter().map(|(place, _)| place));
        }
    }

    proptest! {
        #[test]
        fn each_line_is_told_once(steps in prop::collection::vec(step(), 1..400), most in 8..40_usize) {
            let mut scene = Scene::new(most);
            let (mut newest, mut orders) = (100, BTreeSet::new());
            for step in steps {
                match step {
                    Step::Show { author, before } => {
                        newest += 1;
                        let order = newest - before;
                        let kept = !orders.insert((author, order)) || scene.show(line(author, order));
                        // What wrote as much in the past as is kept at most may end it.
                        prop_assume!(kept);
                    }
                    Step::Take => scene.take(),
                    Step::Answer => scene.answer(),
                }
                prop_assert!(scene.following.len <= most);
            }
            for _ in 0..400 {
                scene.take();
                scene.answer();
            }
            scene.told.sort_unstable();
            prop_assert_eq!(&scene.told, &scene.shown.keys().copied().collect::<Vec<_>>());
        }
    }

    #[test]
    fn who_writes_much_waits_behind_itself() {
        let mut scene = Scene::new(64);
        scene.take();
        scene.answer();
        for order in 0..10_000 {
            assert!(scene.show(line(1, order)));
        }
        assert!(scene.show(line(2, 10_001)));
        scene.take();
        assert!(scene.told.iter().any(|place| place.order == 10_001));
        assert!(scene.told.len() <= PAGE);
    }
}
