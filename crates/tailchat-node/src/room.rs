//! The task that owns one room's journal: jobs in, outcomes out, one after the other, so that what the engine
//! asked for first is durable first. Sealing runs beside it. Decides nothing.

use std::sync::Arc;

use tailchat_core::block::SeqRange;
use tailchat_core::engine::{ArrivedChange, Batch, Load};
use tailchat_core::ids::RoomId;
use tailchat_store::disk::RealDisk;
use tailchat_store::log::Sealed;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::journal::{Checked, Journal, JournalError, Sealing};
use crate::session::SessionId;

/// Jobs that may wait for one room's disk: a write and every question that the engine lets peers have open.
/// One more is refused: a question is answered with nothing, and asked again by the peer.
pub(crate) const JOBS_MAX: usize = 2048;

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
        session: SessionId,
    },
    Export {
        session: SessionId,
    },
    Check {
        session: SessionId,
        repair: bool,
    },
    /// Ends the task once all before it is done.
    Close {
        done: oneshot::Sender<()>,
    },
}

/// What came of a job.
pub(crate) enum Outcome {
    Appended {
        batch: Batch,
        result: Result<(), String>,
        disk_bytes: u64,
    },
    Loaded {
        load: Load,
        block: Vec<u8>,
    },
    FactsSet {
        session: SessionId,
        result: Result<(), String>,
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

/// Starts a room's task. It ends on [`Job::Close`] or when the jobs' sender is dropped.
pub(crate) fn start(
    journal: Journal<RealDisk>,
    jobs: mpsc::Receiver<Job>,
    outcomes: mpsc::Sender<(RoomId, Outcome)>,
) -> JoinHandle<()> {
    tokio::spawn(
        Task {
            room: journal.room(),
            journal: Some(journal),
            outcomes,
            sealing: None,
        }
        .run(jobs),
    )
}

struct Task {
    room: RoomId,
    /// Away only while a job runs on another thread.
    journal: Option<Journal<RealDisk>>,
    outcomes: mpsc::Sender<(RoomId, Outcome)>,
    sealing: Option<JoinHandle<Result<Sealed, JournalError>>>,
}

impl Task {
    async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        self.seal_next().await;
        loop {
            let sealed = async {
                match &mut self.sealing {
                    Some(sealing) => sealing.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                job = jobs.recv() => match job {
                    Some(Job::Close { done }) => {
                        let _ = done.send(());
                        return;
                    }
                    Some(job) => self.work(job).await,
                    None => return,
                },
                sealed = sealed => self.sealed(sealed.unwrap_or_else(|err| std::panic::resume_unwind(err.into_panic()))).await,
            }
        }
    }

    /// Runs something with the journal on a thread that may block.
    async fn with<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Journal<RealDisk>) -> T + Send + 'static,
    ) -> Option<T> {
        let mut journal = self.journal.take()?;
        let done = spawn_blocking(move || {
            let result = work(&mut journal);
            (journal, result)
        });
        match done.await {
            Ok((journal, result)) => {
                self.journal = Some(journal);
                Some(result)
            }
            // A panic in the journal: the room goes down with it, loudly, and nothing is acknowledged.
            Err(err) => std::panic::resume_unwind(err.into_panic()),
        }
    }

    async fn work(&mut self, job: Job) {
        let outcome = match job {
            Job::Append { batch, changes } => {
                let done = self
                    .with(move |journal| (in_words(journal.append(&changes)), disk_bytes(journal)))
                    .await;
                done.map(|(result, disk_bytes)| Outcome::Appended {
                    batch,
                    result,
                    disk_bytes,
                })
            }
            Job::Load { load, wanted } => {
                let answer = self.with(move |journal| journal.answer(&wanted)).await;
                answer.map(|answer| {
                    let block = answer.unwrap_or_else(|err| {
                        tracing::error!("cannot read what a peer asked for: {err}");
                        Vec::new()
                    });
                    Outcome::Loaded { load, block }
                })
            }
            Job::SetFacts { facts, session } => {
                let done = self.with(move |journal| in_words(journal.set_facts(facts))).await;
                done.map(|result| Outcome::FactsSet { session, result })
            }
            Job::Export { session } => {
                let done = self
                    .with(|journal| in_words(journal.document().map(|document| document.save())))
                    .await;
                done.map(|result| Outcome::Exported { session, result })
            }
            Job::Check { session, repair } => {
                let done = self.with(move |journal| in_words(check(journal, repair))).await;
                done.map(|result| Outcome::Checked { session, result })
            }
            Job::Close { .. } => None,
        };
        if let Some(outcome) = outcome {
            let appended = matches!(outcome, Outcome::Appended { .. });
            let _ = self.outcomes.send((self.room, outcome)).await;
            if appended {
                self.seal_next().await;
            }
        }
    }

    async fn seal_next(&mut self) {
        if self.sealing.is_some() {
            return;
        }
        match self.with(Journal::sealing).await {
            Some(Ok(Some(sealing))) => self.sealing = Some(spawn_blocking(|| Sealing::run(sealing))),
            Some(Err(err)) => tracing::warn!("cannot seal: {err}"),
            _ => {}
        }
    }

    async fn sealed(&mut self, result: Result<Sealed, JournalError>) {
        self.sealing = None;
        let problem = match result {
            Ok(sealed) => {
                self.with(move |journal| journal.sealed(sealed)).await;
                None
            }
            Err(err) => Some(err.to_string()),
        };
        let disk_bytes = self.journal.as_ref().map_or(0, disk_bytes);
        // After a failure the next write tries again; at once would be a busy loop on a full disk.
        let again = problem.is_none();
        let _ = self
            .outcomes
            .send((self.room, Outcome::Sealed { disk_bytes, problem }))
            .await;
        if again {
            self.seal_next().await;
        }
    }
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
