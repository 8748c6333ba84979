//! Commands that a person wants run when a message comes. What peers write reaches them as data, never through a shell.
//! Knows the control protocol, not the node.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use etcetera::BaseStrategy as _;
use fs_err as fs;
use serde::Deserialize;
use tailchat_core::{mention, text};
use tailchat_node::client::Client;
use tailchat_node::control::{Answer, Code, Failure, Item, MessageItem, MessageKind, Request, RoomItem};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::task::JoinSet;

use super::log::object;
use crate::print::json_line;

/// How long a command may take; then it is killed.
const HOOK_WITHIN: Duration = Duration::from_secs(10);
/// Commands that run at a time.
const HOOKS_AT_ONCE: usize = 4;
/// Commands that wait for others to end. Of more, the oldest is not run.
const HOOKS_WAITING: usize = 64;

/// Bytes of one argument. A longer one is cut: a system takes less than a message may grow to when what drives terminals is
/// made visible, and all of it is on standard input.
const ARGUMENT_LEN_MAX: usize = 64 * 1024;

/// The file `hooks.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hooks {
    #[serde(default)]
    hook: Vec<Hook>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hook {
    on: On,
    /// The only room, by name or ID.
    room: Option<String>,
    run: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum On {
    /// Every message of somebody else.
    Message,
    /// Those with `@` and our name.
    Mention,
}

impl Hooks {
    /// What the person wants: `tailchat/hooks.toml` in the XDG configuration folder; nothing has to be there.
    ///
    /// # Errors
    /// [`Failure`] with the place of a mistake.
    pub(crate) fn read() -> Result<Self> {
        let Ok(places) = etcetera::base_strategy::Xdg::new() else {
            return Ok(Self::default());
        };
        Self::read_at(&places.config_dir().join("tailchat").join("hooks.toml"))
    }

    fn read_at(path: &Path) -> Result<Self> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(err) => return Err(err).context("your hooks cannot be read; mend or remove that file"),
        };
        let hooks: Self = toml::from_str(&text).map_err(|err| wrong(path, &err.to_string()))?;
        if hooks
            .hook
            .iter()
            .any(|hook| hook.run.first().is_none_or(String::is_empty))
        {
            return Err(wrong(path, "`run` needs a program: run = [\"notify-send\", \"{text}\"]").into());
        }
        Ok(hooks)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.hook.is_empty()
    }

    /// Runs them for what is shown from now on, until the node is gone.
    ///
    /// # Errors
    /// [`Failure`] if the node is gone.
    pub(crate) async fn run(&self, mut client: Client, mut asked: Client) -> Result<(), Failure> {
        let mut watch = Watch::default();
        let mut running = Running::default();
        client.request(Request::Watch).await?;
        loop {
            let answer = tokio::select! {
                answer = client.next() => answer?,
                () = running.next() => continue,
            };
            match answer {
                Answer::Item(Item::Room(room)) => drop(watch.rooms.insert(room.room.clone(), room)),
                Answer::Item(Item::Shown(shown)) if shown.messages.is_empty() => {
                    tracing::info!("{} messages came at once; no hook runs for them", shown.lines);
                }
                Answer::Item(Item::Shown(shown)) => {
                    watch.name = asked.hello().await?.name;
                    let calls = shown
                        .messages
                        .iter()
                        .flat_map(|message| self.calls(&watch, message));
                    calls.for_each(|call| running.push(call));
                }
                Answer::Item(_) => {}
                Answer::Done => return Ok(()),
                Answer::Failed(failure) => return Err(failure),
            }
        }
    }

    /// What runs for a message.
    fn calls(&self, watch: &Watch, message: &MessageItem) -> Vec<Call> {
        let Some(room) = watch.rooms.get(&message.room).filter(|room| !room.muted) else {
            return Vec::new();
        };
        let said = matches!(message.kind, MessageKind::Text | MessageKind::Action);
        if !said || message.mine || !message.unread || message.ignored || message.deleted {
            return Vec::new();
        }
        let names = mention::mentions(&message.text, &watch.name);
        let wanted = |hook: &&Hook| {
            let here = hook
                .room
                .as_ref()
                .is_none_or(|name| *name == room.name || *name == room.room);
            here && (hook.on == On::Message || names)
        };
        let hooks = self.hook.iter().filter(wanted);
        hooks
            .filter_map(|hook| Call::of(hook, room, message).ok())
            .collect()
    }
}

/// What is known of the rooms and of us.
#[derive(Default)]
struct Watch {
    rooms: BTreeMap<String, RoomItem>,
    name: String,
}

/// A command line, and what it reads.
#[derive(Debug, PartialEq, Eq)]
struct Call {
    words: Vec<String>,
    input: String,
}

impl Call {
    fn of(hook: &Hook, room: &RoomItem, message: &MessageItem) -> Result<Self> {
        // A command may print what it gets: no control characters.
        let (name, author) = (text::name(&room.name), text::name(&message.author));
        let said = text::visible(&message.text);
        let values = [
            ("{room}", name.as_str()),
            ("{author}", author.as_str()),
            ("{text}", said.as_ref()),
            ("{id}", message.id.as_str()),
        ];
        Ok(Self {
            words: hook.run.iter().map(|word| filled(word, &values)).collect(),
            input: json_line(&object(message))?,
        })
    }

    /// Runs it to its end, and says why if it is no good one.
    async fn run(self) -> Result<(), String> {
        let (program, args) = self.words.split_first().ok_or("there is no program")?;
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|err| format!("{program:?} cannot be run: {err}"))?;
        let stdin = child.stdin.take();
        let ended = async {
            if let Some(mut stdin) = stdin {
                // It need not read.
                let _ = stdin.write_all(self.input.as_bytes()).await;
            }
            child.wait().await
        };
        match tokio::time::timeout(HOOK_WITHIN, ended).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(format!("{program:?} ended with {status}")),
            Ok(Err(err)) => Err(format!("{program:?} cannot be waited for: {err}")),
            Err(_) => Err(format!(
                "{program:?} took more than {HOOK_WITHIN:?} and was killed"
            )),
        }
    }
}

/// Puts values in for their names, each once: what stands in a value is no name.
fn filled(word: &str, values: &[(&str, &str)]) -> String {
    let (mut filled, mut rest) = (String::new(), word);
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        filled.push_str(before);
        match values
            .iter()
            .find_map(|(name, value)| Some((from.strip_prefix(name)?, value)))
        {
            Some((behind, value)) => {
                filled.push_str(value);
                rest = behind;
            }
            None => {
                filled.push('{');
                rest = from.strip_prefix('{').unwrap_or_default();
            }
        }
    }
    filled.push_str(rest);
    let mut len = filled.len().min(ARGUMENT_LEN_MAX);
    while !filled.is_char_boundary(len) {
        len -= 1;
    }
    filled.truncate(len);
    filled
}

/// Commands at work, and those that wait.
#[derive(Default)]
struct Running {
    at_work: JoinSet<Result<(), String>>,
    waiting: VecDeque<Call>,
}

impl Running {
    fn push(&mut self, call: Call) {
        self.waiting.push_back(call);
        self.fill();
        if self.waiting.len() > HOOKS_WAITING {
            self.waiting.pop_front();
            tracing::warn!("hooks are slower than messages come; the oldest that waited is not run");
        }
    }

    fn fill(&mut self) {
        while self.at_work.len() < HOOKS_AT_ONCE
            && let Some(call) = self.waiting.pop_front()
        {
            self.at_work.spawn(call.run());
        }
    }

    /// Waits until one has ended; for ever, if none is at work. Cancel-safe.
    async fn next(&mut self) {
        match self.at_work.join_next().await {
            None => std::future::pending().await,
            Some(Ok(Ok(()))) => {}
            Some(Ok(Err(why))) => tracing::warn!("a hook failed: {why}"),
            Some(Err(err)) => tracing::warn!("a hook failed: {err}"),
        }
        self.fill();
    }
}

fn wrong(path: &Path, why: &str) -> Failure {
    Failure::new(Code::Usage, format!("{}: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_peers_write_is_never_a_name_and_never_a_word_of_its_own() {
        let values = [
            ("{text}", "{author} $(reboot) ; \"x\" 'y'"),
            ("{author}", "{text}"),
        ];
        let word = |word| filled(word, &values);
        assert_eq!(word("{text}"), "{author} $(reboot) ; \"x\" 'y'");
        assert_eq!(
            word("<{author}> {text}!"),
            "<{text}> {author} $(reboot) ; \"x\" 'y'!"
        );
        assert_eq!(
            word("{none} {{text} {"),
            "{none} {{author} $(reboot) ; \"x\" 'y' {"
        );
    }

    #[test]
    fn an_argument_is_never_longer_than_a_system_takes() {
        let long = "\u{fc}".repeat(ARGUMENT_LEN_MAX);
        let word = filled("x{text}{text}", &[("{text}", &long)]);
        assert!(word.len() <= ARGUMENT_LEN_MAX && word.len() > ARGUMENT_LEN_MAX - 4);
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hooks.toml");
        assert!(Hooks::read_at(&path).unwrap().is_empty());
        for (text, told) in [
            ("[[hook]]\non = \"mention\"\nrun = []\n", "needs a program"),
            ("[[hook]]\non = \"often\"\nrun = [\"x\"]\n", "line 2"),
            ("[[hook]]\nun = \"x\"\n", "line 2"),
        ] {
            fs::write(&path, text).unwrap();
            let why = format!("{:#}", Hooks::read_at(&path).unwrap_err());
            assert!(why.contains(told) && why.contains("hooks.toml"), "{why}");
        }
    }
}
