//! Verifying rooms on disk, one after the other, and opening anew what was mended. Owns no state but the sessions.

use std::collections::VecDeque;

use tailchat_core::ids::RoomId;

use crate::answers::room_name;
use crate::audit::Checked;
use crate::control::{Answer, CheckItem, Code, Item};
use crate::node::Node;
use crate::room::Job;
use crate::session::{AfterDisk, Pending, SessionId};

impl Node {
    pub(crate) fn check_next(
        &mut self,
        session: SessionId,
        mut rooms: Vec<RoomId>,
        repair: bool,
        mut found: VecDeque<Answer>,
    ) -> Pending {
        match rooms.pop() {
            Some(room) => {
                self.job(room, Job::Check { session, repair });
                rooms.push(room);
                Pending::Disk(AfterDisk::Check { rooms, repair, found })
            }
            None => {
                found.push_back(Answer::Done);
                Pending::Ready(found)
            }
        }
    }

    pub(crate) fn checked(&mut self, id: SessionId, room: RoomId, result: Result<(Checked, usize), String>) {
        let name = self
            .rooms
            .get(&room)
            .map(|open| room_name(room, open))
            .unwrap_or_default();
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let Pending::Disk(AfterDisk::Check { rooms, repair, found }) = &mut session.state else {
            return;
        };
        rooms.pop();
        let (checked, retired) = match result {
            Ok(result) => result,
            Err(why) => return self.fail(id, Code::Damaged, why),
        };
        found.push_back(Answer::Item(Item::Check(CheckItem {
            room: room.to_string(),
            name,
            files: checked.files,
            records: checked.records,
            bytes: checked.bytes,
            changes: checked.changes,
            heads_match: checked.heads_match,
            findings: checked.findings,
        })));
        let (rooms, repair, found) = (std::mem::take(rooms), *repair, std::mem::take(found));
        if retired > 0 {
            // Opened anew, the room knows what it lacks, and peers fill it.
            session.state = Pending::Disk(AfterDisk::Check { rooms, repair, found });
            return self.reopen_room(room, Some(id));
        }
        let state = self.check_next(id, rooms, repair, found);
        self.put(id, state);
    }
}
