//! `demo`: two peers on this machine drift apart and converge before your eyes. Knows only what any other program
//! could ask of a node.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tailchat_core::text;
use tailchat_node::client::{Client, Config};
use tailchat_node::control::{Code, Failure, Item, LogRequest, MessageItem, Request, StatusItem, Wait};

use super::log::said;
use super::rooms::room_item;
use crate::print::Output;
use crate::private;
use crate::reach::{Stops, gather, gather_one};

/// The two have to converge in this time.
const CONVERGE_WITHIN: Duration = Duration::from_secs(20);
/// Between two scenes, so that a person can follow.
const PAUSE: Duration = Duration::from_millis(900);
/// Columns of one peer's side of the page.
const SIDE: usize = 38;

/// `tailchat demo`.
pub(crate) async fn demo(out: &mut Output) -> Result<()> {
    let folder = Folder::make()?;
    let mut stops = Stops::watch()?;
    tokio::select! {
        done = play(&folder, out) => done,
        stopped = stops.next() => Err(stopped.into()),
    }
}

async fn play(folder: &Folder, out: &mut Output) -> Result<()> {
    say(
        out,
        "Two peers on this machine, each with a data folder of its own; no server.",
    )
    .await?;
    let mut ann = Client::serve(folder.config("ann", true)).await?;
    let address = ann.hello().await?.listening.into_iter().next();
    let address = address.ok_or_else(|| Failure::new(Code::Failed, "ann could not listen"))?;
    let request = Request::New {
        name: "kitchen".into(),
    };
    let room = gather_one(&mut ann, request, room_item).await?.room;
    say(
        out,
        &format!("ann is online at {address} and makes the room \"kitchen\"."),
    )
    .await?;

    let mut bob = Client::serve(folder.config("bob", true)).await?;
    bob.ask(Request::Join {
        room: room.clone(),
        peers: vec![address],
        wait: within(CONVERGE_WITHIN),
    })
    .await?;
    say(out, "bob joins with the room's ID, and they talk.").await?;
    post(&mut ann, &room, &["hello bob"]).await?;
    post(&mut bob, &room, &["hello ann, here I am"]).await?;
    converged(&mut ann, &mut bob, &room).await?;
    show(&mut ann, &mut bob, &room, 0, out).await?;

    bob.close().await?;
    say(out, "bob's train enters a tunnel. Both go on writing, apart.").await?;
    let mut offline = Client::open(folder.config("bob", false)).await?;
    post(&mut ann, &room, &["did you take the keys?", "bob?"]).await?;
    post(
        &mut offline,
        &room,
        &["no signal here", "the keys are on the shelf"],
    )
    .await?;
    post(&mut ann, &room, &["well, see you tonight"]).await?;
    show(&mut ann, &mut offline, &room, 2, out).await?;
    offline.close().await?;

    say(
        out,
        "Out of the tunnel: bob is back, and each sends what the other lacks.",
    )
    .await?;
    let mut bob = Client::serve(folder.config("bob", true)).await?;
    let began = Instant::now();
    let (anns, bobs) = converged(&mut ann, &mut bob, &room).await?;
    let took = began.elapsed().as_millis();
    show(&mut ann, &mut bob, &room, 2, out).await?;
    let proof = format!("Converged in {took} ms: both are at heads {}.", heads(&anns));
    say(out, &proof).await?;
    bob.close().await?;
    ann.close().await?;
    judge(&anns, &bobs)?;
    say(
        out,
        "Equal. Nothing of this stays on disk. Begin yourself: tailchat new NAME",
    )
    .await
}

/// Waits until both say so.
async fn converged(ann: &mut Client, bob: &mut Client, room: &str) -> Result<(StatusItem, StatusItem)> {
    let began = Instant::now();
    let anns = equal(ann, room, CONVERGE_WITHIN).await?;
    let bobs = equal(bob, room, CONVERGE_WITHIN.saturating_sub(began.elapsed())).await?;
    Ok((anns, bobs))
}

async fn equal(client: &mut Client, room: &str, time: Duration) -> Result<StatusItem> {
    let request = Request::Status {
        room: Some(room.to_owned()),
        wait: within(time),
    };
    let status = gather_one(client, request, |item| match item {
        Item::Status(status) => Some(status),
        _ => None,
    });
    // To the demo's reader it is a failure, whatever the node calls it.
    status
        .await
        .map_err(|error| Failure::new(Code::Failed, format!("the two did not converge: {error:#}")).into())
}

fn judge(anns: &StatusItem, bobs: &StatusItem) -> Result<()> {
    if anns.heads == bobs.heads && anns.messages == bobs.messages {
        return Ok(());
    }
    let why = format!(
        "the two did not converge: ann has {} messages at {}, bob {} at {}",
        anns.messages,
        heads(anns),
        bobs.messages,
        heads(bobs)
    );
    Err(Failure::new(Code::Failed, why).into())
}

fn heads(status: &StatusItem) -> String {
    let short = status.heads.iter().map(|head| head.chars().take(8).collect());
    short.collect::<Vec<String>>().join(" ")
}

fn within(time: Duration) -> Wait {
    crate::args::at_most(time)
}

async fn post(client: &mut Client, room: &str, texts: &[&str]) -> Result<()> {
    let request = Request::Send {
        room: room.to_owned(),
        texts: texts.iter().map(|text| (*text).to_owned()).collect(),
        action: false,
        reply_to: None,
        on: 0,
        wait: Wait::No,
    };
    client.ask(request).await?;
    Ok(())
}

async fn log(client: &mut Client, room: &str) -> Result<Vec<MessageItem>> {
    let request = Request::Log(LogRequest {
        room: room.to_owned(),
        ..LogRequest::default()
    });
    gather(client, request, |item| match item {
        Item::Message(message) => Some(*message),
        _ => None,
    })
    .await
}

/// What each of the two has on disk after the first messages, side by side.
async fn show(
    left: &mut Client,
    right: &mut Client,
    room: &str,
    skip: usize,
    out: &mut Output,
) -> Result<()> {
    let left = log(left, room).await?;
    let right = log(right, room).await?;
    out.line(&side_by_side("  ann has", "bob has"))?;
    let rows = left.len().max(right.len());
    for at in skip..rows {
        let cell = |side: &[MessageItem]| side.get(at).map(said).unwrap_or_default();
        out.line(&side_by_side(&format!("  {}", cell(&left)), &cell(&right)))?;
    }
    out.line("")?;
    out.flush()
}

fn side_by_side(left: &str, right: &str) -> String {
    let gap = SIDE.saturating_sub(text::columns(left));
    format!("{left}{} | {right}", " ".repeat(gap))
}

async fn say(out: &mut Output, line: &str) -> Result<()> {
    out.line(line)?;
    out.flush()?;
    if out.is_terminal() {
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// A folder that nobody else can read, gone at the end.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn make() -> Result<Self> {
        let mut number = 0;
        loop {
            let name = format!("tailchat-demo-{}-{number}", std::process::id());
            let path = std::env::temp_dir().join(name);
            match private::folder().create(&path) {
                Ok(()) => return Ok(Self { path }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => {
                    return Err(error).with_context(|| format!("{} cannot be made", path.display()));
                }
            }
        }
    }

    fn config(&self, name: &str, online: bool) -> Config {
        Config {
            data: self.path.join(name),
            listen: Some("127.0.0.1:0".into()),
            name: None,
            default_name: name.to_owned(),
            online,
            discovery: false,
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed lies in the system's temporary folder, which is emptied anyway.
        let _ = fs_err::remove_dir_all(&self.path);
    }
}
