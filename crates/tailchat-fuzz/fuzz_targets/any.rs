//! libFuzzer's way in: the environment names the target, `TAILCHAT_FUZZ=member`.
#![no_main]

use std::sync::LazyLock;

use tailchat_fuzz::{TARGETS, Target};

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("TAILCHAT_FUZZ").unwrap_or_default();
    let found = TARGETS.into_iter().find(|target| target.name == name);
    found.unwrap_or_else(|| panic!("TAILCHAT_FUZZ names no target"))
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| (TARGET.run)(data));
