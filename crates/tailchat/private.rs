//! Files and folders that only this person may look into, where the system knows owners. Knows nothing of what is in them.

use std::fs::{DirBuilder, OpenOptions};

/// How a file is opened; if it is made, for its owner alone.
pub(crate) fn file() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "modes exist on Unix alone"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// How a folder is made for its owner alone.
pub(crate) fn folder() -> DirBuilder {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "modes exist on Unix alone"))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}
