//! A person's own editor on a text. Knows a temporary file and a program, not what the text is for.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use fs_err::File;

use crate::private;

/// Bytes of what comes back; the input refuses less.
const TEXT_LEN_MAX: u64 = 1 << 20;

/// Runs `$VISUAL` or `$EDITOR` on the text; gives what was written.
///
/// # Errors
/// Why there is nothing, in words for people.
pub(crate) fn edit(text: &str) -> Result<String, String> {
    let named = ["VISUAL", "EDITOR"];
    let editor = named
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|editor| !editor.trim().is_empty());
    let editor = editor.unwrap_or_else(|| "vi".to_owned());
    let file = Temporary::with(text).map_err(|error| format!("no editor was started: {error}"))?;
    let ended = Command::new("sh")
        .arg("-c")
        // The person's own words, as git takes them: an editor may have options.
        // It is not stopped alone, with nobody at the keyboard to wake it: editors start a shell then.
        .arg(format!("trap '' TSTP; {editor} \"$1\""))
        .arg("sh")
        .arg(&file.path)
        .status()
        .map_err(|error| format!("{editor} does not start: {error}; set EDITOR to one that does"))?;
    if !ended.success() {
        return Err(format!("{editor} ended with {ended}; the text is as it was"));
    }
    read(&file.path).map_err(|error| format!("what was written cannot be read: {error}"))
}

/// A file that only this person can read, until it is dropped.
struct Temporary {
    path: PathBuf,
}

impl Temporary {
    fn with(text: &str) -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("tailchat-{}.md", std::process::id()));
        // One that is left of an earlier process with this number, and of nobody else: the folder may be shared.
        let _ = fs_err::remove_file(&path);
        let mut file = private::file().write(true).create_new(true).open(&path)?;
        let temporary = Self { path };
        file.write_all(text.as_bytes())?;
        Ok(temporary)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // The editor may have moved it.
        let _ = fs_err::remove_file(&self.path);
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(TEXT_LEN_MAX).read_to_string(&mut text)?;
    Ok(text)
}
