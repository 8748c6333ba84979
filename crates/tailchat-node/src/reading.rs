//! What a client reads: the past page by page, what comes as it comes, a whole room as a file. Changes no room.

use tailchat_core::ids::RoomId;
use tailchat_core::timeline::{Line, Place};
use tailchat_index::{Asked, From};

use crate::control::{Answer, Code, ExportFormat, Failure, Item, hex};
use crate::indexing::{AskedIndex, Question};
use crate::node::Node;
use crate::requests::left;
use crate::room::Job;
use crate::session::{AfterDisk, Lines, PAGE_LEN, Page, Pending, SessionId};

/// Hexadecimal digits of a file in one item.
const BYTES_ITEM_LEN: usize = 64 * 1024;

impl Node {
    /// Tells following clients of lines that were shown.
    pub(crate) fn follow(&mut self, room: RoomId, shown: &[(Place, Line)]) {
        for session in self.sessions.values_mut() {
            let Pending::Lines(lines) = &mut session.state else {
                continue;
            };
            let reading = lines.reading();
            let Some(following) = lines.follow.as_mut().filter(|_| lines.room == room) else {
                continue;
            };
            if !shown.iter().all(|line| following.push(line, reading)) {
                session.state = Pending::failed(
                    Code::Failed,
                    "this client reads too slowly to follow; start it again",
                );
            }
        }
    }

    pub(crate) fn lines_page(&mut self, session: SessionId, lines: &mut Lines) -> Page {
        if !lines.ready.is_empty() {
            return std::mem::take(&mut lines.ready);
        }
        if !self.rooms.contains_key(&lines.room) {
            return if self.is_gone(lines.room) {
                vec![Answer::Failed(left())]
            } else {
                Page::new()
            };
        }
        if !lines.caught_up {
            if lines.asked.is_none() {
                let question = self.next_lines(lines);
                lines.asked = question.and_then(|question| self.ask_index(session, lines.room, question));
            }
            return Page::new();
        }
        if lines.preview > 0 {
            let mut page = self.preview_page(lines.room);
            if !page.is_empty() {
                page.drain(..page.len().saturating_sub(lines.preview));
                lines.preview = 0;
                return page;
            }
        }
        let Some(following) = &mut lines.follow else {
            return vec![Answer::Done];
        };
        let shown = following.take(PAGE_LEN, lines.asked.is_some());
        if lines.asked.is_none()
            && let Some(after) = following.left_after()
        {
            let question = lines_from(lines, From::After(after));
            lines.asked = self.ask_index(session, lines.room, question);
        }
        self.messages(lines, &shown)
    }

    fn next_lines(&self, lines: &Lines) -> Option<Question> {
        if lines.unread {
            let after = match lines.from {
                From::After(place) => Some(place),
                From::Start | From::Newest(_) => None,
            };
            let reader = self.reader_of(lines.room)?;
            return Some(Question::Unread(after, PAGE_LEN, reader));
        }
        Some(lines_from(lines, lines.from))
    }

    /// A page of lines came from the index.
    pub(crate) fn lines_found(&mut self, id: SessionId, asked: AskedIndex, found: &[(Place, Line)]) {
        let Some(mut session) = self.sessions.remove(&id) else {
            return;
        };
        if let Pending::Lines(lines) = &mut session.state
            && lines.asked == Some(asked)
        {
            lines.asked = None;
            let ended = found.len() < PAGE_LEN;
            let mut from = lines.reading().from;
            let told = match &mut lines.follow {
                Some(following) => &following.read(&mut from, found, ended),
                None => {
                    let last = found.last().map(|(place, _)| From::After(*place));
                    from = last.or(from).filter(|_| !ended);
                    found
                }
            };
            lines.caught_up = from.is_none();
            lines.from = from.unwrap_or(lines.from);
            lines.ready = self.messages(lines, told);
        }
        self.sessions.insert(id, session);
    }

    fn messages(&self, lines: &Lines, found: &[(Place, Line)]) -> Page {
        // Whoever follows is looked at after every event, and what a view gathers costs with the members.
        if found.is_empty() {
            return Page::new();
        }
        let Some(view) = self.view(lines.room) else {
            return Page::new();
        };
        let wanted = found
            .iter()
            .filter(|(_, line)| is_within(line, lines.since_ms, lines.until_ms));
        let message = |place, line| match lines.exported {
            true => view.exported(place, line),
            false => view.message(place, line),
        };
        wanted
            .map(|(place, line)| Answer::Item(Item::Message(Box::new(message(place, line)))))
            .collect()
    }

    pub(crate) fn export(
        &mut self,
        session: SessionId,
        room: &str,
        format: ExportFormat,
    ) -> Result<Pending, Failure> {
        let room = self.resolve(room)?;
        match format {
            ExportFormat::Messages => Ok(Pending::Lines(Lines {
                exported: true,
                ready: vec![Answer::Item(Item::Room(self.room_item(room)))],
                ..Lines::all(room, From::Start)
            })),
            ExportFormat::Automerge => {
                self.job(room, Job::Export { session });
                Ok(Pending::Disk(AfterDisk::Answer))
            }
        }
    }

    pub(crate) fn exported(&mut self, id: SessionId, result: Result<Vec<u8>, String>) {
        match result {
            Ok(bytes) => {
                self.put(id, Pending::items(file_items(&bytes)));
            }
            Err(why) => self.fail(id, Code::Damaged, why),
        }
    }
}

/// Pieces of a file as items.
pub(crate) fn file_items(bytes: &[u8]) -> impl Iterator<Item = Item> {
    let pieces = bytes.chunks(BYTES_ITEM_LEN / 2);
    pieces.map(|piece| Item::Bytes(hex::encode(piece)))
}

fn lines_from(lines: &Lines, from: From) -> Question {
    Question::Lines(Asked {
        from,
        since_ms: lines.since_ms,
        until_ms: lines.until_ms,
        known_ms: lines.known_ms,
        limit: PAGE_LEN,
    })
}

fn is_within(line: &Line, since_ms: Option<i64>, until_ms: Option<i64>) -> bool {
    since_ms.is_none_or(|since| line.sent_at_ms >= since)
        && until_ms.is_none_or(|until| line.sent_at_ms < until)
}
