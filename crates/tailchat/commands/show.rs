//! `show`: where a message comes from and what became of it. Knows how that is told, not how it is known.

use anyhow::Result;
use jiff::Zoned;
use jiff::tz::TimeZone;
use serde::Serialize;
use tailchat_core::text;
use tailchat_node::control::{Code, Failure, Item, MessageItem, MessageKind, Request};

use super::log::{MessageObject, object};
use crate::args::{Everywhere, ShowArgs};
use crate::print::{Output, counted};
use crate::reach::{Online, config, with_node};
use crate::time;

#[derive(Serialize)]
struct ShowObject<'a> {
    #[serde(flatten)]
    message: MessageObject<'a>,
    via: Option<&'a str>,
    on_disks: &'a [String],
    versions: Vec<VersionObject<'a>>,
}

#[derive(Serialize)]
struct VersionObject<'a> {
    at: String,
    text: &'a str,
}

/// What the node knows of a message.
#[derive(Default)]
struct Known {
    message: Option<Box<MessageItem>>,
    holders: Vec<String>,
    /// Its texts since when, in milliseconds since 1970.
    versions: Vec<(i64, String)>,
}

/// `tailchat show`.
pub(crate) async fn show(args: ShowArgs, everywhere: &Everywhere, out: &mut Output) -> Result<()> {
    let ShowArgs { room, message } = args;
    with_node(config(everywhere, Online::No)?, async |client| {
        let mut known = Known::default();
        let asked = Request::Show {
            room: room.clone(),
            message: message.clone(),
        };
        let mut items = client.ask(asked).await?;
        items.extend(client.ask(Request::Versions { room, message }).await?);
        for item in items {
            match item {
                Item::Message(message) => known.message = Some(message),
                Item::Holders(holders) => known.holders = holders,
                Item::Version { at_ms, text } => known.versions.push((at_ms, text)),
                _ => {}
            }
        }
        let Some(message) = &known.message else {
            return Err(Failure::new(Code::NotFound, "the message is not here any more").into());
        };
        match out.is_json() {
            true => out.object(&as_object(message, &known)),
            false => {
                let rows = rows(message, &known, Zoned::now().time_zone());
                let cells = |(what, says): (&str, String)| vec![what.to_owned(), says];
                out.table(&rows.into_iter().map(cells).collect::<Vec<_>>())
            }
        }
    })
    .await
}

fn as_object<'a>(message: &'a MessageItem, known: &'a Known) -> ShowObject<'a> {
    let version = |(at_ms, text): &'a (i64, String)| VersionObject {
        at: time::utc(*at_ms),
        text,
    };
    ShowObject {
        message: object(message),
        via: message.via.as_deref(),
        on_disks: &known.holders,
        versions: known.versions.iter().map(version).collect(),
    }
}

fn rows(message: &MessageItem, known: &Known, zone: &TimeZone) -> Vec<(&'static str, String)> {
    let one_line = |text: &str| text::visible(text).replace('\n', " / ");
    let mut rows = vec![
        ("message", message.id.clone()),
        ("from", text::name(&message.author)),
        (
            "written",
            format!(
                "{}, by its author's clock",
                time::day_and_second(message.sent_at_ms, zone)
            ),
        ),
        (
            "arrived",
            match &message.via {
                Some(via) => format!(
                    "{}, from {}",
                    time::day_and_second(message.arrived_at_ms, zone),
                    text::name(via)
                ),
                None if matches!(message.kind, MessageKind::Imported | MessageKind::ImportedAction) => {
                    "it was brought in here".to_owned()
                }
                None => "it was written here".to_owned(),
            },
        ),
    ];
    let names: Vec<_> = known.holders.iter().map(|name| text::name(name)).collect();
    rows.push((
        "on disk",
        format!("{} of {}: {}", message.on, message.of, names.join(", ")),
    ));
    match (message.deleted, message.text.as_str()) {
        (true, _) => rows.push(("says", "it was deleted".to_owned())),
        (false, text) => rows.push(("says", one_line(text))),
    }
    if let Some(answered) = &message.reply_to {
        rows.push(("answers", answered.clone()));
    }
    if message.answers > 0 {
        rows.push(("answered", format!("by {}", counted(message.answers, "message"))));
    }
    if known.versions.len() > 1 {
        for (at_ms, text) in &known.versions {
            rows.push((
                "said",
                format!("{}: {}", time::day_and_second(*at_ms, zone), one_line(text)),
            ));
        }
    }
    for felt in &message.reactions {
        let by: Vec<_> = felt.by.iter().map(|name| text::name(name)).collect();
        rows.push((
            "reaction",
            format!("{} {}", text::visible(&felt.with), by.join(", ")),
        ));
    }
    if message.pinned {
        rows.push(("pinned", "yes".to_owned()));
    }
    rows
}
