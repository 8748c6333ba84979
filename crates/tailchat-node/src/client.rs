//! The one way in for programs: a running node over its socket, or one of our own in this process. The caller
//! cannot tell the difference.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use tailchat_net::{DEFAULT_PORT, EVENTS_CAPACITY, Limits, Listen, Net, NetError};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::control::{Answer, CONTROL_VERSION, Code, Failure, Item, NodeItem, Request};
use crate::finding;
use crate::folder;
use crate::node::{ASKS_MAX, Node};
use crate::session::{Ask, Page, SessionId, Sessions};
use crate::socket;

/// How long a locked folder without a socket is given to get one.
const LOCKED_RETRY: Duration = Duration::from_secs(5);

/// How a node is to be run.
#[derive(Clone, Debug)]
pub struct Config {
    /// The data folder.
    pub data: PathBuf,
    /// Where to listen, `ADDR[:PORT]` or `:PORT`; all interfaces at the fixed port if none.
    pub listen: Option<String>,
    /// The name to take, durably; without one a new folder takes `default_name`.
    pub name: Option<String>,
    /// The name that a new folder takes.
    pub default_name: String,
    /// Whether to listen and dial; a command that only writes and reads does neither.
    pub online: bool,
    /// Whether to look for peers beyond the addresses that are known. Who listens on this machine alone only reads the
    /// hosts file.
    pub discovery: bool,
}

impl Config {
    /// Whether a node would take these words as they are.
    ///
    /// # Errors
    /// [`Code::Usage`] with what is wrong.
    pub fn check(&self) -> Result<(), Failure> {
        if let Some(name) = &self.name {
            crate::membership::checked_name(name)?;
        }
        listen_spec(self.listen.as_deref()).map(|_| ())
    }
}

/// A connection to a node.
pub struct Client {
    way: Way,
}

enum Way {
    /// Another process, by its socket.
    Remote(Box<Remote>),
    /// A node in this process.
    Local(Box<Local>),
}

struct Remote {
    lines: socket::Lines,
    path: PathBuf,
    /// How to find the next node when this one stops; not known before both have agreed.
    config: Option<Config>,
    /// What was asked, as long as nothing of an answer came and it may be asked again.
    asked: Option<Request>,
}

struct Local {
    asks: mpsc::Sender<Ask>,
    sessions: Arc<Sessions>,
    session: SessionId,
    /// What is left of the last page.
    page: VecDeque<Answer>,
    /// The page that is under way.
    next: Option<oneshot::Receiver<Page>>,
    /// The node, if it lives as long as this client.
    node: Option<Own>,
}

/// A node of this process.
struct Own {
    node: JoinHandle<()>,
    /// What serves other programs, if it does.
    socket: Option<JoinHandle<()>>,
    stop: DropGuard,
}

impl Client {
    /// Connects to the node that owns the folder or, if there is none, becomes it for as long as the client lives.
    /// When the folder is locked and no socket answers, it tries again for 5 s.
    ///
    /// # Errors
    /// [`Failure`] with the exit code and a text for people.
    pub async fn open(config: Config) -> Result<Self, Failure> {
        let path = socket::path_of(&config.data);
        let start = Instant::now();
        loop {
            if let Some(lines) = socket::connect(&path).await {
                let mut client = Self::remote(lines, path.clone());
                match client.agree(&config).await {
                    // It was just stopping: soon the folder is free.
                    Err(failure) if failure == gone() && start.elapsed() < LOCKED_RETRY => {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                    Err(failure) => return Err(failure),
                    Ok(()) => {
                        if let Way::Remote(remote) = &mut client.way {
                            remote.config = Some(config);
                        }
                        return Ok(client);
                    }
                }
            }
            match Self::start(&config, false).await {
                Err(Started::Locked(_)) if start.elapsed() < LOCKED_RETRY => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(Started::Locked(failure) | Started::Failed(failure)) => return Err(failure),
                Ok(client) => return Ok(client),
            }
        }
    }

    /// Runs a node that other programs can reach for as long as the client lives: `serve`.
    ///
    /// # Errors
    /// As [`Client::open`]; and [`Code::Failed`] when another process owns the folder.
    pub async fn serve(config: Config) -> Result<Self, Failure> {
        let start = Instant::now();
        loop {
            if socket::connect(&socket::path_of(&config.data)).await.is_some() {
                let why = format!(
                    "another tailchat has {} already and is online; this command is not needed as long as that runs",
                    config.data.display()
                );
                return Err(Failure::new(Code::Failed, why));
            }
            match Self::start(&config, true).await {
                // A short command may have it for a moment.
                Err(Started::Locked(_)) if start.elapsed() < LOCKED_RETRY => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(Started::Locked(failure) | Started::Failed(failure)) => return Err(failure),
                Ok(client) => return Ok(client),
            }
        }
    }

    async fn start(config: &Config, serving: bool) -> Result<Self, Started> {
        let failed = |failure| Started::Failed(failure);
        let name = config
            .name
            .as_deref()
            .map(crate::membership::checked_name)
            .transpose()
            .map_err(failed)?;
        let default_name =
            crate::membership::checked_name(&config.default_name).unwrap_or_else(|_| "somebody".into());
        let listen = listen_spec(config.listen.as_deref()).map_err(failed)?;
        let data = config.data.clone();
        let opened =
            tokio::task::spawn_blocking(move || folder::open(&data, name.as_deref(), &default_name)).await;
        let opened = opened.map_err(|err| {
            failed(Failure::new(
                Code::Failed,
                format!("opening the folder failed: {err}"),
            ))
        })?;
        let mut start = opened.map_err(|refused| {
            if refused.locked {
                Started::Locked(refused.failure)
            } else {
                Started::Failed(refused.failure)
            }
        })?;
        let (events, net_events) = mpsc::channel(EVENTS_CAPACITY);
        let net = match config.online {
            true => {
                let mut net =
                    start_net(&listen, config.listen.is_some() || serving, events).map_err(failed)?;
                if config.discovery {
                    net.discover(finding::discovery(&config.data, &net.listening()));
                }
                Some(net)
            }
            false => None,
        };
        let (asks, asked) = mpsc::channel(ASKS_MAX);
        let sessions = Arc::new(Sessions::default());
        let stop = CancellationToken::new();
        let mut serving_socket = None;
        if config.online {
            let path = socket::path_of(&config.data);
            match socket::listen(&path) {
                Ok(listener) => {
                    let served = socket::serve(listener, asks.clone(), sessions.clone(), stop.clone());
                    serving_socket = Some(tokio::spawn(served));
                }
                Err(err) => start.warnings.push(format!(
                    "other commands cannot reach this one ({err}); make {} a folder that is yours alone",
                    path.parent().unwrap_or(&path).display()
                )),
            }
        }
        let (node, wakes) = Node::new(start, net, net_events, asked, config.online);
        let node = tokio::spawn(node.run(wakes, stop.clone()));
        let own = Own {
            node,
            socket: serving_socket,
            stop: stop.drop_guard(),
        };
        Ok(Self::local(asks, sessions, Some(own)))
    }

    fn remote(lines: socket::Lines, path: PathBuf) -> Self {
        Self {
            way: Way::Remote(Box::new(Remote {
                lines,
                path,
                config: None,
                asked: None,
            })),
        }
    }

    fn local(asks: mpsc::Sender<Ask>, sessions: Arc<Sessions>, node: Option<Own>) -> Self {
        let session = sessions.next();
        let local = Local {
            asks,
            sessions,
            session,
            page: VecDeque::new(),
            next: None,
            node,
        };
        Self {
            way: Way::Local(Box::new(local)),
        }
    }

    /// Another connection to the same node, for requests beside those of this one. It does not keep the node alive.
    ///
    /// # Errors
    /// [`Failure`] if the node is gone.
    pub async fn another(&self) -> Result<Self, Failure> {
        match &self.way {
            Way::Remote(remote) => {
                let lines = socket::connect(&remote.path).await.ok_or_else(gone)?;
                let mut client = Self::remote(lines, remote.path.clone());
                if let Way::Remote(another) = &mut client.way {
                    another.config = remote.config.clone();
                }
                Ok(client)
            }
            Way::Local(local) => Ok(Self::local(local.asks.clone(), local.sessions.clone(), None)),
        }
    }

    /// Brings a running node and this command's options together.
    async fn agree(&mut self, config: &Config) -> Result<(), Failure> {
        let node = self.hello().await?;
        if node.control != CONTROL_VERSION {
            let why = format!(
                "the tailchat that runs for this folder is another version ({}, control protocol {}; this is {}, {}); stop \
                 that one and start this one",
                node.version,
                node.control,
                env!("CARGO_PKG_VERSION"),
                CONTROL_VERSION
            );
            return Err(Failure::new(Code::Failed, why));
        }
        if let Listen::At(wanted) = listen_spec(config.listen.as_deref())? {
            // Port 0 asks for any port, so any will do.
            let runs_there = |addr: &SocketAddr| {
                let at = node
                    .listening
                    .iter()
                    .filter_map(|at| at.parse::<SocketAddr>().ok());
                at.into_iter()
                    .any(|at| at.ip() == addr.ip() && (addr.port() == 0 || at.port() == addr.port()))
            };
            if !wanted.iter().any(runs_there) {
                let why = format!(
                    "a node runs for this folder already and listens at {}; stop it first, or leave --listen out",
                    node.listening.join(", ")
                );
                return Err(Failure::new(Code::Usage, why));
            }
        }
        if let Some(name) = config.name.clone().filter(|name| *name != node.name) {
            self.ask(Request::Name { name }).await?;
        }
        Ok(())
    }

    /// Who the node is.
    ///
    /// # Errors
    /// [`Failure`] if the node is gone.
    pub async fn hello(&mut self) -> Result<NodeItem, Failure> {
        for item in self.ask(Request::Hello).await? {
            if let Item::Node(node) = item {
                return Ok(node);
            }
        }
        Err(Failure::new(
            Code::Failed,
            "the node does not say who it is; are both of the same version?",
        ))
    }

    /// Whether the node is another process, which goes on when this one ends.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        matches!(self.way, Way::Remote(_))
    }

    /// Sends a request and gathers its whole answer.
    ///
    /// # Errors
    /// [`Failure`] if the request fails or the node is gone.
    pub async fn ask(&mut self, request: Request) -> Result<Vec<Item>, Failure> {
        self.request(request).await?;
        let mut items = Vec::new();
        loop {
            match self.next().await? {
                Answer::Item(item) => items.push(item),
                Answer::Done => return Ok(items),
                Answer::Failed(failure) => return Err(failure),
            }
        }
    }

    /// Sends a request; its answers come by [`Client::next`].
    ///
    /// # Errors
    /// [`Failure`] if the node is gone.
    pub async fn request(&mut self, request: Request) -> Result<(), Failure> {
        match &mut self.way {
            Way::Remote(remote) => {
                let line = serde_json::to_string(&request)
                    .map_err(|err| Failure::new(Code::Failed, err.to_string()))?;
                remote.asked = Some(request).filter(may_be_asked_again);
                // If the node stops, it has said so, and [`Client::next`] reads that.
                let _ = remote.lines.send(line).await;
                Ok(())
            }
            Way::Local(local) => {
                let (page, next) = oneshot::channel();
                local.page.clear();
                local.next = Some(next);
                local
                    .asks
                    .send(Ask::Start {
                        session: local.session,
                        request,
                        page,
                    })
                    .await
                    .map_err(|_| gone())
            }
        }
    }

    /// The next line of the answer. Cancel-safe.
    ///
    /// A node that stops in good order says so, and that it did nothing of what it did not answer: then the next node
    /// is asked, or this process becomes it.
    ///
    /// # Errors
    /// [`Failure`] if the node is gone.
    pub async fn next(&mut self) -> Result<Answer, Failure> {
        match &mut self.way {
            Way::Remote(remote) => {
                let line = remote.lines.next().await.ok_or_else(gone)?.map_err(|_| gone())?;
                if line == socket::STOPPING {
                    return Box::pin(self.ask_the_next()).await;
                }
                remote.asked = None;
                serde_json::from_str(&line).map_err(|err| {
                    Failure::new(
                        Code::Failed,
                        format!("the node's answer is not understood ({err}); are both of the same version?"),
                    )
                })
            }
            Way::Local(local) => local.next().await,
        }
    }

    async fn ask_the_next(&mut self) -> Result<Answer, Failure> {
        let Way::Remote(remote) = &mut self.way else {
            return Err(gone());
        };
        let Some(config) = remote.config.take() else {
            return Err(gone());
        };
        let Some(request) = remote.asked.take() else {
            let why = "the tailchat that ran was stopped; everything that it told and acknowledged is safe";
            return Err(Failure::new(Code::Failed, why));
        };
        *self = Self::open(config).await?;
        self.request(request).await?;
        self.next().await
    }

    /// Ends the connection; a node of our own stops cleanly: peers are told, the log is closed, the marker is written.
    ///
    /// # Errors
    /// [`Failure`] if the node ended badly; nothing that was acknowledged is lost by that.
    pub async fn close(self) -> Result<(), Failure> {
        let Way::Local(mut local) = self.way else {
            return Ok(());
        };
        let Some(Own { node, socket, stop }) = local.node.take() else {
            return Ok(());
        };
        drop(stop);
        let ended = node.await;
        if let Some(socket) = socket {
            // What it did with each program does not change how the node ended.
            let _ = socket.await;
        }
        ended.map_err(|err| Failure::new(Code::Failed, format!("the node ended badly: {err}")))
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // What it asked for is cancelled; if the loop is too busy to be told, that costs it a session that waits.
        let session = self.session;
        let _ = self.asks.try_send(Ask::End { session });
    }
}

impl Local {
    async fn next(&mut self) -> Result<Answer, Failure> {
        loop {
            if let Some(answer) = self.page.pop_front() {
                return Ok(answer);
            }
            if self.next.is_none() {
                let (page, next) = oneshot::channel();
                self.asks
                    .send(Ask::More {
                        session: self.session,
                        page,
                    })
                    .await
                    .map_err(|_| gone())?;
                self.next = Some(next);
            }
            if let Some(next) = &mut self.next {
                self.page = next.await.map_err(|_| gone())?.into();
                self.next = None;
            }
        }
    }
}

/// Why a node did not start.
enum Started {
    /// Another process has the folder; it may serve it in a moment.
    Locked(Failure),
    Failed(Failure),
}

/// Not what goes on until it is ended: whoever asked that notices the change, and decides.
fn may_be_asked_again(request: &Request) -> bool {
    match request {
        Request::Watch => false,
        Request::Log(log) => !log.follow,
        _ => true,
    }
}

pub(crate) fn gone() -> Failure {
    Failure::new(
        Code::Failed,
        "the node is gone; what it acknowledged is safe, the rest may not have been done",
    )
}

fn listen_spec(listen: Option<&str>) -> Result<Listen, Failure> {
    let Some(text) = listen else {
        return Ok(Listen::Everywhere { port: DEFAULT_PORT });
    };
    if let Some(port) = text.strip_prefix(':').and_then(|port| port.parse().ok()) {
        return Ok(Listen::Everywhere { port });
    }
    if let Ok(addr) = text.parse::<SocketAddr>() {
        return Ok(Listen::At(vec![addr]));
    }
    match text.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(ip) => Ok(Listen::At(vec![SocketAddr::new(ip, DEFAULT_PORT)])),
        Err(_) => {
            let why = format!(
                "--listen \"{text}\" is no address; one looks like 127.0.0.1:24242, 100.64.0.7 or :0"
            );
            Err(Failure::new(Code::Usage, why))
        }
    }
}

/// Listens; where nobody said where, any port will do when the fixed one is taken.
fn start_net(
    listen: &Listen,
    exactly: bool,
    events: mpsc::Sender<tailchat_net::NetEvent>,
) -> Result<Net, Failure> {
    let failed = |err: NetError| Failure::new(Code::Failed, err.to_string());
    match Net::start(listen, Limits::default(), events.clone()) {
        Err(NetError::PortTaken { .. }) if !exactly => {
            Net::start(&Listen::Everywhere { port: 0 }, Limits::default(), events).map_err(failed)
        }
        started => started.map_err(failed),
    }
}

/// Where `data` is a folder of ours, for tests and scripts: the socket of its node.
#[must_use]
pub fn socket_path(data: &Path) -> PathBuf {
    socket::path_of(data)
}
