//! The program's side of a merge: cuts what a file brings into pieces and hands them to a node, one at a time. Knows
//! the client alone; where the bytes come from is the program's affair.

use std::collections::BTreeSet;

use tailchat_core::bundle::{BundleError, Cutter, Head, Part, Sealed};

use crate::client::Client;
use crate::control::{Code, Failure, Item, MergeRequest, MergedItem, Request, hex};

/// What came of one section of a bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// The room's ID; empty if the room is not here.
    pub room: String,
    /// The room's name.
    pub name: String,
    /// Messages that are new in the room.
    pub added: u64,
    /// Messages that the room had already.
    pub known: u64,
    /// Authors, by actor, whose messages begin later than what is here.
    pub missing: BTreeSet<String>,
    /// Authors, by actor, whose chain here is another one.
    pub forked: BTreeSet<String>,
    /// Authors, by actor, whose changes are outside the limits of a room.
    pub refused: BTreeSet<String>,
    /// Why nothing of it was taken in, if so.
    pub unknown: Option<Failure>,
    /// Whether its end was read and proved.
    pub whole: bool,
}

/// A bundle that is being taken in.
#[derive(Debug, Default)]
pub struct Merge {
    cutter: Cutter,
    head: Option<Head>,
    sections: Vec<Section>,
}

impl Merge {
    /// What came of each section so far.
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// Takes further bytes, some tens of KiB at once, and returns when what was new in them is durable. A section for
    /// a room that is not here is passed over.
    ///
    /// # Errors
    /// [`Failure`] if the bytes are no bundle or were altered, or if the node fails. What came before is safe.
    pub async fn push(&mut self, client: &mut Client, bytes: &[u8]) -> Result<(), Failure> {
        self.cutter.push(bytes);
        while let Some(part) = self.cutter.cut().map_err(|err| self.broken(err))? {
            match part {
                Part::Head(head) => {
                    self.head = Some(head);
                    self.sections.push(Section::default());
                }
                Part::Piece(sealed) => self.piece(client, sealed).await?,
            }
        }
        Ok(())
    }

    /// Says that there are no further bytes.
    ///
    /// # Errors
    /// [`Failure`] if the bundle has no end.
    pub fn finish(&self) -> Result<(), Failure> {
        self.cutter.finish().map_err(|err| self.broken(err))
    }

    async fn piece(&mut self, client: &mut Client, sealed: Sealed) -> Result<(), Failure> {
        let (Some(head), Some(section)) = (&self.head, self.sections.last_mut()) else {
            return Ok(());
        };
        if section.unknown.is_some() {
            return Ok(());
        }
        let request = MergeRequest {
            head: hex::encode(&head.encode()),
            number: sealed.number,
            code: hex::encode(&sealed.code),
            body: hex::encode(&sealed.body),
        };
        match client.ask(Request::Merge(request)).await {
            Ok(items) => {
                for item in items {
                    if let Item::Merged(merged) = item {
                        section.add(merged);
                    }
                }
                Ok(())
            }
            // A section behind it may be for another room. Once something was taken in, this means that it was left.
            Err(failure) if failure.code == Code::NotFound || failure.code == Code::Damaged => {
                section.unknown = Some(failure);
                Ok(())
            }
            Err(failure) => Err(failure),
        }
    }

    fn broken(&self, err: BundleError) -> Failure {
        let behind = self.sections.last().is_some_and(|section| section.whole);
        let why = match err {
            BundleError::Foreign if behind => "what follows the bundle is no bundle".to_owned(),
            _ => err.to_string(),
        };
        Failure::new(Code::Failed, why)
    }
}

impl Section {
    fn add(&mut self, merged: MergedItem) {
        self.room = merged.room;
        self.name = merged.name;
        self.added += merged.added;
        self.known += merged.known;
        self.missing.extend(merged.missing);
        self.forked.extend(merged.forked);
        self.refused.extend(merged.refused);
        self.whole |= merged.end;
    }
}
