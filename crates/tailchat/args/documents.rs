//! The command lines in the documents and in the help texts: each is one that this program understands.

use std::path::Path;

use clap::{CommandFactory as _, Parser as _};

use super::Cli;

const DOCUMENTS: [&str; 7] = [
    "README.md",
    "docs/GUIDE.md",
    "docs/CONTROL.md",
    "docs/CONTRIBUTING.md",
    "docs/RELIABILITY.md",
    "docs/SECURITY.md",
    "docs/STORAGE.md",
];

/// The commands of a line as a shell divides it, each in words; what stands for something else is a word as it is.
fn commands(line: &str) -> Vec<Vec<String>> {
    let (mut commands, mut words, mut word) = (Vec::new(), Vec::new(), None::<String>);
    let mut quote = None;

    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, '|' | '&' | ';' | '(' | ')' | '<' | '>') => {
                words.extend(word.take());
                commands.push(std::mem::take(&mut words));
            }
            (None, ' ') => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    commands.push(words);
    commands
}

/// What calls this program in a line, without what stands before it; none if the line only shows a form.
fn calls(line: &str) -> Vec<Vec<String>> {
    let ours = commands(line).into_iter().filter_map(|words| {
        let at = words.iter().position(|word| word == "tailchat")?;
        Some(words.get(at..)?.to_vec())
    });
    ours.filter(|words| {
        // A name in capitals, or one in brackets, stands for something.
        !words
            .iter()
            .any(|word| word.starts_with('[') || word == "COMMAND" || word.contains('|'))
    })
    .collect()
}

#[track_caller]
fn understood(place: &str, words: &[String]) {
    let parsed = Cli::try_parse_from(words);
    let fine = match &parsed {
        Ok(_) => true,
        Err(error) => !error.use_stderr(),
    };
    assert!(
        fine,
        "{place}: {words:?}: {}",
        parsed.err().map_or_else(String::new, |error| error.to_string())
    );
}

#[test]
fn the_documents_only_have_commands_that_there_are() {
    let mut seen = 0;
    for name in DOCUMENTS {
        let text = fs_err::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap();
        let mut block = false;
        for (number, line) in text.lines().enumerate() {
            if line.starts_with("```") {
                block = !block && matches!(line, "```sh" | "```text");
                continue;
            }
            let typed = line.split_once("$ ").map_or(line, |(_, typed)| typed);
            let is_typed = line.starts_with("tailchat ")
                || line
                    .split_once("$ ")
                    .is_some_and(|(prompt, _)| !prompt.contains(' '));
            if block && is_typed {
                for words in calls(typed) {
                    understood(&format!("{name}:{}", number + 1), &words);
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 80, "only {seen} commands were found");
}

#[test]
fn the_help_texts_only_have_commands_that_there_are() {
    let mut seen = 0;
    let mut command = Cli::command();
    command.build();
    for command in command.get_subcommands() {
        let Some(text) = command.get_after_help() else {
            continue;
        };
        let text = text.to_string();
        let examples = text.split_once("Example").map_or("", |(_, examples)| examples);
        for line in examples.lines() {
            let line = line
                .split_once(": ")
                .filter(|(label, _)| label.len() < 3)
                .map_or(line, |(_, line)| line);
            for words in calls(line.trim()) {
                understood(command.get_name(), &words);
                seen += 1;
            }
        }
    }
    assert!(seen > 35, "only {seen} examples were found");
}

#[test]
fn a_line_is_divided_as_a_shell_divides_it() {
    let typed = "invite=$(tailchat --data ann new 'a # b' | tail -n 1) && tailchat log k  # all of it";
    assert_eq!(
        calls(typed),
        [
            vec!["tailchat", "--data", "ann", "new", "a # b"],
            vec!["tailchat", "log", "k"]
        ]
    );
}
