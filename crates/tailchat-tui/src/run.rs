//! The loop: turns what happens into events, carries out commands, draws what changed. It decides nothing, and a
//! key never waits for the node.

mod asking;
mod signals;

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crossterm::event::{Event as Input, EventStream};
use futures_util::StreamExt as _;
use jiff::Timestamp;
use tailchat_node::client::Client;
use tailchat_node::control::{Answer, Code, Failure, Request};
use tokio::time::{Instant, sleep};

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

/// However much comes in, the screen follows at least so often.
const FRAME: Duration = Duration::from_millis(16);
/// A watch that ends sooner is not asked for again.
const WATCH_MIN: Duration = Duration::from_secs(5);
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

/// Runs the UI until its user ends it; the client is closed then, and a node of its own with it.
///
/// # Errors
/// [`TuiError`]; whatever was sent before is safe, and the terminal is as it was.
pub async fn run(mut client: Client, settings: Settings) -> Result<(), TuiError> {
    let asking = Asking::open(&client).await?;
    client.request(Request::Watch).await?;
    let ended = live(&mut client, asking, settings).await;
    let closed = client.close().await;
    ended?;
    Ok(closed?)
}

async fn live(client: &mut Client, asking: Asking, settings: Settings) -> Result<(), TuiError> {
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
        time: preferences.time,
        fold: preferences.fold,
        picture: settings.picture,
    };
    let model = Model::new(taste, size, now_ms());
    let mut ui = Ui {
        model,
        terminal,
        inputs: Some(EventStream::new()),
        signals,
        asking,
        watched_since: Instant::now(),
        edit: settings.edit,
        channel,
        told: None,
        ended: false,
    };
    let ended = ui.turn(client).await;
    let Ui {
        terminal,
        asking,
        told,
        mut model,
        ..
    } = ui;
    // The screen is the shell's again while the last words reach the node.
    drop(terminal);
    asking.finish(LAST_ANSWERS).await;
    ended?;
    match (model.parted.take(), told) {
        (Some(failure), _) => Err(failure.into()),
        (None, Some(signal)) => Err(TuiError::Stopped(signal)),
        (None, None) => Ok(()),
    }
}

struct Ui {
    model: Model,
    terminal: Terminal,
    /// None while another program has the terminal.
    inputs: Option<EventStream>,
    signals: Signals,
    asking: Asking,
    watched_since: Instant,
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
    Watch(Result<Answer, Failure>),
    Due,
}

impl Ui {
    /// Wait, take in all that waits already, draw.
    async fn turn(&mut self, client: &mut Client) -> Result<(), TuiError> {
        self.carry_out(first_questions())?;
        self.draw()?;
        while !self.ended {
            let wake = self.wait(client).await;
            let woken = Instant::now();
            self.woken(client, wake).await?;
            while !self.ended && woken.elapsed() < FRAME {
                let waiting = at_once(self.wait(client)).await;
                match waiting {
                    Some(wake) => self.woken(client, wake).await?,
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
    async fn wait(&mut self, client: &mut Client) -> Wake {
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
            answer = client.next() => Wake::Watch(answer),
            () = sleep(Duration::from_millis(pause)), if wakes_at.is_some() => Wake::Due,
        }
    }

    async fn woken(&mut self, client: &mut Client, wake: Wake) -> Result<(), TuiError> {
        let event = match wake {
            Wake::Answered(event) => *event,
            Wake::Due => Event::Ticked,
            Wake::Watch(answer) => self.watched(client, answer).await,
            Wake::Heard(heard) => self.heard(heard)?,
            Wake::Input(Some(input)) => translated(input?),
            // The terminal is gone.
            Wake::Input(None) => self.heard(Heard::End(1))?,
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

    /// A watch that ended, as one does that fell far behind, begins anew; what it missed is asked for.
    async fn watched(&mut self, client: &mut Client, answer: Result<Answer, Failure>) -> Event {
        let failure = match answer {
            Ok(Answer::Item(item)) => return Event::Watched(item),
            Ok(Answer::Done) => Failure::new(Code::Failed, "the node tells nothing more; restart tailchat"),
            Ok(Answer::Failed(failure)) => failure,
            Err(gone) => return Event::Parted(gone),
        };
        if self.watched_since.elapsed() < WATCH_MIN {
            return Event::Parted(failure);
        }
        self.watched_since = Instant::now();
        match client.request(Request::Watch).await {
            Ok(()) => Event::WatchedAnew,
            Err(gone) => Event::Parted(gone),
        }
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
