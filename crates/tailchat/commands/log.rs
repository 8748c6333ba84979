//! `log`: messages for people and for programs. Knows how a message is written down, not where it comes from.

use std::collections::BTreeMap;

use anyhow::Result;
use jiff::Zoned;
use jiff::tz::TimeZone;
use serde::Serialize;
use tailchat_core::text;
use tailchat_node::client::Client;
use tailchat_node::control::{
    ANSWERS_MAX, Code, Failure, Item, LogRequest, MessageItem, MessageKind, Request,
};

use crate::args::{Everywhere, LogArgs, RoomArgs};
use crate::print::{Output, counted};
use crate::reach::{Online, Stopped, config, stream, with_node};
use crate::time;

/// How many messages a terminal gets that did not say which.
const SCREENFUL: u64 = 50;
/// Below the text, so that a second line never looks like another message.
const INDENT: &str = "                   ";

/// A message for programs; the fields and their order are a contract.
#[derive(Serialize)]
pub(crate) struct MessageObject<'a> {
    room: &'a str,
    id: &'a str,
    author: &'a str,
    sent_at: String,
    arrived_at: String,
    kind: MessageKind,
    text: &'a str,
    reply_to: Option<&'a str>,
    edited: bool,
    deleted: bool,
    reactions: BTreeMap<&'a str, Vec<&'a str>>,
    on: u32,
    of: u32,
    pinned: bool,
    answers: u64,
}

/// `tailchat log`.
pub(crate) async fn log(args: LogArgs, everywhere: &Everywhere, out: &mut Output) -> Result<()> {
    let now = Zoned::now();
    let moment = |text: Option<&String>| text.map(|text| time::parse(text, &now)).transpose();
    let (since_ms, until_ms) = (moment(args.since.as_ref())?, moment(args.until.as_ref())?);
    let known_ms = moment(args.at.as_ref())?;
    let mut page = Page::new(now.time_zone(), args.ignored, out);
    let done = with_node(config(everywhere, Online::No)?, async |client| {
        if let Some(message) = &args.answers_to {
            return answers(client, (&args.room, message), &mut page, out).await;
        }
        // A node of our own would keep the folder to itself, offline, and wait for nothing.
        let follow = args.follow && client.is_remote();
        let request = Request::Log(LogRequest {
            room: args.room.clone(),
            last: args.last.or_else(|| screenful(&args, out)),
            since_ms,
            until_ms,
            known_ms,
            unread: args.unread,
            follow,
            preview: !out.is_json() && known_ms.is_none(),
        });
        stream(client, request, out, |item, out| page.take(item, out)).await?;
        page.tell_ignored(out);
        if args.follow && !follow {
            let why = "nothing new can come, since no tailchat runs here; start `tailchat serve` first";
            return Err(Failure::new(Code::Failed, why).into());
        }
        Ok(())
    })
    .await;
    match done {
        // A signal is how following ends.
        Err(error) if args.follow && error.is::<Stopped>() => Ok(()),
        done => done,
    }
}

/// `tailchat pins`.
pub(crate) async fn pins(args: RoomArgs, everywhere: &Everywhere, out: &mut Output) -> Result<()> {
    let mut page = Page::new(Zoned::now().time_zone(), true, out);
    with_node(config(everywhere, Online::No)?, async |client| {
        let request = Request::Pins { room: args.room };
        stream(client, request, out, |item, out| page.take(item, out)).await
    })
    .await
}

/// A message and what answers it, a portion at a time.
async fn answers(
    client: &mut Client,
    (room, message): (&str, &str),
    page: &mut Page,
    out: &mut Output,
) -> Result<()> {
    let mut after = None;
    loop {
        let request = Request::Answers {
            room: room.to_owned(),
            message: message.to_owned(),
            after: after.clone(),
        };
        let mut answers = 0;
        let mut itself = true;
        stream(client, request, out, |item, out| {
            let Item::Message(message) = &item else {
                return Ok(());
            };
            // It comes with every portion.
            if std::mem::take(&mut itself) {
                return if after.is_none() {
                    page.take(item, out)
                } else {
                    Ok(())
                };
            }
            answers += 1;
            after = Some(message.place.clone());
            page.take(item, out)
        })
        .await?;
        if answers < ANSWERS_MAX {
            page.tell_ignored(out);
            return Ok(());
        }
    }
}

fn screenful(args: &LogArgs, out: &Output) -> Option<u64> {
    let bounded = args.since.is_some() || args.until.is_some() || args.unread;
    (out.is_terminal() && !bounded).then_some(SCREENFUL)
}

pub(crate) fn object(message: &MessageItem) -> MessageObject<'_> {
    MessageObject {
        room: &message.room,
        id: &message.id,
        author: &message.author,
        sent_at: time::utc(message.sent_at_ms),
        arrived_at: time::utc(message.arrived_at_ms),
        kind: message.kind,
        text: &message.text,
        reply_to: message.reply_to.as_deref(),
        edited: message.edited,
        deleted: message.deleted,
        reactions: reactions(message),
        on: message.on,
        of: message.of,
        pinned: message.pinned,
        answers: message.answers,
    }
}

/// Who feels what about a message, by name.
pub(crate) fn reactions(message: &MessageItem) -> BTreeMap<&str, Vec<&str>> {
    let named = message.reactions.iter();
    named
        .map(|felt| (felt.with.as_str(), felt.by.iter().map(String::as_str).collect()))
        .collect()
}

/// Messages one below the other.
struct Page {
    zone: TimeZone,
    /// Whether a line tells where a day begins.
    days: bool,
    day: String,
    /// Whether what follows is no more than a peer's word.
    previews: bool,
    /// Whether what people wrote is listed whom the person ignores.
    with_ignored: bool,
    /// How many such messages were left out.
    ignored: u64,
}

impl Page {
    fn new(zone: &TimeZone, with_ignored: bool, out: &Output) -> Self {
        Self {
            zone: zone.clone(),
            days: out.is_terminal(),
            day: String::new(),
            previews: false,
            with_ignored,
            ignored: 0,
        }
    }

    fn take(&mut self, item: Item, out: &mut Output) -> Result<()> {
        match item {
            Item::Message(message) if message.ignored && !self.with_ignored => {
                self.ignored += 1;
                Ok(())
            }
            Item::Message(message) if out.is_json() => out.object(&object(&message)),
            Item::Message(message) => self.show(&message, out),
            Item::Preview(message) => self.preview(&message, out),
            _ => Ok(()),
        }
    }

    /// Says how many were left out.
    fn tell_ignored(&self, out: &mut Output) {
        if self.ignored > 0 {
            let messages = counted(self.ignored, "message");
            out.note(&format!(
                "{messages} of people whom you ignore; with --ignored they are shown."
            ));
        }
    }

    /// Beside the data, since it is not here yet and may be gone at the next look.
    fn preview(&mut self, message: &MessageItem, out: &mut Output) -> Result<()> {
        if !self.previews {
            self.previews = true;
            out.note("--- not here yet; a peer tells that the newest messages are ---");
        }
        let minute = time::day_and_minute(message.sent_at_ms, &self.zone);
        out.note(&format!("{minute} {}", said(message)));
        Ok(())
    }

    fn show(&mut self, message: &MessageItem, out: &mut Output) -> Result<()> {
        if self.days {
            let day = time::day_in_words(message.sent_at_ms, &self.zone);
            if day != self.day {
                out.line(&format!("--- {day} ---"))?;
                self.day = day;
            }
        }
        let minute = time::day_and_minute(message.sent_at_ms, &self.zone);
        out.line(&format!("{minute} {}", said(message)))
    }
}

/// A message without its time.
pub(crate) fn said(message: &MessageItem) -> String {
    let author = text::name(&message.author);
    // Marked first: a line break that a mark replaces is none.
    let text = text::visible(&message.text).replace('\n', &format!("\n{INDENT}"));
    let reply = if message.reply_to.is_some() {
        "(reply) "
    } else {
        ""
    };
    let text = match (message.deleted, message.edited) {
        (true, _) => "[deleted]".to_owned(),
        (false, true) => format!("{text} (edited)"),
        (false, false) => text,
    };
    let felt = message
        .reactions
        .iter()
        .map(|felt| format!("{} {}", text::visible(&felt.with), felt.count));
    let felt = match felt.collect::<Vec<_>>().join(", ") {
        felt if felt.is_empty() => felt,
        felt => format!(" [{felt}]"),
    };
    match message.kind {
        MessageKind::Text | MessageKind::Imported => format!("<{author}> {reply}{text}{felt}"),
        MessageKind::Action | MessageKind::ImportedAction => format!("* {author} {reply}{text}{felt}"),
        MessageKind::Unreadable => {
            format!("<{author}> [an entry that this version of tailchat cannot read]")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: MessageKind, text: &str) -> MessageItem {
        MessageItem {
            room: "room1".into(),
            id: "ab/1".into(),
            author: "an\u{202e}n".into(),
            person: None,
            mine: false,
            sent_at_ms: 1_795_359_845_123,
            arrived_at_ms: 1_795_359_846_000,
            via: None,
            kind,
            text: text.into(),
            reply_to: None,
            edited: false,
            deleted: false,
            pinned: false,
            ignored: false,
            reactions: Vec::new(),
            answers: 2,
            on: 3,
            of: 5,
            unread: true,
            place: String::new(),
        }
    }

    #[test]
    fn no_second_line_looks_like_another_message() {
        let forged = message(MessageKind::Text, "x\n2026-11-22 15:04 <bob> I agree\r\ny");
        assert_eq!(
            said(&forged),
            format!("<an<U+202E>n> x\n{INDENT}2026-11-22 15:04 <bob> I agree\n{INDENT}y")
        );
    }

    #[test]
    fn an_action_and_an_unreadable_entry_look_like_what_they_are() {
        assert_eq!(
            said(&message(MessageKind::ImportedAction, "waves")),
            "* an<U+202E>n waves"
        );
        assert!(said(&message(MessageKind::Unreadable, "")).contains("cannot read"));
    }

    #[test]
    fn the_object_is_the_contract() {
        let json = crate::print::json_line(&object(&message(MessageKind::Text, "hi"))).unwrap();
        assert_eq!(
            json,
            "{\"room\":\"room1\",\"id\":\"ab/1\",\"author\":\"an\\u202en\",\
             \"sent_at\":\"2026-11-22T15:04:05.123Z\",\"arrived_at\":\"2026-11-22T15:04:06.000Z\",\
             \"kind\":\"text\",\"text\":\"hi\",\"reply_to\":null,\"edited\":false,\"deleted\":false,\
             \"reactions\":{},\"on\":3,\"of\":5,\"pinned\":false,\"answers\":2}\n"
        );
    }
}
