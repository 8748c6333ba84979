//! Scripts of catching up.
