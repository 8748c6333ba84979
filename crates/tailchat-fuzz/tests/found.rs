//! Each input that ever broke something, again, and a few thousand more.

use std::path::Path;

use tailchat_fuzz::TARGETS;

#[test]
fn what_was_found_holds_now() {
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("found");
    let mut tried = 0;
    for target in TARGETS {
        let Ok(inputs) = std::fs::read_dir(found.join(target.name)) else {
            continue;
        };
        for input in inputs {
            (target.run)(&std::fs::read(input.unwrap().path()).unwrap());
            tried += 1;
        }
    }
    assert!(tried > 0, "what was found is gone");
}

#[test]
fn a_thousand_inputs_hold_by_each_way() {
    for target in TARGETS {
        if let Err(finding) = target.try_out(1, 1_000) {
            panic!("{}: {}: {:?}", target.name, finding.what, finding.input);
        }
    }
}
