//! A command's way to a node and back: where the data is, asking, and stopping cleanly when a signal says so. Knows
//! nothing of what is asked.

use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::path::PathBuf;
use std::pin::pin;
use std::task::Poll;

use anyhow::{Context as _, Result};
use etcetera::BaseStrategy as _;
use tailchat_core::limits::NAME_LEN_MAX;
use tailchat_core::text;
use tailchat_node::client::{Client, Config};
use tailchat_node::control::{Answer, Code, Failure, Item, Request};

use crate::args::Everywhere;
use crate::print::{Output, warn};

#[cfg_attr(unix, path = "reach/unix.rs")]
#[cfg_attr(windows, path = "reach/windows.rs")]
mod stops;

pub(crate) use stops::Stops;

/// Whether a node of our own goes online.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Online {
    /// It only reads and writes the folder.
    No,
    /// It listens and dials.
    Yes,
}

/// A signal ended the command.
#[derive(Debug)]
pub(crate) struct Stopped {
    number: u8,
    /// Whether it came while the node was closing.
    again: bool,
}

impl Stopped {
    /// By this signal, while nothing was closing yet.
    pub(crate) fn by(number: u8) -> Self {
        Self { number, again: false }
    }

    /// Whether the node had all the time it needed to close.
    pub(crate) fn is_first(&self) -> bool {
        !self.again
    }

    /// As a shell reports a program that a signal ended.
    pub(crate) fn exit_code(&self) -> u8 {
        128 + self.number
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stopped by signal {}", self.number)
    }
}

impl Error for Stopped {}

/// How the command line asks for a node.
pub(crate) fn config(everywhere: &Everywhere, online: Online) -> Result<Config> {
    let data = match &everywhere.data {
        Some(data) => data.clone(),
        None => default_data()?,
    };
    Ok(Config {
        data,
        listen: everywhere.listen.clone(),
        name: everywhere.own_name.clone(),
        default_name: login_name(),
        online: online == Online::Yes,
        discovery: !everywhere.no_discovery,
    })
}

fn default_data() -> Result<PathBuf> {
    let places = etcetera::base_strategy::Xdg::new()
        .context("no home folder is known; say where the data is with --data DIR")?;
    Ok(places.data_dir().join("tailchat"))
}

/// What a person is called who has not said it: the login name.
fn login_name() -> String {
    ["USER", "LOGNAME"]
        .iter()
        .filter_map(|variable| std::env::var(variable).ok())
        .map(|login| text::name(&login))
        .find(|name| name != "?" && name.len() <= NAME_LEN_MAX)
        .unwrap_or_else(|| "somebody".to_owned())
}

/// Opens the folder or reaches its node, does the work, and closes; a signal ends the work, not the closing.
///
/// # Errors
/// What the work failed with, or [`Stopped`].
pub(crate) async fn with_node<T>(
    config: Config,
    work: impl AsyncFnOnce(&mut Client) -> Result<T>,
) -> Result<T> {
    with_client(Client::open(config), work).await
}

/// As [`with_node`], for a client that is opened in another way.
pub(crate) async fn with_client<T>(
    opening: impl Future<Output = Result<Client, Failure>>,
    work: impl AsyncFnOnce(&mut Client) -> Result<T>,
) -> Result<T> {
    let mut stops = Stops::watch()?;
    let mut client = tokio::select! {
        opened = opening => opened?,
        stopped = stops.next() => return Err(stopped.into()),
    };
    // What a node of another process found, that process told.
    if !client.is_remote() {
        let node = client.hello().await?;
        node.closed
            .iter()
            .chain(&node.warnings)
            .for_each(|found| warn(found));
    }
    let done = tokio::select! {
        done = work(&mut client) => done,
        stopped = stops.next() => Err(stopped.into()),
    };
    // A second signal ends it at once; nothing that was acknowledged is lost by that.
    tokio::select! {
        closed = client.close() => {
            let done = done?;
            closed?;
            Ok(done)
        }
        stopped = stops.next() => Err(Stopped { again: true, ..stopped }.into()),
    }
}

/// Asks for one kind of item and gathers it.
///
/// # Errors
/// A [`Failure`] if the node says so or is gone.
pub(crate) async fn gather<T>(
    client: &mut Client,
    request: Request,
    pick: impl Fn(Item) -> Option<T>,
) -> Result<Vec<T>> {
    let items = client.ask(request).await?;
    Ok(items.into_iter().filter_map(pick).collect())
}

/// As [`gather`], for what is answered by one item.
///
/// # Errors
/// As [`gather`], or if there was no such item.
pub(crate) async fn gather_one<T>(
    client: &mut Client,
    request: Request,
    pick: impl Fn(Item) -> Option<T>,
) -> Result<T> {
    let gathered = gather(client, request, pick).await?;
    gathered.into_iter().next().ok_or_else(|| {
        let why =
            "the running tailchat does not answer as this version expects; restart it with this version";
        Failure::new(Code::Failed, why).into()
    })
}

/// Asks, and hands over each part of the answer as it comes; what was printed goes to its reader before a wait
/// for more.
///
/// # Errors
/// As [`gather`], or what `each` fails with.
pub(crate) async fn stream(
    client: &mut Client,
    request: Request,
    out: &mut Output,
    mut each: impl FnMut(Item, &mut Output) -> Result<()>,
) -> Result<()> {
    client.request(request).await?;
    loop {
        match next_or_flush(client, out).await? {
            Answer::Item(item) => each(item, out)?,
            Answer::Done => return Ok(()),
            Answer::Failed(failure) => return Err(failure.into()),
        }
    }
}

async fn next_or_flush(client: &mut Client, out: &mut Output) -> Result<Answer> {
    let mut next = pin!(client.next());
    let ready = poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx))).await;
    if let Poll::Ready(answer) = ready {
        return Ok(answer?);
    }
    out.flush()?;
    Ok(next.await?)
}
