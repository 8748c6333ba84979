//! The thread that owns one room's journal: jobs in, outcomes out, one after the other, so that what the engine
//! asked for first is durable first. A thread and not a task, since between a write and its outcome every
//! hand-over would count. Sealing runs beside it. Decides nothing.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use tailchat_core::block::SeqRange;
use tailchat_core::engine::{ArrivedChange, Batch, Load};
use tailchat_core::ids::{ActorId, RoomId};
use tailchat_index::Position;
use tailchat_store::disk::RealDisk;
use tailchat_store::log::Sealed;
use tokio::sync::{mpsc, oneshot};

use crate::audit::Checked;
use crate::bundling::BundleAsk;
use crate::journal::{Journal, JournalError};
use crate::session::SessionId;

/// Jobs that may wait for one room's disk: a write and every question that the engine lets peers have open.
/// One more is refused: a question is answered with nothing, and asked again by the peer.
pub(crate) const JOBS_MAX: usize = 2048;
/// Bytes of stack of a room's threads: what they hold lies on the heap.
const STACK_LEN: usize = 512 * 1024;

/// Something to do with a room's journal.
pub(crate) enum Job {
    Append {
        batch: Batch,
        changes: Arc<[ArrivedChange]>,
    },
    Load {
        load: Load,
        wanted: Vec<SeqRange>,
    },
    SetFacts {
        facts: Vec<u8>,
        session: Option<SessionId>,
    },
    /// The next of what a bundle is to have.
    Bundle {
        session: SessionId,
        ask: BundleAsk,
        wanted: Vec<SeqRange>,
    },
    /// Where each actor's changes begin that came at this time or later.
    Begins {
        session: SessionId,
        since_ms: i64,
    },
    Export {
        session: SessionId,
    },
    Check {
        session: SessionId,
        repair: bool,
    },
    /// A block is durable, or not.
    Sealed(Result<Sealed, JournalError>),
    /// Ends the thread once all before it is done.
    Close {
        done: oneshot::Sender<()>,
    },
}

/// What came of a job.
pub(crate) enum Outcome {
    Appended {
        batch: Batch,
        /// Where the log ends now.
        result: Result<Position, String>,
        disk_bytes: u64,
        /// Whether nothing more is written until the room is opened again.
        read_only: bool,
    },
    Loaded {
        load: Load,
        block: Vec<u8>,
    },
    FactsSet {
        session: Option<SessionId>,
        result: Result<(), String>,
    },
    Bundled {
        session: SessionId,
        ask: BundleAsk,
        /// A block's bytes.
        result: Result<Vec<u8>, String>,
    },
    Begin {
        session: SessionId,
        since_ms: i64,
        result: Result<BTreeMap<ActorId, u64>, String>,
    },
    Exported {
        session: SessionId,
        result: Result<Vec<u8>, String>,
    },
    Checked {
        session: SessionId,
        result: Result<(Checked, usize), String>,
    },
    Sealed {
        disk_bytes: u64,
        problem: Option<String>,
    },
}

/// Starts a room's thread. It ends on [`Job::Close`] or when the jobs' last sender is gone.
///
/// # Errors
/// If the system has no thread to give.
pub(crate) fn start(
    journal: Journal<RealDisk>,
    outcomes: mpsc::Sender<(RoomId, Outcome)>,
) -> io::Result<mpsc::Sender<Job>> {
    let (sender, jobs) = mpsc::channel(JOBS_MAX);
    let room = journal.room();
    let own_jobs = sender.downgrade();
    let worker = Worker {
        room,
        journal,
        outcomes,
        own_jobs,
        sealing: None,
        held: None,
    };
    thread(format!("room {}", room.alias()), move || worker.run(jobs))?;
    Ok(sender)
}

fn thread(name: String, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name)
        .stack_size(STACK_LEN)
        .spawn(work)
}

struct Worker {
    room: RoomId,
    journal: Journal<RealDisk>,
    outcomes: mpsc::Sender<(RoomId, Outcome)>,
    /// Where a sealing says that it is done.
    own_jobs: mpsc::WeakSender<Job>,
    sealing: Option<JoinHandle<()>>,
    /// The outcome of a write, held back while sealing lags: the engine has one write under way at most, so nothing
    /// more comes until it hears of this one.
    held: Option<Outcome>,
}

impl Worker {
    fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        self.seal_next();
        let mut waiting = VecDeque::new();
        while let Some(job) = next(&mut jobs, &mut waiting) {
            if let Job::Close { done } = job {
                if let Some(sealing) = self.sealing.take() {
                    let _ = sealing.join();
                }
                let _ = done.send(());
                return;
            }
            let (outcome, seal) = self.work(job);
            if seal {
                self.seal_next();
            }
            for outcome in self.may_go(outcome) {
                if self.outcomes.blocking_send((self.room, outcome)).is_err() {
                    return;
                }
            }
        }
    }

    /// The outcomes that go out now. That of a write waits while too much is unsealed and something is being sealed;
    /// after a failed sealing nothing would end the wait, so then there is none.
    fn may_go(&mut self, outcome: Option<Outcome>) -> impl Iterator<Item = Outcome> + use<> {
        let waits = self.sealing.is_some() && self.journal.lags();
        let (write, other) = match outcome {
            Some(write @ Outcome::Appended { .. }) => (Some(write), None),
            other => (self.held.take(), other),
        };
        let write = if waits {
            self.held = write;
            None
        } else {
            write
        };
        write.into_iter().chain(other)
    }

    /// The outcome, and whether there may be something to seal now.
    fn work(&mut self, job: Job) -> (Option<Outcome>, bool) {
        let journal = &mut self.journal;
        let outcome = match job {
            Job::Append { batch, changes } => {
                let end = journal.append(&changes).map(|end| Position {
                    stretch: end.stretch.0,
                    changes: end.changes,
                });
                let result = in_words(end);
                let outcome = Outcome::Appended {
                    batch,
                    result,
                    disk_bytes: disk_bytes(journal),
                    read_only: journal.is_read_only(),
                };
                return (Some(outcome), true);
            }
            Job::Sealed(result) => return self.sealed(result),
            Job::Load { load, wanted } => {
                let block = journal.answer(&wanted).unwrap_or_else(|err| {
                    tracing::error!("cannot read what a peer asked for: {err}");
                    Vec::new()
                });
                for finding in journal.take_findings() {
                    tracing::warn!("{finding}");
                }
                Outcome::Loaded { load, block }
            }
            Job::SetFacts { facts, session } => Outcome::FactsSet {
                session,
                result: in_words(journal.set_facts(facts)),
            },
            Job::Bundle { session, ask, wanted } => Outcome::Bundled {
                session,
                ask,
                result: in_words(journal.answer(&wanted)),
            },
            Job::Begins { session, since_ms } => Outcome::Begin {
                session,
                since_ms,
                result: in_words(journal.begins_since(since_ms)),
            },
            Job::Export { session } => {
                let result = in_words(journal.document().map(|document| document.save()));
                Outcome::Exported { session, result }
            }
            Job::Check { session, repair } => Outcome::Checked {
                session,
                result: in_words(check(journal, repair)),
            },
            Job::Close { .. } => return (None, false),
        };
        (Some(outcome), false)
    }

    fn seal_next(&mut self) {
        if self.sealing.is_some() {
            return;
        }
        let started = match self.journal.sealing() {
            Ok(None) => return,
            Ok(Some(sealing)) => {
                let jobs = self.own_jobs.clone();
                thread(format!("seal {}", self.room.alias()), move || {
                    let sealed = sealing.run();
                    if let Some(jobs) = jobs.upgrade() {
                        let _ = jobs.blocking_send(Job::Sealed(sealed));
                    }
                })
                .map_err(|err| err.to_string())
            }
            Err(err) => Err(err.to_string()),
        };
        match started {
            Ok(sealing) => self.sealing = Some(sealing),
            Err(why) => tracing::warn!("cannot seal: {why}"),
        }
    }

    fn sealed(&mut self, result: Result<Sealed, JournalError>) -> (Option<Outcome>, bool) {
        self.sealing = None;
        let problem = match result {
            Ok(sealed) => {
                self.journal.sealed(sealed);
                None
            }
            Err(err) => Some(err.to_string()),
        };
        // After a failure the next write tries again; at once would be a busy loop on a full disk.
        let again = problem.is_none();
        (
            Some(Outcome::Sealed {
                disk_bytes: disk_bytes(&self.journal),
                problem,
            }),
            again,
        )
    }
}

/// The job to do next: a write goes before what was asked earlier. Peers' questions may be many, and what is new
/// would otherwise wait behind all of them. There is one write at a time at most, so nothing waits for ever.
fn next(jobs: &mut mpsc::Receiver<Job>, waiting: &mut VecDeque<Job>) -> Option<Job> {
    if waiting.is_empty() {
        waiting.push_back(jobs.blocking_recv()?);
    }
    while waiting.len() < JOBS_MAX
        && let Ok(job) = jobs.try_recv()
    {
        waiting.push_back(job);
    }
    let write = waiting.iter().position(|job| matches!(job, Job::Append { .. }));
    waiting.remove(write.unwrap_or(0))
}

fn check(journal: &mut Journal<RealDisk>, repair: bool) -> Result<(Checked, usize), JournalError> {
    let checked = journal.check()?;
    let retired = if repair { journal.retire_damaged()? } else { 0 };
    Ok((checked, retired))
}

fn disk_bytes(journal: &Journal<RealDisk>) -> u64 {
    let bytes = journal.disk_bytes();
    bytes.tails + bytes.blocks
}

fn in_words<T>(result: Result<T, JournalError>) -> Result<T, String> {
    result.map_err(|err| err.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_goes_before_what_was_asked_earlier_and_the_rest_stays_in_order() {
        let (sender, mut jobs) = mpsc::channel(JOBS_MAX);
        let asked = |n: u8| Job::SetFacts {
            facts: vec![n],
            session: None,
        };
        let (batch, changes) = (Batch(7), Arc::from([]));
        for job in [asked(1), asked(2), Job::Append { batch, changes }, asked(3)] {
            assert!(sender.try_send(job).is_ok());
        }
        drop(sender);
        let mut waiting = VecDeque::new();
        let done = std::iter::from_fn(|| next(&mut jobs, &mut waiting));
        let done = done.map(|job| match job {
            Job::Append { .. } => 0,
            Job::SetFacts { facts, .. } => facts.first().copied().unwrap_or(u8::MAX),
            _ => u8::MAX,
        });
        assert_eq!(done.collect::<Vec<_>>(), [0, 1, 2, 3]);
    }
}
