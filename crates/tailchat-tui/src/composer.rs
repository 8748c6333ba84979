//! What a person writes before it is sent. Knows text and the keys' edits; knows no screen and no room.

mod edit;

pub use edit::Edit;
