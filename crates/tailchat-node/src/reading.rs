//! What a client reads: the past page by page, what comes as it comes, a whole room as a file. Changes no room.

use tailchat_core::ids::RoomId;
use tailchat_core::timeline::{Line, Place};

use crate::control::{Answer, Code, ExportFormat, Failure, Item};
use crate::node::Node;
use crate::room::Job;
use crate::session::{AfterDisk, FOLLOW_MAX, Lines, PAGE_LEN, Page, Pending, SessionId};

/// Hexadecimal digits of a file in one item.
const BYTES_ITEM_LEN: usize = 64 * 1024;

impl Node {
    /// The place after which the wanted lines begin.
    pub(crate) fn start_of(
        &self,
        room: RoomId,
        last: Option<u64>,
        since_ms: Option<i64>,
        until_ms: Option<i64>,
    ) -> Option<Place> {
        let last = usize::try_from(last?).unwrap_or(usize::MAX);
        let lines = &self.rooms.get(&room)?.timeline;
        let wanted = |line: &Line| is_within(line, since_ms, until_ms);
        let mut from_newest = lines.lines().rev().filter(|(_, line)| wanted(line)).skip(last);
        from_newest.next().map(|(place, _)| *place)
    }

    /// Tells following clients of lines that were shown.
    pub(crate) fn follow(&mut self, room: RoomId, places: &[Place]) {
        for session in self.sessions.values_mut() {
            let Pending::Lines(Lines {
                room: of,
                after,
                caught_up,
                follow: Some(queue),
                ..
            }) = &mut session.state
            else {
                continue;
            };
            // What stands below the place reached so far will be met there.
            let missed = |place: &&Place| *caught_up || after.is_some_and(|after| **place <= after);
            if *of == room {
                queue.extend(places.iter().filter(missed));
            }
            if queue.len() > FOLLOW_MAX {
                session.state = Pending::failed(
                    Code::Failed,
                    "this client reads too slowly to follow; start it again",
                );
            }
        }
    }

    pub(crate) fn lines_page(&self, lines: &mut Lines) -> Page {
        let (Some(view), Some(open)) = (self.view(lines.room), self.rooms.get(&lines.room)) else {
            return vec![Answer::Failed(Failure::new(Code::NotFound, "the room was left"))];
        };
        let timeline = &open.timeline;
        let mut page = Page::new();
        if !lines.caught_up {
            let first = lines.after.unwrap_or(Place::start_of(0));
            let from = timeline
                .line(&first)
                .filter(|_| lines.after.is_none())
                .map(|line| (&first, line));
            for (place, line) in from.into_iter().chain(timeline.lines_after(&first)) {
                lines.after = Some(*place);
                if is_within(line, lines.since_ms, lines.until_ms) {
                    page.push(Answer::Item(Item::Message(Box::new(view.message(place, line)))));
                }
                if page.len() == PAGE_LEN {
                    return page;
                }
            }
            lines.caught_up = true;
        }
        match &mut lines.follow {
            None => page.push(Answer::Done),
            Some(queue) => {
                for place in queue.drain(..PAGE_LEN.min(queue.len())) {
                    let line = timeline
                        .line(&place)
                        .filter(|line| is_within(line, lines.since_ms, lines.until_ms));
                    page.extend(
                        line.map(|line| Answer::Item(Item::Message(Box::new(view.message(&place, line))))),
                    );
                }
            }
        }
        page
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
                room,
                after: None,
                since_ms: None,
                until_ms: None,
                caught_up: false,
                follow: None,
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
                let pieces = bytes
                    .chunks(BYTES_ITEM_LEN / 2)
                    .map(|piece| Item::Bytes(piece.iter().map(|byte| format!("{byte:02x}")).collect()));
                self.put(id, Pending::items(pieces));
            }
            Err(why) => self.fail(id, Code::Damaged, why),
        }
    }
}

fn is_within(line: &Line, since_ms: Option<i64>, until_ms: Option<i64>) -> bool {
    since_ms.is_none_or(|since| line.sent_at_ms >= since)
        && until_ms.is_none_or(|until| line.sent_at_ms < until)
}
