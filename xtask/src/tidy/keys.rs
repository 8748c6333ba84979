//! What the README says of the terminal UI is the program's: between two marks stands what the key map writes, and its
//! settings file is one that the program takes. Knows no key and no setting.

use std::collections::BTreeMap;

use tailchat_tui::keys::KeyMap;
use tailchat_tui::preferences::Preferences;

use super::Finding;

const PATH: &str = "README.md";
const BEGIN: &str = "<!-- keys: begin -->\n";
const END: &str = "<!-- keys: end -->";

/// Checks that the table is there and is that of the key map, and that the settings are understood.
pub(super) fn check(texts: &BTreeMap<String, String>) -> Vec<Finding> {
    let text = texts.get(PATH).map_or("", String::as_str);
    table(text).into_iter().chain(settings(text)).collect()
}

/// The first settings file that is shown.
fn settings(text: &str) -> Option<Finding> {
    let (before, rest) = text.split_once("```toml\n")?;
    let (settings, _) = rest.split_once("```")?;
    let error = Preferences::parse(settings).err()?;
    let line = before.lines().count() + 1 + error.line;
    let what = format!("the program does not take these settings: {}", error.what);
    Some(Finding::new(
        PATH,
        line,
        what,
        "write them as the program takes them",
    ))
}

fn table(text: &str) -> Option<Finding> {
    let Some(written) = with_table(text) else {
        let what = format!(
            "there is no place for the keys, from `{}` to `{END}`",
            BEGIN.trim_end()
        );
        return Some(Finding::new(
            PATH,
            1,
            what,
            "put the two marks where the table is to be",
        ));
    };
    let line = text.lines().take_while(|line| *line != BEGIN.trim_end()).count() + 1;
    (written != text).then(|| {
        let what = "the table of keys is another than the program's";
        Finding::new(PATH, line, what, "run `cargo xtask tidy --bless`")
    })
}

/// The README with the program's table, if it has another.
pub(super) fn bless(texts: &BTreeMap<String, String>) -> Option<(String, String)> {
    let text = texts.get(PATH)?;
    let written = with_table(text)?;
    (written != *text).then(|| (PATH.to_owned(), written))
}

fn with_table(text: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    let table = KeyMap::default().markdown();
    Some(format!("{before}{BEGIN}{table}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(readme: &str) -> BTreeMap<String, String> {
        [(PATH.to_owned(), readme.to_owned())].into()
    }

    #[test]
    fn a_table_that_is_missing_or_another_is_found_and_blessed() {
        assert!(check(&texts("no marks"))[0].what.contains("no place"));
        let old = texts(&format!("# x\n\n{BEGIN}| outworn |\n{END}\nrest\n"));
        assert_eq!(check(&old)[0].line, 3);
        let (path, blessed) = bless(&old).unwrap();
        assert!(
            blessed.starts_with("# x\n\n") && blessed.ends_with("\nrest\n") && !blessed.contains("outworn")
        );
        let new = [(path, blessed)].into();
        assert_eq!((check(&new), bless(&new)), (vec![], None));
    }

    #[test]
    fn settings_that_the_program_does_not_take_are_found_by_their_line() {
        let table = format!("{BEGIN}{}{END}\n", KeyMap::default().markdown());
        let with = |settings: &str| check(&texts(&format!("{table}```toml\n{settings}```\n")));
        assert_eq!(with("mouse = true\n"), []);
        let found = with("mouse = true\ntheme = \"pink\"\n");
        assert_eq!(found[0].line, table.lines().count() + 3);
        assert!(found[0].what.contains("pink"), "{}", found[0]);
    }
}
