//! Facts outlive power cuts and faults, whole or not at all. Uses simulated disks.

use super::*;
use crate::sim_disk::{Fault, SimDisk};

#[test]
fn a_fact_is_replaced_as_a_whole_whatever_happens() {
    let disk = SimDisk::new();
    Facts::new(disk.clone()).write("me", b"old").unwrap();
    let mut operation = 0;
    loop {
        let disk = disk.fork();
        disk.fail(operation..u64::MAX, Fault::Off);
        let written = Facts::new(disk.clone()).write("me", b"new, and longer");
        let drawn = (0..20).map(|seed| {
            let crashed = disk.fork();
            crashed.crash(seed);
            crashed
        });
        for (way, crashed) in disk.crashes(u64::MAX).into_iter().chain(drawn).enumerate() {
            let fact = Facts::new(crashed).read("me").unwrap().unwrap();
            let new = fact == b"new, and longer";
            assert!(
                new || (fact == b"old" && written.is_err()),
                "operation {operation}, way {way}"
            );
        }
        if written.is_ok() {
            return;
        }
        operation += 1;
    }
}

#[test]
fn a_failed_write_leaves_the_old_fact_and_may_be_tried_again() {
    for fault in [Fault::Io, Fault::Short, Fault::Full] {
        for operation in 0..8 {
            let disk = SimDisk::new();
            let mut facts = Facts::new(disk.clone());
            facts.write("me", b"old").unwrap();
            disk.fail(operation..operation + 1, fault);
            let written = facts.write("me", b"new");
            disk.heal();
            let now = facts.read("me").unwrap().unwrap();
            assert!(
                now == b"new" || (now == b"old" && written.is_err()),
                "{fault:?} {operation}"
            );
            facts.write("me", b"again").unwrap();
            disk.crash(operation);
            assert_eq!(facts.read("me").unwrap().unwrap(), b"again");
        }
    }
}

#[test]
fn damage_is_reported_and_a_newer_version_named() {
    let disk = SimDisk::new();
    let mut facts = Facts::new(disk.clone());
    assert_eq!(facts.read("me").unwrap(), None);
    facts.write("me", b"fact").unwrap();
    let path = Path::new("facts/me.fact");
    let bytes = disk.read(path).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        disk.plant(path, &flipped);
        facts.read("me").unwrap_err();
    }
    let mut newer = bytes.clone();
    newer[8] = 2;
    disk.plant(path, &newer);
    assert!(matches!(
        facts.read("me"),
        Err(StoreError::Newer { found: 2, .. })
    ));
    disk.plant(Path::new("facts/you.fact"), &bytes);
    assert!(matches!(facts.read("you"), Err(StoreError::Damaged { .. })));
}

#[test]
fn a_name_cannot_lead_out_of_the_folder() {
    let facts = Facts::new(SimDisk::new());
    for name in ["", "../lock", "a/b", "A", "a.b", &"a".repeat(65)] {
        assert!(
            matches!(facts.read(name), Err(StoreError::FactName { .. })),
            "{name}"
        );
    }
}

#[test]
fn a_fact_has_these_bytes_for_ever() {
    let hex: String = encode("me", b"fact")
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(hex, include_str!("../golden/fact.hex").trim());
}
