//! The program as a Debian package: an ar archive of two tar archives. Knows where Debian's policy wants what; reads no disk
//! and calls no tool of Debian's.

use anyhow::Result;
use md5::{Digest as _, Md5};
use tailchat_node::control::hex;

use super::archive::{self, Entry};
use super::elf::Needs;
use super::{Product, completion_path, gzip};

/// Nobody's mailbox: a package needs one to name.
const MAINTAINER: &str = "The tailchat authors <authors@tailchat.invalid>";
/// What it is, in as many words as a package gives; each line but the last ends where a terminal does.
const DESCRIPTION: &str = " A room is a log on the disk of everybody in it, and whoever meets exchanges
 what the other lacks: no server, no relay, no account. Nobody has to be online
 at the same time as anybody in particular.
 .
 What a command acknowledged is on disk and outlives a power cut, and \"status\"
 proves that members hold the same. There is a screen to live in, a search over
 all that was ever said, and a command for each thing that a script may want.
";

/// The package and its file's name; none for what Debian does not run on.
pub(super) fn package(product: &Product) -> Result<Option<(String, Vec<u8>)>> {
    let Some(architecture) = architecture(&product.target) else {
        return Ok(None);
    };
    let files = files(product)?;
    let control = control(product, architecture, &files);
    let control = vec![
        Entry::file("control".to_owned(), control.as_bytes()),
        Entry::file("md5sums".to_owned(), md5sums(&files).as_bytes()),
    ];
    let parts = [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar.gz", gzip(&archive::tar(control)?)?),
        ("data.tar.gz", gzip(&archive::tar(files)?)?),
    ];
    let mut builder = ar::Builder::new(Vec::new());
    for (name, bytes) in parts {
        let mut header = ar::Header::new(name.as_bytes().to_vec(), bytes.len() as u64);
        header.set_mode(0o100_644);
        builder.append(&header, bytes.as_slice())?;
    }
    let name = format!("tailchat_{}_{architecture}.deb", product.version);
    Ok(Some((name, builder.into_inner()?)))
}

/// Debian's name for a kind of machine that runs Linux.
fn architecture(target: &str) -> Option<&'static str> {
    let (machine, system) = target.split_once('-')?;
    match machine {
        _ if !system.contains("linux") => None,
        "x86_64" => Some("amd64"),
        "aarch64" => Some("arm64"),
        "armv7" if system.ends_with("hf") => Some("armhf"),
        "i686" => Some("i386"),
        "riscv64gc" => Some("riscv64"),
        _ => None,
    }
}

fn files(product: &Product) -> Result<Vec<Entry>> {
    let doc = "usr/share/doc/tailchat";
    let mut files = vec![
        Entry::program("usr/bin/tailchat".to_owned(), &product.program),
        Entry::file(format!("{doc}/README.md"), &product.readme),
        Entry::file(format!("{doc}/copyright"), &product.license),
    ];
    for (shell, script) in &product.completions {
        files.push(Entry::file(format!("usr/{}", completion_path(shell)), script));
    }
    for (page, text) in &product.pages {
        files.push(Entry::file(format!("usr/share/man/man1/{page}.gz"), &gzip(text)?));
    }
    files.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

fn control(product: &Product, architecture: &str, files: &[Entry]) -> String {
    let installed_kib: usize = files.iter().map(|file| file.bytes.len().div_ceil(1024)).sum();
    let depends = match depends(&product.needs) {
        depends if depends.is_empty() => String::new(),
        depends => format!("Depends: {depends}\n"),
    };
    format!(
        "Package: tailchat\nVersion: {}\nArchitecture: {architecture}\nMaintainer: {MAINTAINER}\n\
         Installed-Size: {installed_kib}\n{depends}Section: net\nPriority: optional\nDescription: {}\n{DESCRIPTION}",
        product.version, product.description,
    )
}

fn depends(needs: &Needs) -> String {
    let libc = needs
        .glibc
        .map(|(major, minor)| format!("libc6 (>= {major}.{minor})"));
    let libgcc = needs.libgcc.then(|| "libgcc-s1".to_owned());
    libc.into_iter().chain(libgcc).collect::<Vec<_>>().join(", ")
}

fn md5sums(files: &[Entry]) -> String {
    let line = |file: &Entry| format!("{}  {}\n", hex::encode(&Md5::digest(&file.bytes)), file.path);
    files.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(target: &str, needs: Needs) -> Product {
        Product {
            version: "1.2.3".to_owned(),
            description: "Says what it is".to_owned(),
            target: target.to_owned(),
            program: vec![0; 1025],
            needs,
            completions: vec![("bash", b"complete".to_vec()), ("zsh", b"#compdef".to_vec())],
            pages: vec![("tailchat.1".to_owned(), b".TH".to_vec())],
            readme: b"read me".to_vec(),
            license: b"do as you like".to_vec(),
        }
    }

    fn needs() -> Needs {
        Needs {
            glibc: Some((2, 34)),
            libgcc: true,
        }
    }

    #[test]
    fn the_control_file_says_what_is_in_the_package_and_what_it_needs() {
        let product = product("x86_64-unknown-linux-gnu", needs());
        let control = control(&product, "amd64", &files(&product).unwrap());
        let (fields, description) = control.split_once("Description: ").unwrap();
        assert_eq!(
            fields,
            format!(
                "Package: tailchat\nVersion: 1.2.3\nArchitecture: amd64\nMaintainer: {MAINTAINER}\nInstalled-Size: 7\n\
                 Depends: libc6 (>= 2.34), libgcc-s1\nSection: net\nPriority: optional\n"
            )
        );
        assert!(
            description.starts_with("Says what it is\n A room is"),
            "{description}"
        );
        let continues = |line: &str| line.starts_with(' ') && !line.ends_with(' ') && line.len() <= 80;
        assert!(description.lines().skip(1).all(continues), "{description}");
    }

    #[test]
    fn what_is_linked_whole_depends_on_nothing() {
        let product = product("x86_64-unknown-linux-musl", Needs::default());
        let control = control(&product, "amd64", &[]);
        assert!(!control.contains("Depends"), "{control}");
    }

    #[test]
    fn a_package_is_an_archive_of_three_and_the_same_each_time() {
        let product = product("aarch64-unknown-linux-gnu", needs());
        let (name, bytes) = package(&product).unwrap().unwrap();
        assert_eq!(name, "tailchat_1.2.3_arm64.deb");
        assert_eq!(package(&product).unwrap().unwrap().1, bytes);
        let mut archive = ar::Archive::new(bytes.as_slice());
        let mut parts = Vec::new();
        while let Some(part) = archive.next_entry() {
            parts.push(String::from_utf8(part.unwrap().header().identifier().to_vec()).unwrap());
        }
        assert_eq!(parts, ["debian-binary", "control.tar.gz", "data.tar.gz"]);
        let places: Vec<_> = files(&product)
            .unwrap()
            .into_iter()
            .map(|file| file.path)
            .collect();
        assert_eq!(
            places,
            [
                "usr/bin/tailchat",
                "usr/share/bash-completion/completions/tailchat",
                "usr/share/doc/tailchat/README.md",
                "usr/share/doc/tailchat/copyright",
                "usr/share/man/man1/tailchat.1.gz",
                "usr/share/zsh/vendor-completions/_tailchat",
            ]
        );
    }

    #[test]
    fn there_is_no_package_for_what_debian_does_not_run_on() {
        for target in ["aarch64-apple-darwin", "x86_64-pc-windows-msvc", "wasm32-wasip1"] {
            assert!(
                package(&product(target, Needs::default())).unwrap().is_none(),
                "{target}"
            );
        }
        assert_eq!(architecture("armv7-unknown-linux-gnueabihf"), Some("armhf"));
    }
}
