//! The connection on which a node tells of rooms without being asked. It outlives the node of another program: then
//! it leads to the next one, or to one of our own. Knows no answer's meaning.

use std::future::pending;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tailchat_node::client::Client;
use tailchat_node::control::{Answer, Code, Failure, Item, Request};
use tokio::time::{Instant, sleep};

use super::asking::Asking;
use crate::settings::Attach;

/// A watch that ends sooner is not asked for again.
const WATCH_MIN: Duration = Duration::from_secs(5);
/// After a node that was gone sooner, or could not be reached, the next one is looked for so much later.
const LATER: Duration = Duration::from_secs(1);

/// The way to the node.
pub(super) struct Watch {
    way: Way,
    since: Instant,
    attach: Attach,
}

enum Way {
    Open(Client),
    /// The same node once more, or the next one with connections for questions.
    Coming(BoxFuture<'static, Come>),
    Gone,
}

type Come = Result<(Client, Option<Asking>), Failure>;

/// What the connection tells.
pub(super) enum Told {
    Item(Item),
    /// It had ended, as one does that fell far behind, and began anew.
    Anew,
    /// The node is gone and the next one is looked for; or none is there yet, for this reason.
    Orphaned(Option<Failure>),
    /// The next one is there.
    Rejoined(Asking),
    /// There is no way to a node any more, and nothing more to tell.
    Parted(Failure),
}

impl Watch {
    /// Connects, also for questions.
    pub(super) async fn open(attach: Attach) -> Result<(Self, Asking), Failure> {
        let (client, asking) = connected(&attach).await?;
        let watch = Self {
            way: Way::Open(client),
            since: Instant::now(),
            attach,
        };
        Ok((watch, asking))
    }

    /// What is told next. Cancel-safe.
    pub(super) async fn next(&mut self) -> Told {
        loop {
            match &mut self.way {
                Way::Open(client) => {
                    let answer = client.next().await;
                    if let Some(told) = self.answered(answer) {
                        return told;
                    }
                }
                Way::Coming(coming) => {
                    let come = coming.await;
                    return self.came(come);
                }
                Way::Gone => return pending().await,
            }
        }
    }

    fn answered(&mut self, answer: Result<Answer, Failure>) -> Option<Told> {
        let lasted = self.since.elapsed();
        let failure = match answer {
            Ok(Answer::Item(item)) => return Some(Told::Item(item)),
            Ok(Answer::Done) => Failure::new(Code::Failed, "the node tells nothing more; restart tailchat"),
            Ok(Answer::Failed(failure)) => failure,
            Err(gone) => return Some(self.orphaned(gone, lasted)),
        };
        if lasted < WATCH_MIN {
            return Some(Told::Parted(failure));
        }
        if let Way::Open(mut client) = std::mem::replace(&mut self.way, Way::Gone) {
            self.way = Way::Coming(Box::pin(async move {
                client.request(Request::Watch).await?;
                Ok((client, None))
            }));
        }
        None
    }

    /// A node of another program that is gone is followed by the next one; one of our own, which ended in this process,
    /// is not. An attempt to reach the next one is made again whoever's that would have been, see [`Watch::came`].
    fn orphaned(&mut self, gone: Failure, lasted: Duration) -> Told {
        if !matches!(&self.way, Way::Open(client) if client.is_remote()) {
            return Told::Parted(gone);
        }
        self.follow(if lasted < LATER { LATER } else { Duration::ZERO });
        Told::Orphaned(None)
    }

    /// Looks for the next node, after a pause.
    fn follow(&mut self, pause: Duration) {
        let next = connected(&self.attach);
        self.way = Way::Coming(Box::pin(async move {
            sleep(pause).await;
            let (client, asking) = next.await?;
            Ok((client, Some(asking)))
        }));
    }

    fn came(&mut self, come: Come) -> Told {
        self.since = Instant::now();
        match come {
            Ok((client, asking)) => {
                self.way = Way::Open(client);
                asking.map_or(Told::Anew, Told::Rejoined)
            }
            // Whoever has the folder or the port may give it back; what is typed meanwhile is kept here.
            Err(failure) => {
                self.follow(LATER);
                Told::Orphaned(Some(failure))
            }
        }
    }

    /// Closes the connection, and a node of our own with it.
    pub(super) async fn close(self) -> Result<(), Failure> {
        match self.way {
            Way::Open(client) => client.close().await,
            Way::Coming(_) | Way::Gone => Ok(()),
        }
    }
}

/// A connection that watches, with others for questions.
fn connected(attach: &Attach) -> BoxFuture<'static, Result<(Client, Asking), Failure>> {
    let attached = attach();
    Box::pin(async move {
        let mut client = attached.await?;
        let asking = Asking::open(&client).await?;
        client.request(Request::Watch).await?;
        Ok((client, asking))
    })
}
