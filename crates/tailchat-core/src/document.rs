//! The room as an Automerge document, built from its changes: for export, for `check` and for tests.
//! Nothing in daily use comes here.

use automerge::{Automerge, ObjType, ReadDoc, ScalarValue, Value};

use crate::change::list_key;
use crate::ids::{ActorId, ChangeHash};

/// A room's document.
pub struct Document {
    doc: Automerge,
}

impl Document {
    /// Loads the concatenated changes of a room, each as [`crate::change::encode`] makes it, an actor's in
    /// their order.
    ///
    /// # Errors
    /// [`DocumentError::Load`] if Automerge refuses them, [`DocumentError::Missing`] if one is not there.
    pub fn from_changes(changes: &[u8]) -> Result<Self, DocumentError> {
        let mut doc = Automerge::new();
        doc.load_incremental(changes)
            .map_err(|err| DocumentError::Load(err.to_string()))?;
        let missing = doc.get_missing_deps(&[]).len();
        if missing > 0 {
            Err(DocumentError::Missing { missing })
        } else {
            Ok(Self { doc })
        }
    }

    /// Opens a document that was saved.
    ///
    /// # Errors
    /// [`DocumentError::Load`] if Automerge refuses it.
    pub fn load(saved: &[u8]) -> Result<Self, DocumentError> {
        let doc = Automerge::load(saved).map_err(|err| DocumentError::Load(err.to_string()))?;
        Ok(Self { doc })
    }

    /// The document as Automerge saves it.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        self.doc.save()
    }

    /// The document's heads, sorted.
    #[must_use]
    pub fn heads(&self) -> Vec<ChangeHash> {
        let mut heads: Vec<_> = self
            .doc
            .get_heads()
            .iter()
            .map(|hash| ChangeHash(hash.0))
            .collect();
        heads.sort_unstable();
        heads
    }

    /// The actor's entries, as far as its lists go.
    #[must_use]
    pub fn entries(&self, actor: ActorId) -> Vec<Vec<u8>> {
        let lists = (0..).map_while(|n| match self.doc.get(automerge::ROOT, list_key(actor, n)) {
            Ok(Some((Value::Object(ObjType::List), list))) => Some(list),
            _ => None,
        });
        lists
            .flat_map(|list| {
                self.doc
                    .list_range(&list, ..)
                    .map(|item| item.value.into_value())
                    .collect::<Vec<_>>()
            })
            .filter_map(|value| match value {
                Value::Scalar(scalar) => match scalar.as_ref() {
                    ScalarValue::Bytes(bytes) => Some(bytes.clone()),
                    _ => None,
                },
                Value::Object(_) => None,
            })
            .collect()
    }
}

/// Why a document cannot be had.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Automerge refused the bytes.
    #[error("Automerge cannot load the room's changes ({0}); run `tailchat check`")]
    Load(String),
    /// Changes are not there that others stand on.
    #[error(
        "{missing} changes of the room are missing; connect to a peer that has them, or run `tailchat check`"
    )]
    Missing {
        /// How many.
        missing: usize,
    },
}
