//! `search`: messages by what they say. Knows how a query is typed and what is printed, not how anything is found.

use anyhow::Result;
use jiff::Zoned;
use tailchat_core::text;
use tailchat_node::control::{
    Code, Failure, FoundItem, Item, Query, Remaining, Request, SearchRequest, SearchedItem,
};

use crate::args::{Everywhere, SearchArgs};
use crate::commands::log::{object, said};
use crate::print::Output;
use crate::reach::{Online, config, stream, with_node};
use crate::time;

/// `tailchat search`.
pub(crate) async fn search(args: SearchArgs, everywhere: &Everywhere, out: &mut Output) -> Result<()> {
    let now = Zoned::now();
    let query = query(&args, &now)?;
    let request = Request::Search(SearchRequest {
        query,
        limit: args.limit,
    });
    with_node(config(everywhere, Online::No)?, async |client| {
        let mut found = 0;
        let mut end = None;
        stream(client, request, out, |item, out| match item {
            Item::Found(hit) => {
                found += 1;
                match out.is_json() {
                    true => out.object(&object(&hit.message)),
                    false => out.line(&line(&hit, &now)),
                }
            }
            Item::Searched(searched) => {
                end = Some(searched);
                Ok(())
            }
            _ => Ok(()),
        })
        .await?;
        out.flush()?;
        if found == 0 {
            out.note("Nothing was found.");
        }
        if let Some(end) = end {
            rest(&end, out);
        }
        Ok(())
    })
    .await
}

fn query(args: &SearchArgs, now: &Zoned) -> Result<Query> {
    let typed = args.words.join(" ");
    let moment = |text: &str| time::parse(text, now).ok();
    let mut query =
        Query::parse(&typed, &moment).map_err(|why| Failure::new(Code::Usage, why.to_string()))?;
    query.rooms.extend(args.room.clone());
    query.from.extend(args.from.clone());
    if let Some(since) = &args.since {
        query.since_ms = Some(time::parse(since, now)?);
    }
    if let Some(until) = &args.until {
        query.until_ms = Some(time::parse(until, now)?);
    }
    Ok(query)
}

fn line(hit: &FoundItem, now: &Zoned) -> String {
    let room = text::name(&hit.room_name);
    let minute = time::day_and_minute(hit.message.sent_at_ms, now.time_zone());
    format!("{room}  {minute}  {}", said(&hit.message))
}

/// Says what the list leaves out.
fn rest(end: &SearchedItem, out: &mut Output) {
    match end.remaining {
        Remaining::None => {}
        Remaining::More => out.note("More fit, older ones; --limit N lists more of them, --until T those before a time."),
        Remaining::Unseen => out.note(
            "Not all messages were looked at, so others may fit, too; write a whole word more, or --since and --until.",
        ),
    }
    if !end.unread_rooms.is_empty() {
        let rooms: Vec<_> = end.unread_rooms.iter().map(|room| text::name(room)).collect();
        out.note(&format!(
            "Not searched, since they are being read again: {}; try again in a moment.",
            rooms.join(", ")
        ));
    }
}
