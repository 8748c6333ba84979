//! Figures as a table, and where it goes. Knows goals and how numbers are told, not how they are measured.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::bench::probe::Times;
use crate::workspace;

/// The sizes of a whole run.
pub(super) const SIZES: &str = "1k,100k,1M";
/// What a reader has to know of how the figures came about.
pub(super) const METHOD: &str = "\
- Columns are messages in the room, or in all rooms of the node; growth is from the least to the greatest; goals are
  judged at the greatest.
- *As typed*: a change each, by 50 authors who take turns, which is the hard case. *As imported*: up to 256 to a
  change, by one author. Rooms are written to disk through the production log before anything runs; a corpus with
  fewer messages begins again.
- An *fsync* is an append of 200 bytes and `fdatasync`, a *round trip* 200 bytes there and back over loopback; both
  stand at their median and are taken in turn with what they are compared with. `sync(1)` runs before the live part, so
  that what was made for it is on the disk before anything is timed. Latencies of a message are medians of
  300, those of a screen of up to 100; all sizes in turn. *A memcpy of the texts* copies the messages' texts once; *a process that
  does nothing* is `tailchat --version`.
- Processes are release builds, one a peer. CPU and memory are what the system says of the node's process; the wire is
  counted by a proxy between two peers. For round trips that proxy holds every byte back for 100 ms.
- What is given to write(2) is counted for the log alone, from one sealing to the next, through the production code.
";
/// So many times make a p99 worth telling.
const P99_FROM: usize = 100;

/// A line of the table; equal ones take figures of several sizes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) what: String,
    pub(super) unit: Unit,
    pub(super) goal: Goal,
}

/// In what a figure is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Millis,
    Bytes,
    BytesEach,
    EachSecond,
    RoundTrips,
}

/// What is wanted at the greatest size. Nothing at all is a goal that is always met.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Goal {
    pub(super) at_most: Option<f64>,
    pub(super) at_least: Option<f64>,
    /// Of the physical limit.
    pub(super) ratio: Option<f64>,
    /// From the least size to the greatest.
    pub(super) growth: Option<f64>,
}

/// What was measured at one size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    value: f64,
    p99: Option<f64>,
    /// How many times the physical limit it is, and which one that is.
    ratio: Option<(f64, &'static str)>,
}

impl Reading {
    pub(super) fn of(value: f64) -> Self {
        Self {
            value,
            p99: None,
            ratio: None,
        }
    }

    pub(super) fn millis(time: Duration) -> Self {
        Self::of(time.as_secs_f64() * 1e3)
    }

    pub(super) fn times(times: &Times) -> Self {
        let p99 = (times.len() >= P99_FROM).then(|| times.percentile(99).as_secs_f64() * 1e3);
        Self {
            p99,
            ..Self::millis(times.middle())
        }
    }

    pub(super) fn against(self, time: Duration, limit: Duration, name: &'static str) -> Self {
        let ratio = time.as_secs_f64() / limit.as_secs_f64();
        Self {
            ratio: Some((ratio, name)),
            ..self
        }
    }
}

#[derive(Default)]
pub(super) struct Table {
    lines: Vec<(Line, BTreeMap<usize, Reading>)>,
}

impl Table {
    pub(super) fn put(&mut self, line: &Line, size: usize, reading: Reading) {
        eprintln!("bench:   {size}: {}: {}", line.what, line.unit.told(&reading));
        match self.lines.iter_mut().find(|(known, _)| known == line) {
            Some((_, readings)) => {
                readings.insert(size, reading);
            }
            None => self.lines.push((line.clone(), BTreeMap::from([(size, reading)]))),
        }
    }

    pub(super) fn text(&self, sizes: &[usize]) -> Result<String> {
        let mut text = String::from("| what |");
        for size in sizes {
            write!(text, " {} |", size_name(*size))?;
        }
        writeln!(text, " of the physical limit | growth | goal | met |")?;
        writeln!(text, "|---|{}---|---|---|---|", "---|".repeat(sizes.len()))?;
        for (line, readings) in &self.lines {
            write!(text, "| {} |", line.what)?;
            for size in sizes {
                let told = readings.get(size).map(|reading| line.unit.told(reading));
                write!(text, " {} |", told.unwrap_or_default())?;
            }
            writeln!(text, " {} |", line.verdict(readings))?;
        }
        Ok(text)
    }
}

impl Line {
    /// The last four columns.
    fn verdict(&self, readings: &BTreeMap<usize, Reading>) -> String {
        let (Some((least, first)), Some((most, last))) =
            (readings.first_key_value(), readings.last_key_value())
        else {
            return "| | |".to_owned();
        };
        // A rate at a small size is that of its beginning and end.
        let grows = least < most && self.unit != Unit::EachSecond && first.value > 0.0;
        let growth = grows.then(|| last.value / first.value);
        let ratio = last
            .ratio
            .map(|(ratio, name)| format!("{} x {name}", rounded(ratio)));
        let times = growth.map(|growth| format!("{growth:.2} x"));
        let met = match (self.goal == Goal::default(), self.goal.is_met(last, growth)) {
            (true, _) => "",
            (false, true) => "yes",
            (false, false) => "**no**",
        };
        let goal = self.goal.told(self.unit);
        format!(
            "{} | {} | {goal} | {met}",
            ratio.unwrap_or_default(),
            times.unwrap_or_default()
        )
    }
}

impl Goal {
    fn is_met(&self, last: &Reading, growth: Option<f64>) -> bool {
        let ratio = last.ratio.map(|(ratio, _)| ratio);
        let within = |value: Option<f64>, most: Option<f64>| match (value, most) {
            (Some(value), Some(most)) => value <= most,
            _ => true,
        };
        within(Some(last.value), self.at_most)
            && self.at_least.is_none_or(|least| last.value >= least)
            && within(ratio, self.ratio)
            && within(growth, self.growth)
    }

    fn told(&self, unit: Unit) -> String {
        let bounds = [
            self.at_most.map(|most| format!("<= {}", unit.goal(most))),
            self.at_least.map(|least| format!(">= {}", unit.goal(least))),
            self.ratio.map(|ratio| format!("<= {ratio} x")),
            self.growth.map(|growth| format!("growth <= {growth} x")),
        ];
        bounds.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

impl Unit {
    fn told(self, reading: &Reading) -> String {
        let value = self.value(reading.value);
        match reading.p99 {
            Some(p99) => format!("{value} (p99 {})", self.value(p99)),
            None => value,
        }
    }

    fn value(self, value: f64) -> String {
        match self {
            Self::Millis if value >= 1000.0 => format!("{:.2} s", value / 1000.0),
            Self::Millis if value >= 10.0 => format!("{value:.1} ms"),
            Self::Millis => format!("{value:.2} ms"),
            Self::Bytes if value >= 1e6 => format!("{:.1} MB", value / 1e6),
            Self::Bytes if value >= 1e3 => format!("{:.1} kB", value / 1e3),
            Self::Bytes => format!("{value:.0} bytes"),
            Self::BytesEach => format!("{value:.1} bytes a message"),
            Self::EachSecond => format!("{} a second", grouped(value)),
            Self::RoundTrips => format!("{value:.2}"),
        }
    }

    fn goal(self, value: f64) -> String {
        match self {
            Self::Millis => format!("{value} ms"),
            Self::Bytes if value >= 1e6 => format!("{} MB", value / 1e6),
            Self::Bytes if value >= 1e3 => format!("{} kB", value / 1e3),
            Self::BytesEach => format!("{value} bytes a message"),
            Self::Bytes | Self::EachSecond | Self::RoundTrips => self.value(value),
        }
    }
}

/// Two digits that count.
fn rounded(ratio: f64) -> String {
    if ratio < 10.0 {
        format!("{ratio:.2}")
    } else {
        grouped(ratio)
    }
}

fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

pub(super) fn millis(time: Duration) -> String {
    Unit::Millis.value(time.as_secs_f64() * 1e3)
}

/// Reads a number of messages: `1000`, `1k`, `1M`.
pub(super) fn size(text: &str) -> Result<usize, String> {
    let (digits, unit) = match text.strip_suffix('k') {
        Some(digits) => (digits, 1_000),
        None => match text.strip_suffix('M') {
            Some(digits) => (digits, 1_000_000),
            None => (text, 1),
        },
    };
    let number: usize = digits
        .parse()
        .map_err(|_| format!("\"{text}\" is no size such as 1k, 100k or 1M"))?;
    let size = number.checked_mul(unit).filter(|size| *size >= 1_000);
    size.ok_or_else(|| "a size is 1k or more".to_owned())
}

fn size_name(size: usize) -> String {
    match size {
        _ if size.is_multiple_of(1_000_000) => format!("{}M", size / 1_000_000),
        _ if size.is_multiple_of(1_000) => format!("{}k", size / 1_000),
        _ => size.to_string(),
    }
}

/// Whether these are the sizes of a whole run.
pub(super) fn are_all(sizes: &[usize]) -> bool {
    SIZES
        .split(',')
        .all(|name| size(name).is_ok_and(|size| sizes.contains(&size)))
}

/// The machine, as far as a reader can compare.
pub(super) fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or(": an unknown processor");
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!("{cores} cores of {}", model.trim_start_matches(['\t', ' ', ':']))
}

/// Replaces what stands between the marks of docs/BENCHMARKS.md.
pub(super) fn write(table: &str) -> Result<()> {
    let file = workspace::root()?.join("docs/BENCHMARKS.md");
    let text = fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
    let (begin, end) = ("<!-- bench: begin -->\n", "<!-- bench: end -->");
    let (head, rest) = text
        .split_once(begin)
        .context("docs/BENCHMARKS.md has lost its mark for the table's begin")?;
    let (_, foot) = rest
        .split_once(end)
        .context("docs/BENCHMARKS.md has lost its mark for the table's end")?;
    fs::write(&file, format!("{head}{begin}{table}{end}{foot}"))?;
    Ok(())
}
