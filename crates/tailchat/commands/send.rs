//! `send`: from words or a pipe to messages. Knows how people write them, not what becomes of them.

use std::time::Instant;

use anyhow::Result;
use serde::Serialize;
use tailchat_core::limits::TEXT_LEN_MAX;
use tailchat_node::client::Client;
use tailchat_node::control::{Code, Failure, Item, Request, Wait};

use super::typed_or_piped;
use crate::args::{Everywhere, SendArgs, at_most};
use crate::print::Output;
use crate::reach::{Online, config, stream, with_node};

/// Texts in one request.
const BATCH_MAX: usize = 1024;
/// Bytes of texts in one request: well below what a line of the local socket holds.
const BATCH_LEN_MAX: usize = 1024 * 1024;

#[derive(Serialize)]
struct SentObject<'a> {
    room: &'a str,
    id: &'a str,
}

/// Messages of one request.
#[derive(Debug, Default, PartialEq, Eq)]
struct Batch {
    texts: Vec<String>,
    action: bool,
    len: usize,
}

/// `tailchat send`.
pub(crate) async fn send(args: SendArgs, everywhere: &Everywhere, out: &mut Output) -> Result<()> {
    let batches = batches(written(&args)?)?;
    if batches.is_empty() {
        out.note("There was no line that is not empty; nothing was sent.");
        return Ok(());
    }
    let online = if args.wait.is_some() {
        Online::Yes
    } else {
        Online::No
    };
    with_node(config(everywhere, online)?, async |client| {
        let count = batches.iter().map(|batch| batch.texts.len()).sum::<usize>();
        let room = if out.is_json() {
            room_id(client, &args.room).await?
        } else {
            String::new()
        };
        send_all(client, &args, batches, &room, out).await?;
        if args.wait.is_none() && !client.is_remote() {
            let them = if count == 1 { "it" } else { "them" };
            out.note(&format!(
                "Nobody else has {them} yet: no tailchat runs here. `tailchat serve` hands {them} over."
            ));
        }
        Ok(())
    })
    .await
}

/// The messages as they were typed or piped.
fn written(args: &SendArgs) -> Result<Vec<String>> {
    let usage = "say what to send: tailchat send ROOM TEXT, or `-` to read standard input";
    let text = typed_or_piped(&args.text, usage)?;
    if args.lines {
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        return Ok(lines.map(str::to_owned).collect());
    }
    if text.trim().is_empty() {
        return Err(Failure::new(Code::Usage, "an empty message is not sent").into());
    }
    Ok(vec![text])
}

/// Checks all texts before any is sent, and packs them, in order; actions and texts go apart.
fn batches(texts: Vec<String>) -> Result<Vec<Batch>> {
    let mut batches: Vec<Batch> = Vec::new();
    for (at, text) in texts.into_iter().enumerate() {
        let (text, action) = match text.strip_prefix("/me ") {
            Some(act) if !act.trim().is_empty() => (act.to_owned(), true),
            _ => (text, false),
        };
        if text.len() > TEXT_LEN_MAX {
            let why = format!(
                "message {} has {} bytes, one holds at most {TEXT_LEN_MAX}; nothing was sent; send it in parts, or \
                 line by line with --lines",
                at + 1,
                text.len()
            );
            return Err(Failure::new(Code::Usage, why).into());
        }
        let fits = |batch: &&mut Batch| {
            batch.action == action && batch.texts.len() < BATCH_MAX && batch.len + text.len() <= BATCH_LEN_MAX
        };
        match batches.last_mut().filter(fits) {
            Some(batch) => {
                batch.len += text.len();
                batch.texts.push(text);
            }
            None => batches.push(Batch {
                len: text.len(),
                texts: vec![text],
                action,
            }),
        }
    }
    Ok(batches)
}

async fn send_all(
    client: &mut Client,
    args: &SendArgs,
    batches: Vec<Batch>,
    room: &str,
    out: &mut Output,
) -> Result<()> {
    let began = Instant::now();
    let last = batches.len().saturating_sub(1);
    for (at, batch) in batches.into_iter().enumerate() {
        // Who has the last has those before it: a chain has no gaps.
        let on = args.wait.filter(|_| at == last).unwrap_or(0);
        let wait = match args.timeout {
            _ if on == 0 => Wait::No,
            Some(time) => at_most(time.saturating_sub(began.elapsed())),
            None => Wait::Forever,
        };
        let request = Request::Send {
            room: args.room.clone(),
            texts: batch.texts,
            action: batch.action,
            reply_to: args.reply_to.clone(),
            on,
            wait,
        };
        stream(client, request, out, |item, out| match item {
            Item::Posted { id, .. } if out.is_json() => out.object(&SentObject { room, id: &id }),
            Item::Posted { id, .. } => out.line(&id),
            _ => Ok(()),
        })
        .await?;
    }
    Ok(())
}

/// The ID of the room that a person names; the answer to a post does not say it.
async fn room_id(client: &mut Client, room: &str) -> Result<String> {
    let request = Request::Status {
        room: Some(room.to_owned()),
        wait: Wait::No,
    };
    crate::reach::gather_one(client, request, |item| match item {
        Item::Status(status) => Some(status.room),
        _ => None,
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_and_texts_keep_their_order() {
        let texts = ["a", "/me waves", "/me nods", "/me ", "/mean"].map(str::to_owned);
        let packed = batches(texts.to_vec()).unwrap();
        let shown: Vec<_> = packed
            .iter()
            .map(|batch| (batch.action, batch.texts.join("|")))
            .collect();
        assert_eq!(
            shown,
            [
                (false, "a".to_owned()),
                (true, "waves|nods".to_owned()),
                (false, "/me |/mean".to_owned())
            ]
        );
    }

    #[test]
    fn a_batch_is_bounded_in_messages_and_bytes() {
        let many = batches(vec!["x".to_owned(); BATCH_MAX + 1]).unwrap();
        assert_eq!(many.len(), 2);
        let long = batches(vec!["x".repeat(TEXT_LEN_MAX); 17]).unwrap();
        assert_eq!(
            long.iter().map(|batch| batch.texts.len()).collect::<Vec<_>>(),
            [16, 1]
        );
    }

    #[test]
    fn a_text_too_long_is_told_with_both_sizes() {
        let failure = batches(vec!["x".into(), "x".repeat(TEXT_LEN_MAX + 1)])
            .unwrap_err()
            .to_string();
        assert!(failure.contains("message 2 has 65537 bytes"), "{failure}");
        assert!(failure.contains("65536"), "{failure}");
    }
}
