//! Bytes on disk: what a message takes for good, and what is written for it.

use anyhow::Result;

use super::Bench;
use super::report::{Goal, Line, Reading, Unit};
use super::rooms::{self, Form};

pub(super) fn run(bench: &mut Bench) -> Result<()> {
    for size in bench.sizes.clone() {
        for (form, most) in [(Form::Typed, Some(35.0)), (Form::Imported, None)] {
            let made = bench.rooms(form, 1, size)?;
            if made.sealed == 0 {
                // A room that small has no block.
                continue;
            }
            let each = made.sealed_len as f64 / made.sealed as f64;
            put(bench, &format!("at rest, sealed, {form}"), size, each, most);
        }
        let place = bench.place()?;
        let each = rooms::written(place.path(), &bench.said, size)?;
        let what = "given to write(2) for one live message, sealing included";
        put(bench, what, size, each, Some(1_000.0));
    }
    Ok(())
}

fn put(bench: &mut Bench, what: &str, size: usize, each: f64, most: Option<f64>) {
    let line = Line {
        what: what.to_owned(),
        unit: Unit::BytesEach,
        goal: Goal {
            at_most: most,
            ..Goal::default()
        },
    };
    bench.table.put(&line, size, Reading::of(each));
}
