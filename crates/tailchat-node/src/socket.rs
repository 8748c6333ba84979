//! The local socket: where it is, who may use it, and the two ends of a connection on it. Knows lines and
//! pages, nothing of what they say.

#[cfg_attr(unix, path = "socket/unix.rs")]
#[cfg_attr(windows, path = "socket/windows.rs")]
mod place;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fs_err as fs;
use futures_util::{SinkExt, StreamExt};
use tokio::sync::{mpsc, oneshot};
use tokio_util::codec::{Framed, LinesCodec};
use tokio_util::sync::CancellationToken;

pub(crate) use place::{Listener, listen};
use place::{Stream, place_of};

use crate::control::{Answer, Code, Failure, Request};
use crate::session::{Ask, SessionId, Sessions};

/// Bytes of one line, either way. A longer request ends the connection with a word.
const LINE_LEN_MAX: usize = 16 * 1024 * 1024;
/// What a node says on each connection before it stops: no answer, so what was asked and has none was not done.
pub(crate) const STOPPING: &str = "\"stopping\"";
/// How long a node that stops waits until a client has heard so; one that does not listen does not keep it.
const TOLD_WITHIN: Duration = Duration::from_millis(300);
/// Clients at once; a further one waits until another leaves.
const CLIENTS_MAX: usize = 256;

pub(crate) type Lines = Framed<Stream, LinesCodec>;

/// Where the node of a data folder listens for programs: a short path, since sockets' stop at 108 bytes.
pub(crate) fn path_of(data: &Path) -> PathBuf {
    let data = fs::canonicalize(data)
        .or_else(|_| std::path::absolute(data))
        .unwrap_or_else(|_| data.to_owned());
    let hash = blake3::hash(data.as_os_str().as_encoded_bytes());
    let name: String = hash
        .as_bytes()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    place_of(&name)
}

/// Connects to the node that listens there, if there is one.
pub(crate) async fn connect(path: &Path) -> Option<Lines> {
    let stream = place::connect(path).await.ok()?;
    Some(Framed::new(stream, LinesCodec::new_with_max_length(LINE_LEN_MAX)))
}

/// Serves programs until `stop`.
pub(crate) async fn serve(
    mut listener: Listener,
    asks: mpsc::Sender<Ask>,
    sessions: Arc<Sessions>,
    stop: CancellationToken,
) {
    let clients = tokio_util::task::TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = place::accept(&mut listener), if clients.len() < CLIENTS_MAX => accepted,
            () = tokio::time::sleep(Duration::from_millis(100)), if clients.len() >= CLIENTS_MAX => continue,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok(stream) => {
                let session = sessions.next();
                let lines = Framed::new(stream, LinesCodec::new_with_max_length(LINE_LEN_MAX));
                clients.spawn(serve_client(lines, session, asks.clone(), stop.clone()));
            }
            // Too many open files, say: a moment later there may be room.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    // Whoever comes now finds no socket, and waits for the folder.
    drop((listener, asks));
    clients.close();
    let _ = tokio::time::timeout(2 * TOLD_WITHIN, clients.wait()).await;
}

async fn serve_client(
    mut lines: Lines,
    session: SessionId,
    asks: mpsc::Sender<Ask>,
    stop: CancellationToken,
) {
    loop {
        let line = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            line = lines.next() => line,
        };
        let Some(line) = line.map(|line| line.map_err(|err| err.to_string())) else {
            break;
        };
        let served = match line.and_then(|line| serde_json::from_str(&line).map_err(|err| err.to_string())) {
            Ok(request) => answer(&mut lines, session, request, &asks).await,
            Err(err) => {
                let why =
                    format!("this is no request that this node knows ({err}); are both of the same version?");
                send(&mut lines, &Answer::Failed(Failure::new(Code::Usage, why))).await
            }
        };
        if served.is_none() {
            break;
        }
    }
    let _ = asks.send(Ask::End { session }).await;
    if stop.is_cancelled() {
        let told = async {
            SinkExt::<&str>::send(&mut lines, STOPPING).await.ok()?;
            // What it asks now is not done; closing before it was read would take the word from it.
            while lines.next().await.is_some_and(|line| line.is_ok()) {}
            Some(())
        };
        let _ = tokio::time::timeout(TOLD_WITHIN, told).await;
    }
}

/// Answers one request, page by page; none if the client or the node is gone.
async fn answer(
    lines: &mut Lines,
    session: SessionId,
    request: Request,
    asks: &mpsc::Sender<Ask>,
) -> Option<()> {
    let (page, mut next) = oneshot::channel();
    asks.send(Ask::Start {
        session,
        request,
        page,
    })
    .await
    .ok()?;
    loop {
        let answers = tokio::select! {
            answers = &mut next => answers.ok()?,
            // A client says nothing while it waits: this is its end, or a fault.
            _ = lines.next() => return None,
        };
        let last = matches!(answers.last(), Some(Answer::Done | Answer::Failed(_)));
        for answer in &answers {
            lines.feed(serde_json::to_string(answer).ok()?).await.ok()?;
        }
        SinkExt::<String>::flush(lines).await.ok()?;
        if last {
            return Some(());
        }
        let (page, following) = oneshot::channel();
        next = following;
        asks.send(Ask::More { session, page }).await.ok()?;
    }
}

async fn send(lines: &mut Lines, answer: &Answer) -> Option<()> {
    lines.send(serde_json::to_string(answer).ok()?).await.ok()
}
