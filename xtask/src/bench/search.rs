//! Searches over the control socket of a running node, as the terminal UI asks them while somebody types. Knows
//! requests, and which words a corpus has; nothing of how they are found.

use std::collections::HashMap;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use tailchat_node::client::Client;
use tailchat_node::control::{Item, Query, Request, SearchRequest};

use super::probe::Times;
use super::report::{Goal, Line, Reading, Unit};
use super::rooms::{Form, NEWEST};
use super::{Bench, client, first_opening, settle};
use crate::corpus::Said;

/// Searches of each kind.
const SEARCHES: usize = 100;
/// As many as a screen of hits takes.
const LIMIT: u32 = 50;
/// Letters of a word that is looked for: shorter ones are not what people look for.
const LETTERS_MIN: usize = 4;
/// Of this author there are messages in every room.
const AUTHOR: &str = "typist7";

pub(super) fn run(bench: &mut Bench) -> Result<()> {
    let least = bench.sizes.first().copied().context("no size")?;
    let queries = queries(bench.said.get(..least).unwrap_or(&bench.said))?;
    for size in bench.sizes.clone() {
        let place = bench.place()?;
        let made = bench.rooms(Form::Typed, 1, size)?;
        let mut peer = bench.peer(&place, "seeker", &made)?;
        first_opening(&peer, &made)?;
        peer.serve()?;
        settle(&peer)?;
        for (what, query) in &queries {
            let times = bench.runtime.block_on(async {
                let mut client = client(&peer).await?;
                time(&mut client, query).await
            });
            let line = Line {
                what: format!("search, the newest {LIMIT} in all history: {what}"),
                unit: Unit::Millis,
                goal: Goal {
                    at_most: Some(10.0),
                    ..Goal::default()
                },
            };
            bench.table.put(&line, size, Reading::times(&times?));
        }
    }
    Ok(())
}

async fn time(client: &mut Client, query: &Query) -> Result<Times> {
    let mut times = Times::default();
    for _ in 0..SEARCHES {
        let request = Request::Search(SearchRequest {
            query: query.clone(),
            limit: LIMIT,
        });
        let began = Instant::now();
        let items = client.ask(request).await?;
        times.push(began.elapsed());
        ensure!(
            matches!(items.first(), Some(Item::Found(_))),
            "what was written is not found"
        );
    }
    Ok(times)
}

/// What is looked for, all of it to be found among these messages.
fn queries(said: &[Said]) -> Result<Vec<(&'static str, Query)>> {
    let mut words: HashMap<&str, usize> = HashMap::new();
    let mut pairs: HashMap<(&str, &str), usize> = HashMap::new();
    let is_word = |word: &&str| word.len() >= LETTERS_MIN && word.bytes().all(|b| b.is_ascii_lowercase());
    let newest = NEWEST.split(' ').filter(is_word);
    newest.for_each(|word| *words.entry(word).or_default() += 1);
    for said in said {
        let mut before = None;
        for word in said.text.split(' ') {
            let word = Some(word).filter(is_word);
            if let Some(word) = word {
                *words.entry(word).or_default() += 1;
            }
            if let (Some(before), Some(word)) = (before, word) {
                *pairs.entry((before, word)).or_default() += 1;
            }
            before = word;
        }
    }
    // Ties are broken by spelling, so that every run looks for the same.
    let common = words.iter().max_by_key(|(word, count)| (**count, **word));
    let rare = words.iter().min_by_key(|(word, count)| (**count, **word));
    let phrase = pairs.iter().max_by_key(|(pair, count)| (**count, **pair));
    let ((common, _), (rare, _)) = common.zip(rare).context("the corpus has no words")?;
    let ((first, second), _) = phrase.context("the corpus has no words in a row")?;
    let beginning = common.get(..2).unwrap_or(common);
    let parsed = |text: String| Query::parse(&text, &|_| None);
    Ok(vec![
        ("a word that few messages have", parsed((*rare).to_owned())?),
        ("the word that most have", parsed((*common).to_owned())?),
        (
            "two letters of it, as they are typed",
            parsed(format!("{beginning}*"))?,
        ),
        ("two words in a row", parsed(format!("\"{first} {second}\""))?),
        ("by an author", parsed(format!("from:{AUTHOR}"))?),
        ("a word by an author", parsed(format!("{common} from:{AUTHOR}"))?),
    ])
}
