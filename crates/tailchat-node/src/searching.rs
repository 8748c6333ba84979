//! Searches: rooms and names as people say them become what the index looks for, and what it finds becomes
//! messages. Looks for nothing itself.

use std::collections::BTreeMap;

use tailchat_core::ids::RoomId;
use tailchat_index::{Hit, Hits, Rest, Search, Term};

use crate::answers::room_name;
use crate::control::{
    Code, Failure, FoundItem, Item, Query, QueryError, Remaining, SEARCH_MAX, SearchRequest, SearchedItem,
};
use crate::node::Node;
use crate::requests::busy;
use crate::session::{AfterIndex, Pending, SessionId};

impl Node {
    pub(crate) fn search(&mut self, session: SessionId, request: SearchRequest) -> Result<Pending, Failure> {
        let SearchRequest { query, limit } = request;
        let refused = |why: QueryError| Failure::new(Code::Usage, why.to_string());
        query.check().map_err(refused)?;
        if query.is_empty() {
            return Err(refused(QueryError::Nothing));
        }
        if limit > SEARCH_MAX {
            let why = format!(
                "{limit} messages in one search, at most {SEARCH_MAX} are looked for; ask for older ones with before:DATE"
            );
            return Err(Failure::new(Code::Usage, why));
        }
        let search = self.meant(query, limit)?;
        let asked = self.next_asked();
        match self.index.search(session, asked, search) {
            true => Ok(Pending::Index(asked, AfterIndex::Search)),
            false => Err(busy()),
        }
    }

    /// What the index is to look for.
    fn meant(&self, query: Query, limit: u32) -> Result<Search, Failure> {
        let mut rooms = self.resolve_all(None)?;
        if !query.rooms.is_empty() {
            let named = query.rooms.iter().map(|room| self.resolve(room));
            rooms = named.collect::<Result<_, _>>()?;
        }
        rooms.sort_unstable();
        rooms.dedup();
        let mut names = Vec::new();
        if !query.from.is_empty() {
            let views = rooms.iter().filter_map(|room| self.view(*room));
            names.extend(views.flat_map(|view| view.names().collect::<Vec<_>>()));
        }
        let terms = query.words.into_iter().map(|word| Term {
            text: word.text,
            prefix: word.prefix,
            not: word.not,
        });
        Ok(Search {
            rooms,
            terms: terms.collect(),
            writers: query.from,
            names,
            since_ms: query.since_ms,
            until_ms: query.until_ms,
            links: query.links,
            limit: limit as usize,
        })
    }

    /// The index has searched. Rooms that were left meanwhile are passed over.
    pub(crate) fn searched(&self, found: &Hits, unread: &[RoomId]) -> Pending {
        let name = |room: &RoomId| Some(room_name(*room, self.rooms.get(room)?));
        let mut items = Vec::with_capacity(found.hits.len() + 1);
        for (room, hits) in by_room(found) {
            let (Some(view), Some(room_name)) = (self.view(room), name(&room)) else {
                continue;
            };
            for (rank, hit) in hits {
                let part = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
                let at = hit.at.iter().map(|at| (part(at.start), part(at.end)));
                let item = FoundItem {
                    message: view.message(&hit.place, &hit.line),
                    room_name: room_name.clone(),
                    at: at.collect(),
                };
                items.push((rank, Item::Found(Box::new(item))));
            }
        }
        items.sort_by_key(|(rank, _)| *rank);
        let searched = Item::Searched(SearchedItem {
            remaining: match found.rest {
                Rest::None => Remaining::None,
                Rest::More => Remaining::More,
                Rest::Unseen => Remaining::Unseen,
            },
            unread_rooms: unread.iter().filter_map(name).collect(),
        });
        Pending::items(items.into_iter().map(|(_, item)| item).chain([searched]))
    }
}

/// What was found, with its rank, room by room: what is needed to tell messages costs with a room's members.
fn by_room(found: &Hits) -> BTreeMap<RoomId, Vec<(usize, &Hit)>> {
    let mut rooms = BTreeMap::<RoomId, Vec<_>>::new();
    for (rank, hit) in found.hits.iter().enumerate() {
        rooms.entry(hit.room).or_default().push((rank, hit));
    }
    rooms
}
