//! The one module that touches the terminal: takes it, draws on it, gives it back as it was, whatever ends the
//! program. Knows no room and no key's meaning.

use std::io::{self, Stdout, Write as _};
use std::panic;
use std::sync::{Mutex, Once, PoisonError};
use std::thread::{self, ThreadId};

use crossterm::cursor::Show;
use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste, EnableFocusChange,
    EnableMouseCapture,
};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode, size,
};
use crossterm::{execute, queue};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Frame, TerminalOptions, Viewport};
#[cfg(unix)]
use rustix::process::{Signal, kill_current_process_group};

use crate::notice::{TITLE_KEEP, TITLE_RESTORE};

/// Panics of other threads that are told when the terminal is given back, at most.
const MISSED_MAX: usize = 8;

/// The thread that holds the terminal, and what other threads had to say meanwhile.
static HOLDER: Mutex<Holder> = Mutex::new(Holder {
    thread: None,
    title: false,
    missed: Vec::new(),
});
static HOOK: Once = Once::new();

struct Holder {
    thread: Option<ThreadId>,
    /// Whether its title was kept aside and has to come back.
    title: bool,
    missed: Vec<String>,
}

/// The terminal while it is ours. Dropping it gives it back.
pub(crate) struct Terminal {
    screen: ratatui::Terminal<CrosstermBackend<Stdout>>,
    mouse: bool,
}

impl Terminal {
    /// Takes the terminal, with its title if it has one.
    pub(crate) fn take(mouse: bool, title: bool) -> io::Result<Self> {
        HOOK.call_once(hook_panics);
        let (columns, rows) = size()?;
        enter(mouse)?;
        if title {
            holder().title = true;
            io::stdout().write_all(TITLE_KEEP)?;
        }
        let viewport = Viewport::Fixed(Rect::new(0, 0, columns, rows));
        let backend = CrosstermBackend::new(io::stdout());
        match ratatui::Terminal::with_options(backend, TerminalOptions { viewport }) {
            Ok(screen) => Ok(Self { screen, mouse }),
            Err(error) => {
                give_back();
                Err(error)
            }
        }
    }

    /// Columns and rows, as the terminal has them now.
    pub(crate) fn size(&self) -> io::Result<(u16, u16)> {
        size()
    }

    /// Draws what changed, all at once where the terminal can do that.
    pub(crate) fn draw(&mut self, draw: impl FnOnce(&mut Frame)) -> io::Result<()> {
        queue!(io::stdout(), BeginSynchronizedUpdate)?;
        let drawn = self.screen.draw(draw).map(|_| ());
        execute!(io::stdout(), EndSynchronizedUpdate)?;
        drawn
    }

    /// From now on the screen has this size.
    pub(crate) fn resize(&mut self, columns: u16, rows: u16) -> io::Result<()> {
        self.screen.resize(Rect::new(0, 0, columns, rows))
    }

    /// Takes the terminal anew: anything may have happened to it.
    pub(crate) fn retake(&mut self) -> io::Result<()> {
        // It may be in the mode that a shell has set since.
        disable_raw_mode()?;
        enter(self.mouse)?;
        let (columns, rows) = size()?;
        // Also clears; `clear` of its own would ask the terminal where the cursor is, and wait for an answer.
        self.screen.resize(Rect::new(0, 0, columns, rows))
    }

    /// Writes control sequences that draw nothing: a notice, the clipboard, the title.
    pub(crate) fn emit(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut out = io::stdout();
        out.write_all(bytes)?;
        out.flush()
    }

    /// Gives the terminal to another program for a while.
    pub(crate) fn lend<T>(&mut self, borrow: impl FnOnce() -> T) -> io::Result<T> {
        give_back();
        let outcome = borrow();
        self.retake()?;
        Ok(outcome)
    }

    /// Gives the terminal back and stops until the shell lets the program go on.
    #[cfg(unix)]
    pub(crate) fn suspend(&mut self) -> io::Result<()> {
        let stopped = self.lend(|| kill_current_process_group(Signal::STOP))?;
        stopped.map_err(io::Error::from)
    }

    /// No shell stops programs here.
    #[cfg(not(unix))]
    pub(crate) fn suspend(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back();
        restore_title();
        let missed = std::mem::take(&mut holder().missed);
        for words in missed {
            // A stderr that is gone cannot be told so.
            let _ = writeln!(io::stderr(), "tailchat: {words}");
        }
    }
}

fn holder() -> std::sync::MutexGuard<'static, Holder> {
    HOLDER.lock().unwrap_or_else(PoisonError::into_inner)
}

fn enter(mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    holder().thread = Some(thread::current().id());
    let mut out = io::stdout();
    let entered = execute!(out, EnterAlternateScreen, EnableBracketedPaste, EnableFocusChange);
    let entered = entered.and_then(|()| match mouse {
        true => execute!(out, EnableMouseCapture),
        false => Ok(()),
    });
    if entered.is_err() {
        give_back();
    }
    entered
}

/// Undoes all that [`enter`] did. A terminal that is gone cannot be given back.
fn give_back() {
    if holder().thread.take().is_none() {
        return;
    }
    let mut out = io::stdout();
    let _ = execute!(
        out,
        EndSynchronizedUpdate,
        DisableMouseCapture,
        DisableFocusChange,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        Show
    );
    let _ = disable_raw_mode();
}

/// A terminal that is gone has no title.
fn restore_title() {
    if std::mem::take(&mut holder().title) {
        let mut out = io::stdout();
        let _ = out.write_all(TITLE_RESTORE).and_then(|()| out.flush());
    }
}

/// A panic of the thread that holds the terminal gives it back before anything is said. One of another thread is
/// caught there; its words would only stand across the screen, so they wait.
fn hook_panics() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let held_by = holder().thread;
        match held_by {
            Some(thread) if thread == thread::current().id() => {
                give_back();
                restore_title();
                before(info);
            }
            Some(_) => {
                let missed = &mut holder().missed;
                if missed.len() < MISSED_MAX {
                    missed.push(info.to_string());
                }
            }
            None => before(info),
        }
    }));
}
