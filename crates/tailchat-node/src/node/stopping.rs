//! The clean stop: what is under way ends, peers are told, and the mark is left by which actors are continued.

use std::time::Duration;

use tailchat_core::engine::Event;
use tailchat_store::marker::{CleanRoom, CleanStop};

use super::{Node, Wakes};
use crate::client::gone;
use crate::control::Answer;
use crate::session::Pending;

/// How long a clean stop waits for writes under way.
const STOP_WITHIN: Duration = Duration::from_secs(5);

impl Node {
    /// Lets writes under way end, tells the peers, and leaves the mark by which actors are continued.
    pub(super) async fn stop(mut self, mut wakes: Wakes) {
        let deadline = tokio::time::Instant::now() + STOP_WITHIN;
        while self.engine.is_writing() {
            while let Some((room, outcome)) = self.held.pop_front() {
                self.take_outcome(room, outcome);
            }
            tokio::select! {
                Some((room, outcome)) = wakes.outcomes.recv() => self.disk_did(room, outcome),
                () = tokio::time::sleep_until(deadline) => break,
            }
        }
        let clean = !self.engine.is_writing();
        self.serve_sessions();
        self.end_sessions();
        self.feed(Event::Stopping);
        if let Some(net) = self.net.take() {
            // Its events are of no use any more, but a full channel would hold it up.
            let drain = async { while wakes.net.recv().await.is_some() {} };
            tokio::select! { () = net.shutdown() => {}, () = drain => {} }
        }
        let stop = self.tips();
        let ids: Vec<_> = self.rooms.keys().copied().collect();
        for id in ids {
            let closed = tokio::time::timeout(STOP_WITHIN, self.close_room(id));
            // What the disks still tell is of no use any more, but a full channel would hold them up.
            let drain = async { while wakes.outcomes.recv().await.is_some() {} };
            tokio::select! { _ = closed => {}, () = drain => {} }
        }
        let now = self.now();
        drop(wakes.told);
        let _ = tokio::time::timeout(STOP_WITHIN, self.index.close()).await;
        let wall_ms = now.wall_ms;
        if clean && let Err(err) = self.folder.mark_clean_stop(stop, wall_ms).await {
            // Nothing is lost by that: the next posts take fresh actors, as after a crash.
            tracing::warn!("the mark of a clean stop is not written: {err}");
        }
    }

    /// Tells whoever asked for something that may have been done in part. Who is not told hears from the socket that
    /// nothing was done.
    fn end_sessions(&mut self) {
        for (_, mut session) in std::mem::take(&mut self.sessions) {
            let nothing_done = matches!(
                session.state,
                Pending::Opening(_)
                    | Pending::Index(..)
                    | Pending::Turn(..)
                    | Pending::Lines(_)
                    | Pending::Rooms(_)
                    | Pending::Watch(_)
                    | Pending::Equal { .. }
            );
            if !nothing_done {
                session.turn(vec![Answer::Failed(gone())]);
            }
        }
    }

    /// Where our actors stand.
    fn tips(&self) -> CleanStop {
        let rooms = self
            .rooms
            .iter()
            .filter(|(_, open)| !open.failed)
            .filter_map(|(id, _)| {
                let status = self.engine.room_status(*id)?;
                let actor = status.actor?;
                let tip = status.durable.tip(actor);
                Some(CleanRoom {
                    alias: id.alias(),
                    actor,
                    seq: tip.seq,
                    tip: tip.hash,
                })
            });
        CleanStop {
            rooms: rooms.collect(),
        }
    }
}
