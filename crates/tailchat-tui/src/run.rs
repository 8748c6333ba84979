//! The loop: turns what happens into events, carries out commands, draws what changed. It decides nothing, and a
//! key never waits for the node.

mod asking;
#[cfg_attr(windows, path = "run/ctrl_c.rs")]
mod signals;
mod watch;

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crossterm::event::{Event as Input, EventStream};
use futures_util::StreamExt as _;
use jiff::Timestamp;
use tailchat_node::control::Failure;
use tokio::time::{Instant, sleep, timeout_at};

use crate::command::Command;
use crate::event::Event;
use crate::model::{Model, Taste};
use crate::notice::Channel;
use crate::settings::{Edit, Settings};
use crate::terminal::Terminal;
use crate::update::{first_questions, update};
use crate::view;
use asking::Asking;
use signals::{Heard, Signals};
use watch::{Told, Watch};

/// However much comes in, the screen follows at least so often.
const FRAME: Duration = Duration::from_millis(16);
/// What was asked before the end is waited for so long.
const LAST_ANSWERS: Duration = Duration::from_secs(3);

/// Why the UI ended other than by its user.
#[derive(Debug, thiserror::Error)]
pub enum TuiError {
    /// The terminal.
    #[error("the terminal cannot be used: {0}")]
    Terminal(#[from] io::Error),
    /// The node.
    #[error(transparent)]
    Node(#[from] Failure),
    /// A signal, by its number.
    #[error("stopped by signal {0}")]
    Stopped(u8),
}

/// Runs the UI until its user ends it; a node of its own is closed then.
///
/// # Errors
/// [`TuiError`]; whatever was sent before is safe, and the terminal is as it was.
pub async fn run(settings: Settings) -> Result<(), TuiError> {
    let (mut watch, asking) = Watch::open(settings.attach).await?;
    let signals = Signals::watch()?;
    let preferences = settings.preferences;
    let channel = settings.channel;
    let terminal = Terminal::take(preferences.mouse, channel.window)?;
    let size = terminal.size()?;
    let taste = Taste {
        keys: preferences.keys,
        theme: preferences.theme,
        zone: settings.zone,
        utf8: settings.utf8,
        notify: preferences.notify,
        words: preferences.words,
        typing: preferences.typing,
        time: preferences.time,
        fold: preferences.fold,
        picture: settings.picture,
    };
    let mut ui = Ui {
        model: Model::new(taste, size, now_ms()),
        terminal,
        inputs: Some(EventStream::new()),
        signals,
        asking,
        edit: settings.edit,
        channel,
        told: None,
        ended: false,
    };
    let mut ended = ui.turn(&mut watch).await;
    let Ui {
        terminal,
        asking,
        told,
        model,
        ..
    } = ui;
    // The screen is the shell's again while the last words reach the node.
    drop(terminal);
    let parted = last_words(model, asking, ended.is_err()).await;
    let closed = watch.close().await;
    if let Some(signal) = told {
        ended = ended.and(Err(TuiError::Stopped(signal)));
    }
    parted.map_or(ended, |failure| Err(failure.into()))?;
    Ok(closed?)
}

/// Lets what a person did reach the node, within bounds; a post that fails becomes a draft. Gives why there is no
/// node any more.
async fn last_words(mut model: Model, mut asking: Asking, failed: bool) -> Option<Failure> {
    let until = Instant::now() + LAST_ANSWERS;
    // Where the terminal failed, what was written is not with the node yet.
    let mut next = failed.then_some(Event::Told);
    loop {
        if let Some(event) = next.take() {
            for command in update(&mut model, event, now_ms()) {
                if let Command::Ask(question) = command {
                    asking.ask(question);
                }
            }
        }
        if !asking.is_doing() {
            return model.parted;
        }
        match timeout_at(until, asking.answer()).await {
            Ok((question, answer)) => next = Some(Event::Answered { question, answer }),
            // Who does not answer in time does not answer before the end.
            Err(_) => return model.parted,
        }
    }
}

struct Ui {
    model: Model,
    terminal: Terminal,
    /// None while another program has the terminal.
    inputs: Option<EventStream>,
    signals: Signals,
    asking: Asking,
    edit: Option<Edit>,
    channel: Channel,
    /// The signal that ended the program.
    told: Option<u8>,
    ended: bool,
}

/// What woke the loop.
enum Wake {
    Heard(Heard),
    Input(Option<io::Result<Input>>),
    Answered(Box<Event>),
    Told(Box<Told>),
    Due,
}

impl Ui {
    /// Wait, take in all that waits already, draw.
    async fn turn(&mut self, watch: &mut Watch) -> Result<(), TuiError> {
        self.carry_out(first_questions())?;
        self.draw()?;
        while !self.ended {
            let wake = self.wait(watch).await;
            let woken = Instant::now();
            self.woken(wake).await?;
            while !self.ended && woken.elapsed() < FRAME {
                let waiting = at_once(self.wait(watch)).await;
                match waiting {
                    Some(wake) => self.woken(wake).await?,
                    None => break,
                }
            }
            if !self.ended {
                self.draw()?;
            }
        }
        Ok(())
    }

    /// Waits for whatever comes first. Cancel-safe: all it waits for is.
    async fn wait(&mut self, watch: &mut Watch) -> Wake {
        let now = now_ms();
        let wakes_at = self.model.wakes_at_ms();
        let pause = wakes_at.map_or(0, |at| u64::try_from(at.saturating_sub(now)).unwrap_or(0));
        let inputs = self.inputs.get_or_insert_with(EventStream::new);
        tokio::select! {
            biased;
            heard = self.signals.next() => Wake::Heard(heard),
            input = inputs.next() => Wake::Input(input),
            (question, answer) = self.asking.answer() => {
                Wake::Answered(Box::new(Event::Answered { question, answer }))
            }
            told = watch.next() => Wake::Told(Box::new(told)),
            () = sleep(Duration::from_millis(pause)), if wakes_at.is_some() => Wake::Due,
        }
    }

    async fn woken(&mut self, wake: Wake) -> Result<(), TuiError> {
        let event = match wake {
            Wake::Answered(event) => *event,
            Wake::Due => Event::Ticked,
            Wake::Told(told) => self.told(*told).await?,
            Wake::Heard(heard) => self.heard(heard)?,
            Wake::Input(Some(Ok(input))) => translated(input),
            // The terminal is gone.
            Wake::Input(Some(Err(_)) | None) => self.heard(Heard::End(1))?,
        };
        self.take(event)
    }

    fn heard(&mut self, heard: Heard) -> Result<Event, TuiError> {
        Ok(match heard {
            Heard::End(signal) => {
                self.told = Some(signal);
                Event::Told
            }
            Heard::Stop => {
                self.inputs = None;
                self.terminal.suspend()?;
                Event::Resumed
            }
            Heard::Continue => Event::Resumed,
        })
    }

    /// What the watch tells; another node is asked for what the one before did not answer.
    async fn told(&mut self, told: Told) -> Result<Event, TuiError> {
        Ok(match told {
            Told::Item(item) => Event::Watched(item),
            Told::Anew => Event::WatchedAnew,
            Told::Orphaned(why) => Event::Orphaned(why),
            Told::Parted(failure) => Event::Parted(failure),
            Told::Rejoined(asking) => {
                let mut before = std::mem::replace(&mut self.asking, asking);
                let until = Instant::now() + LAST_ANSWERS;
                while before.is_asking() {
                    let Ok((question, answer)) = timeout_at(until, before.answer()).await else {
                        break;
                    };
                    self.take(Event::Answered { question, answer })?;
                }
                Event::Rejoined
            }
        })
    }

    fn take(&mut self, event: Event) -> Result<(), TuiError> {
        if let Event::Resized { columns, rows } = &event {
            self.terminal.resize(*columns, *rows)?;
        }
        let commands = update(&mut self.model, event, now_ms());
        self.carry_out(commands)
    }

    fn carry_out(&mut self, commands: Vec<Command>) -> Result<(), TuiError> {
        for command in commands {
            match command {
                Command::Ask(question) => self.asking.ask(question),
                Command::Copy(text) => match self.channel.copy(&text) {
                    Ok(bytes) => self.terminal.emit(&bytes)?,
                    Err(why) => self.take(Event::NotCopied(why))?,
                },
                Command::Notify { title, body } => {
                    let bytes = self.channel.notice(&title, &body);
                    self.terminal.emit(&bytes)?;
                }
                Command::Title(title) => {
                    let bytes = self.channel.title(&title);
                    self.terminal.emit(&bytes)?;
                }
                Command::Edit(text) => self.edit(&text)?,
                Command::Suspend => {
                    self.inputs = None;
                    self.terminal.suspend()?;
                    self.take(Event::Resumed)?;
                }
                Command::Redraw => {
                    self.terminal.retake()?;
                    let (columns, rows) = self.terminal.size()?;
                    self.take(Event::Resized { columns, rows })?;
                }
                Command::Quit => self.ended = true,
            }
        }
        Ok(())
    }

    fn edit(&mut self, text: &str) -> Result<(), TuiError> {
        let Some(edit) = &mut self.edit else {
            return self.take(Event::Edited(Err("there is no editor to start".to_owned())));
        };
        self.inputs = None;
        let written = self.terminal.lend(|| edit(text))?;
        // What the keyboard told the editor was not meant for us.
        self.signals.forget_keys()?;
        self.take(Event::Edited(written))
    }

    fn draw(&mut self) -> Result<(), TuiError> {
        // A size that was told in the same moment as a key may not have come as an event.
        let (columns, rows) = self.terminal.size()?;
        if (columns, rows) != (self.model.columns, self.model.rows) {
            self.take(Event::Resized { columns, rows })?;
        }
        let model = &self.model;
        Ok(self.terminal.draw(|frame| view::draw(model, frame))?)
    }
}

fn translated(input: Input) -> Event {
    match input {
        Input::Key(key) => Event::Key(key),
        Input::Paste(text) => Event::Pasted(text),
        Input::Mouse(mouse) => Event::Mouse(mouse),
        Input::Resize(columns, rows) => Event::Resized { columns, rows },
        Input::FocusGained => Event::Focused(true),
        Input::FocusLost => Event::Focused(false),
    }
}

/// What is ready already; nothing more is waited for. With the task's own waker: the terminal's stream keeps the one
/// that it was asked with last.
async fn at_once<T>(waiting: impl Future<Output = T>) -> Option<T> {
    let mut waiting = pin!(waiting);
    poll_fn(|cx| {
        Poll::Ready(match waiting.as_mut().poll(cx) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}

/// Now, in milliseconds since 1970.
fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}
