//! `join`: it never fails because nobody is there. Knows what to tell a person who waits.

use std::time::{Duration, Instant};

use anyhow::Result;
use tailchat_core::text;
use tailchat_node::client::Client;
use tailchat_node::control::{Answer, Code, Failure, Request, RoomItem, Wait, WaitingItem};
use tailchat_node::invite::Invite;

use super::rooms::{room_item, room_row};
use super::status::waits;
use crate::args::{Everywhere, JoinArgs, at_most};
use crate::print::{Output, counted};
use crate::reach::{Online, Stopped, config, with_node};

/// After so long without a peer, the likely cause is told.
const ALONE: Duration = Duration::from_secs(10);

/// `tailchat join`.
pub(crate) async fn join(args: JoinArgs, everywhere: &Everywhere, out: &mut Output) -> Result<()> {
    let invite = invite(&args.room)?;
    let invited = invite.parse::<Invite>()?.peers;
    let mut durable = false;
    let done = with_node(config(everywhere, Online::Yes)?, async |client| {
        let wait = match args.wait {
            Some(time) => at_most(time),
            None if client.is_remote() => Wait::No,
            None => Wait::Forever,
        };
        let request = Request::Join {
            room: invite,
            peers: args.peers,
            wait,
        };
        client.request(request).await?;
        let room = wait_visibly(client, (wait, &invited), &mut durable, out).await?;
        show(&room, out)
    })
    .await;
    match done {
        Err(error) if error.is::<Stopped>() && durable => {
            out.note("You are in the room all the same: `tailchat serve` goes on waiting for the others.");
            Ok(())
        }
        done => done,
    }
}

/// What was typed, broken by spaces or not, or came by stdin; checked before anything is opened.
fn invite(words: &[String]) -> Result<String> {
    let typed = match words {
        [] => {
            let why =
                "say which room: a room ID (room1...), an invite, or `-` to read one from standard input";
            return Err(Failure::new(Code::Usage, why).into());
        }
        [dash] if dash == "-" => super::stdin_text()?,
        words => words.concat(),
    };
    typed.parse::<Invite>()?;
    Ok(typed)
}

/// Takes the answer and tells how it goes; returns the room as it is at the end.
async fn wait_visibly(
    client: &mut Client,
    (wait, invited): (Wait, &[String]),
    durable: &mut bool,
    out: &mut Output,
) -> Result<RoomItem> {
    let mut waited = Waited {
        since: Instant::now(),
        told: None,
        room: None,
        invited,
    };
    loop {
        let answer = match tokio::time::timeout(Duration::from_secs(1), client.next()).await {
            Ok(answer) => answer?,
            Err(_) => {
                waited.hint(out);
                continue;
            }
        };
        match answer {
            Answer::Item(item) => {
                let Some(room) = room_item(item) else { continue };
                if !*durable {
                    *durable = true;
                    welcome(&room, wait, out);
                }
                if wait != Wait::No {
                    out.progress(&standing(&room));
                }
                waited.room = Some(room);
            }
            Answer::Done => {
                out.end_progress();
                return waited.room.ok_or_else(|| {
                    Failure::new(Code::Failed, "the running tailchat did not say whether it joined").into()
                });
            }
            Answer::Failed(failure) => {
                out.end_progress();
                return Err(failure.into());
            }
        }
    }
}

struct Waited<'a> {
    since: Instant,
    /// How many peers had answered without the room when that was told last.
    told: Option<u64>,
    room: Option<RoomItem>,
    /// The addresses in the invite.
    invited: &'a [String],
}

impl Waited<'_> {
    /// Who is alone for long reads why that may be: once, and once more when somebody answers who does not have the room.
    fn hint(&mut self, out: &mut Output) {
        let Some(waiting) = self.room.as_ref().and_then(|room| room.waiting.as_deref()) else {
            return;
        };
        let news = self.told.is_none_or(|told| told == 0 && waiting.answered > 0);
        if !news || self.since.elapsed() < ALONE {
            return;
        }
        self.told = Some(waiting.answered);
        out.note(&likely_cause(waiting, self.invited));
    }
}

/// Why nobody who has the room was met yet. A wrong ID cannot be told from an absent room, unless peers answer.
fn likely_cause(waiting: &WaitingItem, invited: &[String]) -> String {
    let answered = match waiting.answered {
        0 => {
            return "Nobody was found yet. Is `tailchat serve` running at somebody who has the room, and is its port open?\n\
                    `tailchat doctor` in another terminal tells what is wrong here, `tailchat peers` what was tried;\n\
                    `tailchat peers add HOST` adds an address."
                .to_owned();
        }
        1 => {
            "1 tailchat peer answered and does not have this room: is the ID right, is that peer still in it?"
                .to_owned()
        }
        answered => format!(
            "{answered} tailchat peers answered and none of them has this room: is the ID right, are they still in it?"
        ),
    };
    let of_invite = waiting.addrs.iter().filter(|addr| {
        let mut invited = invited.iter();
        invited.any(|peer| names(peer, addr))
    });
    let of_invite: Vec<_> = of_invite.map(String::as_str).collect();
    match of_invite.is_empty() {
        true => answered,
        false => format!(
            "{answered}\nOne of them is at {}, which the invite names.",
            of_invite.join(", ")
        ),
    }
}

/// Whether an invite's address, with or without a port, is this one.
fn names(peer: &str, addr: &str) -> bool {
    peer == addr || addr.rsplit_once(':').is_some_and(|(host, _)| host == peer)
}

fn welcome(room: &RoomItem, wait: Wait, out: &mut Output) {
    let name = text::name(&room.name);
    out.note(&match wait {
        Wait::No => format!(
            "You are in \"{name}\". The tailchat that runs here goes on looking for the others; you can write now."
        ),
        _ => format!("You are in \"{name}\". Waiting for others; Ctrl-C stops the waiting, and you stay in."),
    });
}

fn standing(room: &RoomItem) -> String {
    let there_are = room.messages + room.behind;
    match (room.connected, room.behind) {
        (0, _) => match &room.waiting {
            Some(waiting) => format!("{} ...", waits(waiting)),
            None => "waiting for others ...".to_owned(),
        },
        (_, 0) => format!("connected, {}", counted(room.messages, "message")),
        (..) => format!("connected, {} of {there_are} messages", room.messages),
    }
}

fn show(room: &RoomItem, out: &mut Output) -> Result<()> {
    if out.is_json() {
        out.object(room)
    } else {
        out.table(&[room_row(room)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tailchat_core::ids::RoomId;

    #[test]
    fn a_typo_is_told_before_anything_is_opened() {
        let right = RoomId([7; 16]).to_string();
        let halves = [right[..9].to_uppercase(), right[9..].to_uppercase()];
        assert!(invite(&halves).is_ok());
        let wrong = right.replacen("qurs", "purs", 1);
        let failure = invite(&[wrong]).unwrap_err().downcast::<Failure>().unwrap();
        assert_eq!(failure.code, Code::Usage);
        assert!(failure.why.contains("did you mean 'q'"), "{failure}");
        assert!(invite(&[]).is_err());
    }

    #[test]
    fn peers_without_the_room_are_told_from_nobody_and_the_invites_address_is_named() {
        let waiting = |answered, addrs: &[&str]| WaitingItem {
            answered,
            addrs: addrs.iter().map(ToString::to_string).collect(),
        };
        let invited = ["10.0.0.2:24242".to_owned(), "ann".to_owned()];
        let cause = |waiting| likely_cause(&waiting, &invited);
        assert!(cause(waiting(0, &[])).starts_with("Nobody was found yet"));
        assert!(cause(waiting(0, &[])).contains("tailchat doctor"));
        let two = cause(waiting(2, &["10.0.0.9:24242"]));
        assert!(two.starts_with("2 tailchat peers answered and none of them has this room"));
        assert!(!two.contains("invite"), "{two}");
        for addr in ["10.0.0.2:24242", "ann:24242"] {
            let one = cause(waiting(1, &[addr]));
            assert!(
                one.contains(&format!("at {addr}, which the invite names")),
                "{one}"
            );
        }
    }
}
