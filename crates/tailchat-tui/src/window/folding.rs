//! Lines of people who are ignored: each run of them is one row, and of a long one only its first line is kept. Knows no
//! rows and no screen.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;

use super::Window;
use crate::model::ids::Place;
use crate::model::line::Line;

/// Authors whose names are kept of lines that were let go: one more than a row names.
const AUTHORS_MAX: usize = NAMED_MAX + 1;
/// Authors that a row names.
const NAMED_MAX: usize = 3;

/// Lines that were let go behind one that is loaded and folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Behind {
    count: usize,
    /// The last one.
    until: Place,
    /// Who wrote them; not all if they are many.
    authors: BTreeSet<String>,
}

impl Line {
    /// The place of the last line that this one stands for: its own, or that of the last one that was let go.
    pub(crate) fn until(&self) -> &Place {
        self.behind.as_ref().map_or(&self.place, |behind| &behind.until)
    }
}

impl Window {
    /// Shows the lines of people who are ignored, or folds them away. Gives whether lines are missing for that, so
    /// that they are to be asked for.
    pub(crate) fn show_ignored(&mut self, on: bool) -> bool {
        self.shows_ignored = on;
        on && self.lines.iter().any(|line| line.behind.is_some())
    }

    /// Whether a line is folded away.
    pub(crate) fn folds(&self, line: &Line) -> bool {
        // What lacks its lines cannot be shown yet.
        line.ignored && (!self.shows_ignored || line.behind.is_some())
    }

    /// The lines that share a row with this one if it is folded away; else itself alone.
    pub(crate) fn run(&self, index: usize) -> Range<usize> {
        let folded = |index: &usize| self.get(*index).is_some_and(|line| self.folds(line));
        if !folded(&index) {
            return index..index + 1;
        }
        let above = (0..index).rev().take_while(folded).count();
        let below = (index + 1..self.len()).take_while(folded).count();
        index - above..index + below + 1
    }

    /// The run at this place, named by its first line, if that line or its run is loaded.
    pub(crate) fn run_at(&self, place: &Place) -> Option<usize> {
        let index = self.index_of(place);
        let line = self.get(index)?;
        (line.place <= *place).then(|| self.run(index).start)
    }

    /// Lines and folded runs above this line's.
    pub(crate) fn runs_before(&self, index: usize) -> usize {
        self.runs(0..self.run(index).start.min(self.len()))
    }

    /// The same, below it.
    pub(crate) fn runs_behind(&self, index: usize) -> usize {
        self.runs(self.run(index).end.min(self.len())..self.len())
    }

    fn runs(&self, within: Range<usize>) -> usize {
        let mut runs = 0;
        let mut in_run = false;
        for line in self.lines.range(within) {
            let folded = self.folds(line);
            runs += usize::from(!(folded && in_run));
            in_run = folded;
        }
        runs
    }

    /// Lines from one to another, those that were let go included.
    pub(crate) fn count(&self, within: Range<usize>) -> usize {
        let end = within.end.min(self.len());
        let lines = self.lines.range(within.start.min(end)..end);
        lines.map(stands_for).sum()
    }

    /// Who wrote the lines of a run, in words.
    pub(crate) fn authors(&self, run: Range<usize>) -> String {
        let mut authors: BTreeSet<&str> = BTreeSet::new();
        for line in run.filter_map(|index| self.get(index)) {
            let behind = line.behind.iter().flat_map(|behind| &behind.authors);
            authors.extend(behind.chain([&line.author]).map(String::as_str));
        }
        let authors: Vec<&str> = authors.into_iter().collect();
        match authors.split_last() {
            Some((last, [])) => (*last).to_owned(),
            Some((last, others)) if others.len() < NAMED_MAX => format!("{} and {last}", others.join(", ")),
            _ => {
                let named: Vec<&str> = authors.into_iter().take(NAMED_MAX).collect();
                format!("{} and others", named.join(", "))
            }
        }
    }

    /// Lets go of all lines of folded runs but the first ones.
    pub(super) fn compact(&mut self) {
        let mut kept: VecDeque<Line> = VecDeque::with_capacity(self.lines.len());
        for line in std::mem::take(&mut self.lines) {
            let folded = self.folds(&line);
            match kept.back_mut() {
                Some(head) if folded && self.folds(head) => stand_for(head, &line),
                _ => kept.push_back(line),
            }
        }
        self.lines = kept;
    }
}

/// How many lines it stands for.
fn stands_for(line: &Line) -> usize {
    1 + line.behind.as_ref().map_or(0, |behind| behind.count)
}

/// The first of two lines stands for both.
fn stand_for(head: &mut Line, line: &Line) {
    let behind = head.behind.get_or_insert_with(|| {
        Box::new(Behind {
            count: 0,
            until: line.place.clone(),
            authors: BTreeSet::new(),
        })
    });
    behind.count += stands_for(line);
    behind.until = line.until().clone();
    let authors = line.behind.iter().flat_map(|behind| &behind.authors);
    for author in authors.chain([&line.author]) {
        if behind.authors.len() < AUTHORS_MAX {
            behind.authors.insert(author.clone());
        }
    }
}
