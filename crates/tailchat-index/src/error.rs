//! What can go wrong with the index. Nothing of it costs a message: the logs have them all.

/// Why the index did not do what it was asked. Whoever gets it throws the index away and has it built again.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// SQLite said no.
    #[error("the index cannot {doing}: {source}")]
    Sqlite {
        /// What it was asked.
        doing: &'static str,
        /// SQLite's words.
        source: rusqlite::Error,
    },
    /// Its file cannot be made or removed.
    #[error("the index's file cannot be made: {0}")]
    File(#[from] std::io::Error),
    /// What it holds contradicts itself.
    #[error("the index is damaged: {0}")]
    Damaged(&'static str),
}

/// Says what was being done when SQLite failed.
pub(crate) trait Doing<T> {
    /// Adds the words.
    fn doing(self, doing: &'static str) -> Result<T, IndexError>;
}

impl<T> Doing<T> for Result<T, rusqlite::Error> {
    fn doing(self, doing: &'static str) -> Result<T, IndexError> {
        self.map_err(|source| IndexError::Sqlite { doing, source })
    }
}
