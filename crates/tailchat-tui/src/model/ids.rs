//! What the UI calls rooms, messages and their places: the node's own spellings, told apart by type. Knows nothing
//! of what is inside them.

use std::fmt;
use std::sync::Arc;

macro_rules! spelled {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) struct $name(Arc<str>);

        impl $name {
            pub(crate) fn new(spelling: &str) -> Self {
                Self(spelling.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

spelled! {
    /// A room's ID, `room1...`.
    RoomKey
}

spelled! {
    /// A message's ID, `<actor hex>/<index>`.
    MessageKey
}

spelled! {
    /// Where a line stands in its room: compares as the lines do.
    Place
}
