//! A made-up node and a screen in memory, for tests: keys and news in, state, commands and the screen as text out.
//! Knows neither a real node nor a terminal.

use std::collections::VecDeque;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use tailchat_node::control::{
    Amending, At, CONTROL_VERSION, Code, Describing, Failure, FoundItem, Item, MemberItem, MessageItem,
    MessageKind, NodeItem, PageItem, PeerItem, Query, Reading, Remaining, Request, RoomItem, SearchedItem,
    ShownItem, Standing, StatusItem,
};

use crate::command::{Command, Question};
use crate::event::Event;
use crate::keys::KeyMap;
use crate::model::searching::HITS_MAX;
use crate::model::{Model, Taste};
use crate::preferences::{Notify, TimeFormat};
use crate::theme::Theme;
use crate::update::{first_questions, update};
use crate::view;

/// 2026-11-22T15:00:00Z
pub(crate) const NOON_MS: i64 = 1_795_359_600_000;

type Answered = Result<Vec<Item>, Failure>;

/// A room of the made-up node.
pub(crate) struct MadeUp {
    pub(crate) item: RoomItem,
    pub(crate) lines: Vec<MessageItem>,
    pub(crate) members: Vec<MemberItem>,
    pub(crate) peers: Vec<PeerItem>,
    pub(crate) draft: String,
}

/// The UI before a made-up node.
pub(crate) struct Stage {
    pub(crate) model: Model,
    pub(crate) rooms: Vec<MadeUp>,
    pub(crate) now_ms: i64,
    /// Commands that are no questions, and questions that were asked, in their order.
    pub(crate) done: Vec<Command>,
    /// Whether questions wait until [`Stage::answer_one`].
    pub(crate) slow: bool,
    /// Whether a slow answer is made when the question comes, or when it is given.
    pub(crate) early: bool,
    pub(crate) waiting: VecDeque<(Question, Option<Answered>)>,
    /// What the node answers to which addresses are known.
    pub(crate) known: Vec<Item>,
    /// The texts that any message has had.
    pub(crate) versions: Vec<String>,
    /// What the next post or draft fails with.
    pub(crate) refuses: Option<Failure>,
}

impl Stage {
    pub(crate) fn new(columns: u16, rows: u16) -> Self {
        let taste = Taste {
            keys: KeyMap::default(),
            theme: Theme::default(),
            zone: TimeZone::UTC,
            utf8: true,
            notify: Notify::All,
            words: Vec::new(),
            typing: true,
            time: TimeFormat::Hours24,
            fold: 12,
            picture: |_| None,
        };
        Self {
            model: Model::new(taste, (columns, rows), NOON_MS),
            rooms: Vec::new(),
            now_ms: NOON_MS,
            done: Vec::new(),
            slow: false,
            early: false,
            waiting: VecDeque::new(),
            known: Vec::new(),
            versions: Vec::new(),
            refuses: None,
        }
    }

    /// A screen with one room, opened.
    pub(crate) fn in_kitchen(columns: u16, rows: u16, lines: Vec<MessageItem>) -> Self {
        let mut stage = Self::new(columns, rows);
        stage.rooms.push(MadeUp::new("kitchen", lines));
        stage.start();
        stage
    }

    pub(crate) fn start(&mut self) {
        self.carry_out(first_questions());
    }

    pub(crate) fn event(&mut self, event: Event) {
        let commands = update(&mut self.model, event, self.now_ms);
        self.carry_out(commands);
    }

    /// Presses keys as people write them: `ctrl-k`, `enter`, `x`.
    pub(crate) fn press(&mut self, chords: &str) {
        for chord in chords.split_whitespace() {
            self.event(Event::Key(key(chord)));
        }
    }

    pub(crate) fn types(&mut self, text: &str) {
        for c in text.chars() {
            self.event(Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE)));
        }
    }

    /// Time passes.
    pub(crate) fn waits(&mut self, ms: i64) {
        let until = self.now_ms + ms;
        while let Some(at) = self.model.wakes_at_ms().filter(|at| *at <= until) {
            self.now_ms = at.max(self.now_ms);
            self.event(Event::Ticked);
        }
        self.now_ms = until;
    }

    /// A line comes into a room and is shown.
    pub(crate) fn arrives(&mut self, room: &str, message: MessageItem) {
        let room = self
            .rooms
            .iter_mut()
            .find(|made_up| made_up.item.name == room)
            .expect(room);
        if message.unread {
            room.item.unread += 1;
        }
        let index = room.lines.partition_point(|line| line.place < message.place);
        room.lines.insert(index, message.clone());
        let (item, key) = (room.item.clone(), room.item.room.clone());
        self.event(Event::Watched(Item::Shown(ShownItem {
            room: key,
            lines: 1,
            messages: vec![message],
        })));
        self.event(Event::Watched(Item::Room(item)));
    }

    /// The room's item is told again.
    pub(crate) fn tells(&mut self, room: usize) {
        let item = self.rooms[room].item.clone();
        self.event(Event::Watched(Item::Room(item)));
    }

    pub(crate) fn answer_one(&mut self) -> bool {
        let Some((question, answer)) = self.waiting.pop_front() else {
            return false;
        };
        let answer = answer.unwrap_or_else(|| self.answer(question.request()));
        self.event(Event::Answered { question, answer });
        true
    }

    pub(crate) fn answer_all(&mut self) {
        while self.answer_one() {}
    }

    /// The screen as text, without the spaces at the ends of rows.
    pub(crate) fn screen(&self) -> String {
        let backend = TestBackend::new(self.model.columns, self.model.rows);
        let mut terminal = Terminal::new(backend).expect("a screen in memory");
        terminal
            .draw(|frame| view::draw(&self.model, frame))
            .expect("drawn");
        let buffer = terminal.backend().buffer();
        let mut out = String::new();
        for y in 0..buffer.area.height {
            let mut row = String::new();
            let mut x = 0;
            while x < buffer.area.width {
                let symbol = buffer[(x, y)].symbol();
                row.push_str(symbol);
                x += u16::try_from(tailchat_core::text::columns(symbol))
                    .expect("a cell")
                    .max(1);
            }
            out.push_str(row.trim_end());
            out.push('\n');
        }
        out
    }

    fn carry_out(&mut self, commands: Vec<Command>) {
        for command in commands {
            if let Command::Ask(question) = &command {
                let answer = (self.slow && self.early).then(|| self.answer(question.request()));
                self.waiting.push_back((question.clone(), answer));
            }
            self.done.push(command);
        }
        if !self.slow {
            self.answer_all();
        }
    }

    fn answer(&mut self, request: Request) -> Answered {
        let writes = matches!(
            request,
            Request::Send { .. } | Request::SetDraft { .. } | Request::Amend { .. }
        );
        let refuses = self.refuses.take_if(|_| writes);
        Ok(match request.clone() {
            Request::Hello => vec![Item::Node(node())],
            Request::Rooms => self
                .rooms
                .iter()
                .map(|room| Item::Room(room.item.clone()))
                .collect(),
            Request::New { name } => {
                let room = MadeUp::new(&name, Vec::new());
                let item = room.item.clone();
                self.rooms.push(room);
                vec![Item::Room(item)]
            }
            Request::Members { room } => self
                .room(&room)
                .members
                .iter()
                .cloned()
                .map(Item::Member)
                .collect(),
            Request::Draft { room } => vec![Item::Draft(self.room(&room).draft.clone())],
            Request::SetDraft { room, text } => match refuses {
                Some(failure) => return Err(failure),
                None => {
                    self.room(&room).draft = text;
                    Vec::new()
                }
            },
            Request::Status { room, .. } => vec![Item::Status(self.room(&room.unwrap_or_default()).status())],
            Request::Page {
                room,
                at,
                before,
                after,
            } => self.room(&room).page(&at, before, after),
            Request::Search(search) => self.search(&search.query),
            Request::Read { room, what } => {
                self.room(&room).read(&what);
                Vec::new()
            }
            Request::Peers => self.known.clone(),
            Request::Show { .. } => vec![Item::Holders(vec!["ann".into(), "cleo".into()])],
            Request::TakeLink { .. } => vec![Item::Linked {
                name: "ann".into(),
                invites: vec!["tailchat:room1kitchen".into()],
            }],
            Request::Versions { .. } => {
                let versions = self.versions.iter().cloned();
                versions
                    .map(|text| Item::Version { at_ms: NOON_MS, text })
                    .collect()
            }
            Request::Send { .. } | Request::Amend { .. } => match refuses {
                Some(failure) => return Err(failure),
                None => return self.change(request),
            },
            _ => return self.change(request),
        })
    }

    /// What changes in a room, and what is asked of that.
    fn change(&mut self, request: Request) -> Answered {
        Ok(match request {
            Request::Amend {
                room,
                message,
                what: Amending::Pin(on),
            } => {
                let lines = &mut self.room(&room).lines;
                let line = lines.iter_mut().find(|line| line.id == message);
                line.expect("a line").pinned = on;
                Vec::new()
            }
            Request::Pins { room } => {
                let pinned = self.room(&room).lines.iter().filter(|line| line.pinned);
                pinned.map(|line| Item::Message(Box::new(line.clone()))).collect()
            }
            Request::Describe { room, what } => {
                let item = &mut self.room(&room).item;
                match what {
                    Describing::Name(name) => item.name = name,
                    Describing::Topic(topic) => item.topic = topic,
                }
                Vec::new()
            }
            Request::Ignore { room, member, on } => self.room(&room).ignore(&member, on)?,
            Request::Mute { room, on } => {
                self.room(&room).item.muted = on;
                Vec::new()
            }
            _ => Vec::new(),
        })
    }

    /// The first word as it is written, in any room, the newest first; no more of a search is made up.
    fn search(&self, query: &Query) -> Vec<Item> {
        let Some(word) = query.words.first() else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for room in &self.rooms {
            for line in &room.lines {
                let at = line.text.match_indices(&word.text);
                let part = |at: usize| u32::try_from(at).expect("short");
                let at: Vec<_> = at.map(|(at, word)| (part(at), part(at + word.len()))).collect();
                if !at.is_empty() {
                    let mut message = line.clone();
                    message.room.clone_from(&room.item.room);
                    let room_name = room.item.name.clone();
                    found.push(FoundItem {
                        message,
                        room_name,
                        at,
                    });
                }
            }
        }
        found.sort_by_key(|found| std::cmp::Reverse(found.message.sent_at_ms));
        let remaining = match found.len() > HITS_MAX as usize {
            true => Remaining::More,
            false => Remaining::None,
        };
        found.truncate(HITS_MAX as usize);
        let end = Item::Searched(SearchedItem {
            remaining,
            unread_rooms: Vec::new(),
        });
        let found = found.into_iter().map(|found| Item::Found(Box::new(found)));
        found.chain([end]).collect()
    }

    fn room(&mut self, room: &str) -> &mut MadeUp {
        self.rooms
            .iter_mut()
            .find(|made_up| made_up.item.room == room)
            .expect(room)
    }
}

impl MadeUp {
    pub(crate) fn new(name: &str, lines: Vec<MessageItem>) -> Self {
        let unread = lines.iter().filter(|line| line.unread).count() as u64;
        Self {
            item: RoomItem {
                room: format!("room1{name}"),
                name: name.into(),
                invite: format!("tailchat:room1{name}"),
                messages: lines.len() as u64,
                members: 2,
                connected: 1,
                here: 1,
                met: true,
                unread,
                ..RoomItem::default()
            },
            lines,
            members: vec![
                member("ann", true, true),
                member("bob", true, false),
                member("cleo", false, false),
            ],
            peers: vec![PeerItem {
                peer: "bob".into(),
                addr: "10.0.0.2".into(),
                connected: true,
                state: Standing::Equal,
                ahead: 0,
                behind: 0,
                last_seen_ms: None,
            }],
            draft: String::new(),
        }
    }

    fn status(&self) -> StatusItem {
        StatusItem {
            room: self.item.room.clone(),
            name: self.item.name.clone(),
            messages: self.lines.len() as u64,
            changes: 0,
            heads: Vec::new(),
            disk_bytes: 0,
            failing: None,
            forks: Vec::new(),
            findings: Vec::new(),
            peers: self.peers.clone(),
            fingerprint: "tissue pull price start keen boring okay notice".into(),
            waiting: self.item.waiting.clone(),
        }
    }

    fn page(&self, at: &At, before: u32, after: u32) -> Vec<Item> {
        let behind = |place: &Option<String>, line: &MessageItem| {
            place.as_ref().is_none_or(|place| line.place > *place)
        };
        let index = match at {
            At::Newest => None,
            At::Oldest => Some(0),
            At::Place(place) => Some(self.lines.partition_point(|line| line.place < *place)),
            At::Message(id) => self.lines.iter().position(|line| line.id == *id),
            At::Time(ms) => self.lines.iter().position(|line| line.sent_at_ms >= *ms),
            At::Unread(place) => self
                .lines
                .iter()
                .position(|line| line.unread && behind(place, line)),
            At::Answer { of, after } => self
                .lines
                .iter()
                .position(|line| line.reply_to.as_ref() == Some(of) && behind(after, line)),
            At::Mention(place) => {
                let named = |line: &MessageItem| line.unread && line.text.contains("ann");
                self.lines
                    .iter()
                    .position(|line| named(line) && behind(place, line))
            }
        };
        let index = index.filter(|index| *index < self.lines.len());
        let middle = index.unwrap_or(self.lines.len());
        let first = middle.saturating_sub(before as usize);
        let end = (middle + after as usize).min(self.lines.len());
        let mut items = vec![Item::Page(PageItem {
            room: self.item.room.clone(),
            at: index.map(|index| self.lines[index].place.clone()),
            more_before: first > 0,
            more_after: end < self.lines.len(),
        })];
        items.extend(
            self.lines[first..end]
                .iter()
                .map(|line| Item::Message(Box::new(line.clone()))),
        );
        items
    }

    fn ignore(&mut self, member: &str, on: bool) -> Answered {
        let fits = |known: &&mut MemberItem| known.name == member || known.person == member;
        let Some(known) = self.members.iter_mut().find(fits) else {
            return Err(Failure::new(Code::NotFound, "nobody is called so"));
        };
        known.ignored = on;
        for line in self.lines.iter_mut().filter(|line| line.author == known.name) {
            line.ignored = on;
            line.unread &= !on;
        }
        Ok(Vec::new())
    }

    fn read(&mut self, what: &Reading) {
        for line in &mut self.lines {
            match what {
                Reading::All => line.unread = false,
                Reading::These(ids) => line.unread &= !ids.contains(&line.id),
                Reading::Not(id) => line.unread |= line.id == *id,
            }
        }
        self.item.unread = self.lines.iter().filter(|line| line.unread).count() as u64;
    }
}

fn node() -> NodeItem {
    NodeItem {
        version: "0".into(),
        control: CONTROL_VERSION,
        name: "ann".into(),
        listening: Vec::new(),
        serving: false,
        closed: Vec::new(),
        warnings: Vec::new(),
        reachable: Vec::new(),
        dialled_by: None,
    }
}

fn member(name: &str, online: bool, me: bool) -> MemberItem {
    MemberItem {
        name: name.into(),
        person: name.bytes().map(|byte| format!("{byte:02x}")).collect(),
        devices: 1,
        online,
        me,
        ignored: false,
        last_seen_ms: (!online).then_some(NOON_MS - 3 * 3_600_000),
        disks: Vec::new(),
    }
}

/// A message of bob's; `at` is both its place and its minute.
pub(crate) fn message(at: u32, text: &str) -> MessageItem {
    MessageItem {
        room: "room1kitchen".into(),
        id: format!("b0b/{at}"),
        author: "bob".into(),
        person: None,
        mine: false,
        sent_at_ms: NOON_MS + i64::from(at) * 60_000,
        arrived_at_ms: NOON_MS + i64::from(at) * 60_000,
        via: Some("bob".into()),
        kind: MessageKind::Text,
        text: text.into(),
        reply_to: None,
        edited: false,
        deleted: false,
        pinned: false,
        ignored: false,
        reactions: Vec::new(),
        answers: 0,
        on: 1,
        of: 3,
        unread: false,
        place: format!("{at:08}"),
    }
}

/// Many messages, the first at place 0.
pub(crate) fn messages(count: u32) -> Vec<MessageItem> {
    (0..count)
        .map(|at| message(at, &format!("message {at}")))
        .collect()
}

fn key(chord: &str) -> KeyEvent {
    let mut modifiers = KeyModifiers::NONE;
    let mut rest = chord;
    for (prefix, modifier) in [
        ("ctrl-", KeyModifiers::CONTROL),
        ("alt-", KeyModifiers::ALT),
        ("shift-", KeyModifiers::SHIFT),
    ] {
        if let Some(after) = rest.strip_prefix(prefix) {
            modifiers |= modifier;
            rest = after;
        }
    }
    let code = match rest {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "left" => KeyCode::Left,
        "home" => KeyCode::Home,
        "end" => KeyCode::End,
        "pageup" => KeyCode::PageUp,
        "pagedown" => KeyCode::PageDown,
        "space" => KeyCode::Char(' '),
        f if f.len() > 1 && f.starts_with('f') => KeyCode::F(f[1..].parse().expect(chord)),
        c => KeyCode::Char(c.chars().next().expect(chord)),
    };
    KeyEvent::new(code, modifiers)
}
