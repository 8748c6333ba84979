//! Documents tied to code: a document names the sources it describes and carries a hash of them. Knows neither
//! protocol nor format; it only notices that one side changed without the other.
//!
//! The tie is one line of the document:
//! `<!-- tidy: hash of: src/a.rs src/b.rs = 0123456789abcdef -->`

use std::collections::BTreeMap;

use super::Finding;
use super::rust_text;

/// Documents that must be tied to the code they describe.
const MUST_BE_TIED: &[&str] = &["docs/PROTOCOL.md", "docs/STORAGE.md"];

const OPEN: &str = "<!-- tidy: hash of:";
const CLOSE: &str = "-->";

const REMEDY: &str =
    "read the document again, change it together with the code, then run `cargo xtask tidy --bless`";

/// One tie line, taken apart.
struct Tie<'a> {
    files: Vec<&'a str>,
    hash: &'a str,
}

/// Checks that the required documents are there and that every tie still holds.
pub(super) fn check(texts: &BTreeMap<String, String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for &path in MUST_BE_TIED {
        match texts.get(path) {
            None => findings.push(Finding::new(path, 1, "the document does not exist", how_to_tie())),
            Some(text) if !text.lines().any(|line| line.starts_with(OPEN)) => {
                findings.push(Finding::new(
                    path,
                    1,
                    "the document is tied to no source",
                    how_to_tie(),
                ));
            }
            Some(_) => {}
        }
    }
    for (path, text) in documents(texts) {
        for (at, line) in text
            .lines()
            .enumerate()
            .filter(|(_, line)| line.starts_with(OPEN))
        {
            findings.extend(judge(path, at + 1, line, texts));
        }
    }
    findings
}

/// The documents whose ties no longer hold, with their hashes brought up to date.
pub(super) fn bless(texts: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let mut blessed = Vec::new();
    for (path, text) in documents(texts) {
        let renewed: String = text
            .split_inclusive('\n')
            .map(|line| bless_line(line, texts))
            .collect();
        if renewed != *text {
            blessed.push((path.clone(), renewed));
        }
    }
    blessed
}

fn judge(path: &str, line_at: usize, line: &str, texts: &BTreeMap<String, String>) -> Option<Finding> {
    let finding = |what: String, remedy: String| Some(Finding::new(path, line_at, what, remedy));
    let Some(tie) = parse(line) else {
        return finding(
            "the line that ties the document to its sources cannot be read".to_owned(),
            how_to_tie(),
        );
    };
    match hash_of(&tie.files, texts) {
        Err(missing) => finding(
            format!("the document is tied to {missing}, which does not exist"),
            "name the file that holds this code now; one that moved takes its part of the document along"
                .to_owned(),
        ),
        Ok(hash) if hash != tie.hash => finding(
            format!(
                "{} changed since this document was last read against the code",
                tie.files.join(", ")
            ),
            REMEDY.to_owned(),
        ),
        Ok(_) => None,
    }
}

fn bless_line(line: &str, texts: &BTreeMap<String, String>) -> String {
    let Some(tie) = parse(line) else {
        return line.to_owned();
    };
    let Ok(hash) = hash_of(&tie.files, texts) else {
        return line.to_owned();
    };
    let end = if line.ends_with('\n') { "\n" } else { "" };
    format!("{OPEN} {} = {hash} {CLOSE}{end}", tie.files.join(" "))
}

fn parse(line: &str) -> Option<Tie<'_>> {
    let inside = line.strip_prefix(OPEN)?.trim_end().strip_suffix(CLOSE)?;
    let (files, hash) = inside.split_once('=')?;
    let files: Vec<&str> = files.split_whitespace().collect();
    (!files.is_empty()).then(|| Tie {
        files,
        hash: hash.trim(),
    })
}

/// The hash of the named sources without comments, layout and test modules, or the first that does not exist.
fn hash_of<'a>(files: &[&'a str], texts: &BTreeMap<String, String>) -> Result<String, &'a str> {
    let mut hash = Fnv::new();
    for &file in files {
        let text = texts.get(file).ok_or(file)?;
        hash.eat(file);
        hash.eat(&rust_text::normalised(&rust_text::without_tests(text)));
    }
    Ok(format!("{:016x}", hash.0))
}

fn documents(texts: &BTreeMap<String, String>) -> impl Iterator<Item = (&String, &String)> {
    texts
        .iter()
        .filter(|(path, _)| path.starts_with("docs/") && path.ends_with(".md"))
}

fn how_to_tie() -> String {
    format!(
        "write the document, with a line `{OPEN} <files it describes> = new {CLOSE}`; read it against them, then run \
         `cargo xtask tidy --bless`"
    )
}

/// FNV-1a, 64 bits (draft-eastlake-fnv): it guards against forgetting, not against an attacker.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn eat(&mut self, text: &str) {
        // The zero keeps one text from running into the next.
        for byte in text.bytes().chain([0]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "crates/a/src/wire.rs";

    fn tree(source: &str, tie: &str) -> BTreeMap<String, String> {
        let document = format!("# P\n\n{tie}\n\nText.\n");
        BTreeMap::from([
            (SOURCE.to_owned(), source.to_owned()),
            ("docs/PROTOCOL.md".to_owned(), document.clone()),
            ("docs/STORAGE.md".to_owned(), document),
        ])
    }

    fn blessed(source: &str) -> BTreeMap<String, String> {
        let mut texts = tree(source, &format!("{OPEN} {SOURCE} = new {CLOSE}"));
        let renewed = bless(&texts);
        texts.extend(renewed);
        texts
    }

    #[test]
    fn the_hash_is_fnv_1a() {
        let mut hash = Fnv::new();
        hash.eat("foobar");
        // The FNV authors' own test vector for "foobar" and a closing zero.
        assert_eq!(format!("{:016x}", hash.0), "34531ca7168b8f38");
    }

    #[test]
    fn a_blessed_document_holds_until_the_code_changes() {
        let mut texts = blessed("//! W.\nconst A: u8 = 1;\n");
        assert_eq!(check(&texts), []);
        assert_eq!(bless(&texts), [], "nothing to write twice");

        texts.insert(
            SOURCE.to_owned(),
            "//! W, reworded.\nconst A: u8 =\n    1; // one\n".to_owned(),
        );
        assert_eq!(check(&texts), [], "comments and layout are not the protocol");

        texts.insert(SOURCE.to_owned(), "//! W.\nconst A: u8 = 2;\n".to_owned());
        let findings = check(&texts);
        assert_eq!(findings.len(), 2);
        assert!(
            findings
                .iter()
                .all(|finding| finding.line == 3 && finding.remedy.contains("--bless"))
        );
    }

    #[test]
    fn a_missing_document_fails() {
        let findings = check(&BTreeMap::new());
        assert_eq!(findings.len(), MUST_BE_TIED.len());
        assert!(
            findings
                .iter()
                .all(|finding| finding.what.contains("does not exist"))
        );
    }

    #[test]
    fn a_document_without_a_tie_or_with_a_broken_one_fails() {
        for tie in ["", "<!-- tidy: hash of: = 00 -->", "<!-- tidy: hash of: a.rs -->"] {
            assert_eq!(check(&tree("", tie)).len(), 2, "{tie}");
        }
    }

    #[test]
    fn a_tie_to_a_file_that_is_gone_fails_and_is_not_blessed() {
        let texts = tree("", &format!("{OPEN} {SOURCE} crates/gone.rs = 00 {CLOSE}"));
        assert!(
            check(&texts)
                .iter()
                .all(|finding| finding.what.contains("crates/gone.rs"))
        );
        assert_eq!(check(&texts).len(), 2);
        assert_eq!(bless(&texts), []);
    }
}
