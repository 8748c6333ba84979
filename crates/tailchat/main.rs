//! The command line: parses, asks a node, prints. Knows no protocol, no file format and no document; what a room
//! is and how it spreads stands behind `tailchat-node`.

mod args;
mod commands;
mod editor;
mod export;
mod logging;
mod print;
mod private;
mod qr;
mod reach;
mod time;

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use tailchat_node::control::{Failure, Request};

use args::{Cli, Command, Everywhere, PeersCommand};
use print::{Output, ReaderGone, Told};
use reach::Stopped;

fn main() -> ExitCode {
    commands::shell::complete();
    let cli = Cli::parse();
    let mut out = Output::new(cli.everywhere.json, cli.everywhere.quiet);
    let done = begin_log(&cli).and_then(|()| run(cli, &mut out));
    // What was printed before a failure is true, too.
    let done = done.and(out.flush());
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => ended(&error, &out),
    }
}

/// Tells why, unless there is nothing to tell, and chooses the exit code.
fn ended(error: &anyhow::Error, out: &Output) -> ExitCode {
    if error.is::<ReaderGone>() {
        return ExitCode::SUCCESS;
    }
    if let Some(Told(code)) = error.downcast_ref() {
        return ExitCode::from(*code as u8);
    }
    if let Some(stopped) = error.downcast_ref::<Stopped>() {
        return ExitCode::from(stopped.exit_code());
    }
    out.problem(&format!("{error:#}"));
    match error.downcast_ref::<Failure>() {
        Some(failure) => ExitCode::from(failure.code as u8),
        None => ExitCode::FAILURE,
    }
}

/// The screen is no place for a log.
fn begin_log(cli: &Cli) -> Result<()> {
    let file = match &cli.command {
        Some(Command::Serve(args)) => args.log.as_deref(),
        None if commands::ui::has_terminal() => return Ok(()),
        _ => None,
    };
    logging::begin(&cli.everywhere, file)
}

fn run(cli: Cli, out: &mut Output) -> Result<()> {
    let Some(command) = cli.command else {
        return match commands::ui::has_terminal() {
            true => run_ui(&cli.everywhere),
            false => commands::first_minute(out),
        };
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the program's threads cannot be started")?;
    let done = runtime.block_on(dispatch(command, &cli.everywhere, out));
    // Whatever a node of our own had to finish, its clean stop finished.
    runtime.shutdown_background();
    done
}

/// The screen has this thread, whatever a node of our own does meanwhile has another.
fn run_ui(everywhere: &Everywhere) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("the program's threads cannot be started")?;
    let done = runtime.block_on(commands::ui::ui(everywhere));
    runtime.shutdown_background();
    done
}

async fn dispatch(command: Command, everywhere: &Everywhere, out: &mut Output) -> Result<()> {
    match command {
        Command::New(args) => commands::rooms::new(args, everywhere, out).await,
        Command::Join(args) => commands::join::join(args, everywhere, out).await,
        Command::Rooms => commands::rooms::rooms(everywhere, out).await,
        Command::Leave(args) => commands::rooms::leave(args, everywhere, out).await,
        Command::Members(args) => commands::rooms::members(args, everywhere, out).await,
        Command::Send(args) => commands::send::send(args, everywhere, out).await,
        Command::Read(args) => commands::rooms::read(args, everywhere, out).await,
        Command::Edit(args) => commands::amend::edit(args, everywhere).await,
        Command::Delete(args) => commands::amend::delete(args, everywhere).await,
        Command::React(args) => commands::amend::react(args, everywhere).await,
        Command::Pin(args) => commands::amend::pin(args, everywhere).await,
        Command::Pins(args) => commands::log::pins(args, everywhere, out).await,
        Command::Topic(args) => commands::room::topic(args, everywhere, out).await,
        Command::Rename(args) => commands::room::rename(args, everywhere).await,
        Command::Alias(args) => commands::room::alias(args, everywhere).await,
        Command::Ignore(args) => commands::room::ignore(args, everywhere).await,
        Command::Mute(args) => commands::room::mute(args, everywhere).await,
        Command::Show(args) => commands::show::show(args, everywhere, out).await,
        Command::Search(args) => commands::search::search(args, everywhere, out).await,
        Command::Log(args) => commands::log::log(args, everywhere, out).await,
        Command::Import(args) => commands::import::import(args, everywhere, out).await,
        Command::Export(args) => commands::export::export(args, everywhere, out).await,
        Command::Bundle(args) => commands::bundle::bundle(args, everywhere, out).await,
        Command::Merge(args) => commands::bundle::merge(args, everywhere, out).await,
        Command::Peers(args) => match args.command {
            None => commands::peers::list(everywhere, out).await,
            Some(PeersCommand::Add { addr }) => {
                commands::peers::change(Request::AddPeer { addr }, everywhere, out).await
            }
            Some(PeersCommand::Forget { addr }) => {
                commands::peers::change(Request::ForgetPeer { addr }, everywhere, out).await
            }
        },
        Command::Status(args) => commands::status::status(args, everywhere, out).await,
        Command::Doctor => commands::doctor::doctor(everywhere, out).await,
        Command::Serve(_) => commands::serve::serve(everywhere, out).await,
        Command::Service(args) => commands::service::service(&args.command, everywhere, out),
        Command::Completions(args) => commands::shell::completions(&args, out),
        Command::Man(args) => commands::shell::man(&args, out),
        Command::Check(args) => commands::check::check(args, everywhere, out).await,
        Command::Demo => commands::demo::demo(out).await,
        Command::Link(args) => commands::link::link(args, everywhere, out).await,
        Command::Name(args) => commands::name(args, everywhere, out).await,
    }
}
