//! Local links in documents: each must lead to a file of the project. Knows enough Markdown to find links and
//! to leave code alone; it asks no network.

use std::collections::BTreeSet;

use super::Finding;

/// Links of one document that lead to no file; `paths` are all files of the project.
pub(super) fn check(path: &str, text: &str, paths: &BTreeSet<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut in_fence = false;
    for (at, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_fence = !in_fence;
            continue;
        }
        if in_fence {
            continue;
        }
        for target in targets(&without_code(line)) {
            if is_local(&target) && !leads_somewhere(path, &target, paths) {
                findings.push(Finding::new(
                    path,
                    at + 1,
                    format!("the link `{target}` leads to no file of the project"),
                    "mend the path (it is relative to the document), or add the file to git",
                ));
            }
        }
    }
    findings
}

/// What stands after `](`, after `]: ` at a definition, and in `src="..."` and `href="..."`.
fn targets(line: &str) -> Vec<String> {
    let mut found: Vec<&str> = Vec::new();
    for (open, close) in [("](", ')'), ("src=\"", '"'), ("href=\"", '"')] {
        found.extend(
            line.split(open)
                .skip(1)
                .filter_map(|rest| rest.split(close).next()),
        );
    }
    if line.starts_with('[') {
        found.extend(line.split_once("]: ").map(|(_, target)| target));
    }
    // A title may follow the path: (path "title").
    found
        .into_iter()
        .filter_map(|target| target.split_whitespace().next())
        .map(|target| target.trim_matches(['<', '>']).to_owned())
        .collect()
}

fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

fn is_local(target: &str) -> bool {
    !target.starts_with('#') && !target.contains("://") && !target.starts_with("mailto:")
}

fn leads_somewhere(from: &str, target: &str, paths: &BTreeSet<String>) -> bool {
    let target = target.split('#').next().unwrap_or(target);
    let mut parts: Vec<&str> = Vec::new();
    if !target.starts_with('/') {
        parts.extend(from.split('/'));
        parts.pop();
    }
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return false;
                }
            }
            name => parts.push(name),
        }
    }
    let wanted = parts.join("/");
    let folder = format!("{wanted}/");
    wanted.is_empty() || paths.contains(&wanted) || paths.iter().any(|path| path.starts_with(&folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad_lines(path: &str, text: &str) -> Vec<usize> {
        let paths = [
            "README.md",
            "LICENSE",
            "docs/PROTOCOL.md",
            "docs/pictures/room.svg",
        ];
        let paths = paths.map(str::to_owned).into();
        check(path, text, &paths)
            .iter()
            .map(|finding| finding.line)
            .collect()
    }

    #[test]
    fn links_that_lead_nowhere_fail_with_their_line() {
        for link in [
            "see [p](docs/GONE.md)",
            "two [p](docs/PROTOCOL.md) and [q](GONE.md#part)",
            "![p](docs/pictures/gone.svg \"title\")",
            "<img src=\"docs/pictures/gone.svg\">",
            "[p]: docs/GONE.md",
            "out [p](../LICENSE)",
            "a name that only begins alike [p](docs/PROTOCOL)",
        ] {
            assert_eq!(bad_lines("README.md", &format!("# T\n\n{link}\n")), [3], "{link}");
        }
        assert_eq!(
            bad_lines("docs/PROTOCOL.md", "[l](LICENSE)\n"),
            [1],
            "relative to the document"
        );
    }

    #[test]
    fn links_that_lead_to_files_folders_parts_and_the_web_pass() {
        let text = "[a](docs/PROTOCOL.md#part) [b](docs/) [c](#here) [d](https://example.org/x) ![e](<docs/pictures/room.svg> \"t\")\n\
                    [f](mailto:a@example.org) `[g](GONE.md)` [h](/LICENSE)\n\n```sh\n[i](GONE.md)\n```\n";
        assert_eq!(bad_lines("README.md", text), [0; 0]);
        assert_eq!(
            bad_lines("docs/PROTOCOL.md", "[l](../LICENSE) ![p](pictures/room.svg)\n"),
            [0; 0]
        );
    }
}
