//! Peers on the LAN, by multicast DNS. Knows the service that tailchats announce and the thread that speaks
//! for us; refuses to tell a LAN who we are.
//!
//! What strangers can read: that a tailchat listens at this address and port. Our name there is made of chance
//! for each run, and there is no text beside it: no host name, no person, no room.
//!
//! The thread belongs to mdns-sd. It keeps every record that it hears for as long as the record asks for, and
//! drops whoever listens too slowly. So it is asked each second how much it keeps, and replaced after a pause
//! if that is too much or it has no time to say so; and when it has dropped us, we listen again and hear again
//! what holds.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use if_addrs::Interface;
use mdns_sd::{
    DaemonEvent, Error, IfKind, IfPredicate, MDNS_PORT, Metrics, Receiver, ServiceDaemon, ServiceEvent,
    ServiceInfo,
};
use rand_core::{OsRng, RngCore, TryRngCore};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout};

use super::interfaces::carries_multicast;
use super::services::{Services, dialable};
use super::{SourceTask, Standing};
use crate::limits::{
    MDNS_AGAIN, MDNS_ANNOUNCED_WITHIN, MDNS_EVENTS_MAX, MDNS_GATHER, MDNS_GOODBYE_WITHIN,
    MDNS_INTERFACES_SECS, MDNS_LOOK_EVERY, MDNS_PAUSE, MDNS_RECORDS_MAX, MDNS_SERVICES_MAX,
    MDNS_TELLINGS_MAX, MDNS_TIMERS_MAX, MDNS_UNANSWERED_MAX,
};

const SERVICE: &str = "_tailchat._tcp.local.";

/// How peers on the LAN are found. The default is what all others do.
#[derive(Debug, Clone)]
pub struct Mdns {
    /// The UDP port, 5353 but in tests.
    pub port: u16,
    /// Speak and listen on the loopback interface and nowhere else, for tests. Otherwise everywhere else, and
    /// not at all unless other machines can reach us.
    pub loopback: bool,
}

impl Default for Mdns {
    fn default() -> Self {
        Self {
            port: MDNS_PORT,
            loopback: false,
        }
    }
}

/// Announces us and listens, until `Net` ends; then says goodbye.
pub(super) async fn run(mut task: SourceTask, how: Mdns) {
    let Some(place) = Place::of(&task.listening, how.loopback) else {
        let why = "this peer listens to no other machine, so it neither announces itself nor asks";
        task.tell(BTreeSet::new(), Standing::Absent(why.into())).await;
        return;
    };
    let stop = task.wiring.stop.clone();
    let name = name_of_chance();
    let mut services = Services::default();
    loop {
        let why = match Speaker::start(&how, &place, &name) {
            Err(e) => format!("mDNS cannot be started: {e}; give addresses of peers on this LAN by hand"),
            Ok(speaker) => {
                let lived = async {
                    let why = speaker.follow(&mut task, &mut services, how.loopback).await;
                    tracing::warn!("mdns pauses: {why}");
                    task.tell(services.addrs(), Standing::Failing(why.clone())).await;
                    speaker.end().await;
                    why
                };
                let Some(why) = stop.run_until_cancelled(lived).await else {
                    let _ = timeout(MDNS_GOODBYE_WITHIN, speaker.end()).await;
                    return;
                };
                why
            }
        };
        task.tell(services.addrs(), Standing::Failing(why)).await;
        services.clear();
        if stop.run_until_cancelled(sleep(MDNS_PAUSE)).await.is_none() {
            return;
        }
    }
}

/// 128 bits of chance: nobody else has them, and they say nothing.
fn name_of_chance() -> String {
    let mut bytes = [0; 16];
    OsRng.unwrap_err().fill_bytes(&mut bytes);
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Where we can be reached, and so where we speak: nobody is told of us on an interface by which they could
/// not come.
#[derive(Clone)]
struct Place {
    port: u16,
    listening: Vec<IpAddr>,
    loopback: bool,
}

impl Place {
    fn of(listening: &[SocketAddr], loopback: bool) -> Option<Self> {
        let port = listening
            .iter()
            .find(|addr| loopback || !addr.ip().is_loopback())?
            .port();
        let listening = listening.iter().filter(|addr| addr.port() == port);
        Some(Self {
            port,
            listening: listening.map(SocketAddr::ip).collect(),
            loopback,
        })
    }

    fn has(&self, interface: &Interface) -> bool {
        let ip = interface.ip();
        let speaks = if self.loopback {
            interface.is_loopback() && ip.is_ipv4()
        } else {
            carries_multicast(interface)
        };
        // An unspecified IPv6 address usually stands for IPv4 too.
        let listens = |own: &IpAddr| *own == ip || own.is_unspecified() && (own.is_ipv6() || ip.is_ipv4());
        speaks && self.listening.iter().any(listens)
    }
}

/// The thread that speaks and listens for us. Dropping it says goodbye and ends it.
struct Speaker {
    daemon: ServiceDaemon,
    own: ServiceInfo,
    heard_of_itself: Receiver<DaemonEvent>,
}

impl Drop for Speaker {
    fn drop(&mut self) {
        // An error says that it has ended of itself.
        let _ = self.daemon.shutdown();
    }
}

impl Speaker {
    fn start(how: &Mdns, place: &Place, name: &str) -> Result<Self, Error> {
        let host = format!("{name}.local.");
        let no_text: &[(&str, &str)] = &[];
        let mut own = ServiceInfo::new(SERVICE, name, &host, "", place.port, no_text)?.enable_addr_auto();
        // Probing takes a second to make sure that nobody else has the name.
        own.set_requires_probe(false);

        let daemon = ServiceDaemon::new_with_port(how.port)?;
        let speaker = Self {
            heard_of_itself: daemon.monitor()?,
            daemon,
            own,
        };
        let place = place.clone();
        let ours = IfPredicate::new(move |interface| place.has(interface));
        speaker.daemon.disable_interface(IfKind::All)?;
        speaker.daemon.enable_interface(IfKind::Predicate(ours))?;
        speaker.daemon.set_ip_check_interval(MDNS_INTERFACES_SECS)?;
        speaker.announce()?;
        Ok(speaker)
    }

    fn announce(&self) -> Result<(), Error> {
        self.daemon.register(self.own.clone())
    }

    /// Asks who is there. Who is known already is told again.
    fn browse(&self) -> Result<Receiver<ServiceEvent>, Error> {
        self.daemon.browse(SERVICE)
    }

    /// Tells who comes and goes for as long as that can be heard. Returns why no longer.
    async fn follow(&self, task: &mut SourceTask, services: &mut Services, loopback: bool) -> String {
        let ended = async {
            let mut ear = Ear {
                speaker: self,
                heard: self.browse()?,
                anew: None,
                patience: MDNS_EVENTS_MAX,
                tell_at: Some(Instant::now() + MDNS_GATHER),
                tellings: MDNS_TELLINGS_MAX,
                unanswered: 0,
                begun: Instant::now(),
                announced: false,
                services,
                loopback,
            };
            ear.listen(task).await
        };
        match ended.await {
            Ok(why) => why,
            Err(e) => format!("mDNS ended: {e}"),
        }
    }

    /// Says goodbye, and returns when the thread is gone. In the midst of a flood that takes until the flood
    /// ends; who does not wait for it before starting another one has a thread more each time.
    async fn end(&self) {
        loop {
            match self.daemon.shutdown() {
                Ok(gone) => {
                    // An error says that it is gone, too.
                    let _ = gone.recv_async().await;
                    return;
                }
                Err(Error::Again) => sleep(MDNS_LOOK_EVERY).await,
                Err(_) => return,
            }
        }
    }

    /// How much it keeps, unless it is too busy to say so.
    async fn metrics(&self) -> Result<Option<Metrics>, Error> {
        match self.daemon.get_metrics() {
            Ok(asked) => Ok(timeout(MDNS_LOOK_EVERY, asked.recv_async())
                .await
                .ok()
                .and_then(Result::ok)),
            Err(e) => but_not_now(e),
        }
    }
}

fn flood(metrics: &Metrics) -> Option<String> {
    let sum = |is_one: fn(&str) -> bool| -> i64 {
        let counted = metrics.iter().filter(|(name, _)| is_one(name));
        counted.map(|(_, count)| *count).sum()
    };
    let records = sum(|name| name.starts_with("cached-"));
    let timers = sum(|name| name == "timer");
    (records > MDNS_RECORDS_MAX || timers > MDNS_TIMERS_MAX).then(|| {
        format!(
            "the LAN is flooded with mDNS ({records} records are kept, {timers} are to expire); whoever sends \
             them has to stop; give addresses of peers by hand until then"
        )
    })
}

/// What is heard, and when it is told.
struct Ear<'a> {
    speaker: &'a Speaker,
    heard: Receiver<ServiceEvent>,
    /// The channel of a newer question. It is read when the one before it is at its end, so that nothing said
    /// between the two is lost.
    anew: Option<Receiver<ServiceEvent>>,
    /// Events that are still read in this second.
    patience: usize,
    tell_at: Option<Instant>,
    /// How often that may still be in this second.
    tellings: usize,
    /// Looks in a row for which the thread had no time: it reads what comes before it does anything else.
    unanswered: usize,
    begun: Instant,
    announced: bool,
    services: &'a mut Services,
    loopback: bool,
}

impl Ear<'_> {
    async fn listen(&mut self, task: &mut SourceTask) -> Result<String, Error> {
        let mut look = interval(MDNS_LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut again_at = Instant::now() + MDNS_AGAIN;
        loop {
            let tell_at = self.tell_at;
            tokio::select! {
                event = self.heard.recv_async(), if self.patience > 0 => match event {
                    Ok(event) => self.take(event, task),
                    Err(_) => self.listen_on()?,
                },
                changed = task.network.changed() => {
                    if changed.is_err() {
                        return Ok("nobody watches the interfaces".into());
                    }
                    self.speaker.announce().or_else(but_not_now)?;
                    self.ask_again()?;
                    self.tell_soon();
                }
                () = sleep_until(again_at) => {
                    again_at = Instant::now() + MDNS_AGAIN;
                    self.ask_again()?;
                }
                _ = look.tick() => {
                    self.patience = MDNS_EVENTS_MAX;
                    self.tellings = MDNS_TELLINGS_MAX;
                    if let Some(why) = self.look().await? {
                        return Ok(why);
                    }
                }
                () = sleep_until(tell_at.unwrap_or_else(Instant::now)), if tell_at.is_some() && self.tellings > 0 => {
                    self.tell_at = None;
                    let (addrs, standing) = self.news(task);
                    task.tell(addrs, standing).await;
                    self.tellings -= 1;
                }
            }
        }
    }

    fn take(&mut self, event: ServiceEvent, task: &SourceTask) {
        self.patience -= 1;
        let changed = match event {
            ServiceEvent::ServiceResolved(service)
                if service.get_fullname() != self.speaker.own.get_fullname() =>
            {
                let claimed = service.get_addresses().iter();
                let claimed = claimed.map(|ip| (ip.to_ip_addr(), ip.to_string()));
                let interfaces = task.network.borrow();
                let addrs = dialable(claimed, service.get_port(), &interfaces, self.loopback);
                self.services.resolved(service.get_fullname(), addrs)
            }
            ServiceEvent::ServiceRemoved(_, name) => self.services.removed(&name),
            _ => false,
        };
        if changed {
            self.tell_soon();
        }
    }

    /// One channel is at its end: we asked again, or were too slow.
    fn listen_on(&mut self) -> Result<(), Error> {
        self.heard = match self.anew.take() {
            Some(anew) => anew,
            None => {
                tracing::debug!("mdns said more than was heard, asking anew");
                // A goodbye may be among what was lost.
                self.services.clear();
                self.tell_soon();
                self.speaker.browse()?
            }
        };
        Ok(())
    }

    fn ask_again(&mut self) -> Result<(), Error> {
        if self.anew.is_none() {
            self.anew = self.speaker.browse().map(Some).or_else(but_not_now)?;
        }
        Ok(())
    }

    /// Several events make one change.
    fn tell_soon(&mut self) {
        self.tell_at.get_or_insert_with(|| Instant::now() + MDNS_GATHER);
    }

    /// Why it should rest, if it should.
    async fn look(&mut self) -> Result<Option<String>, Error> {
        let before = self.announced;
        for event in self.speaker.heard_of_itself.try_iter() {
            self.announced |= matches!(event, DaemonEvent::Announce(..) | DaemonEvent::IpAdd(_));
        }
        if self.announced != before || self.is_late() {
            self.tell_soon();
        }
        let Some(metrics) = self.speaker.metrics().await? else {
            self.unanswered += 1;
            let busy = "the LAN is flooded with mDNS, faster than it can be read; whoever sends it has to stop; \
                        give addresses of peers by hand until then";
            return Ok((self.unanswered == MDNS_UNANSWERED_MAX).then(|| busy.into()));
        };
        self.unanswered = 0;
        Ok(flood(&metrics))
    }

    fn is_late(&self) -> bool {
        !self.announced && self.begun.elapsed() >= MDNS_ANNOUNCED_WITHIN
    }

    fn news(&self, task: &SourceTask) -> (BTreeSet<String>, Standing) {
        if !self.loopback && !task.network.borrow().reach_a_lan() {
            let why = "no network here carries multicast";
            return (BTreeSet::new(), Standing::Absent(why.into()));
        }
        let standing = if self.is_late() {
            Standing::Failing(
                "nothing could be announced on this LAN, perhaps because another program has UDP port 5353 for \
                 itself; give addresses of peers by hand"
                    .into(),
            )
        } else if self.services.any_left_out() {
            Standing::Failing(format!(
                "more than {MDNS_SERVICES_MAX} peers announce themselves on this LAN, the rest is not tried; \
                 give the addresses of yours by hand"
            ))
        } else {
            Standing::Working
        };
        (self.services.addrs(), standing)
    }
}

/// Its queue of commands is full: the next occasion will do.
fn but_not_now<T: Default>(e: Error) -> Result<T, Error> {
    match e {
        Error::Again => Ok(T::default()),
        e => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(listening: &[&str], loopback: bool) -> Option<Place> {
        let listening: Vec<_> = listening.iter().map(|addr| addr.parse().unwrap()).collect();
        Place::of(&listening, loopback)
    }

    #[test]
    fn who_listens_to_nobody_else_says_nothing_on_a_lan() {
        assert!(place(&[], false).is_none());
        assert!(place(&["127.0.0.1:7000", "[::1]:7000"], false).is_none());
        assert!(place(&["127.0.0.1:7000"], true).is_some());
        let told = place(&["127.0.0.1:7000", "10.0.0.7:7001"], false).expect("others can come");
        assert_eq!(told.port, 7001);
    }

    #[test]
    fn names_are_made_of_chance_alone() {
        let (one, other) = (name_of_chance(), name_of_chance());
        assert_ne!(one, other);
        assert!(one.len() == 32 && one.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }

    #[test]
    fn a_flood_is_known_by_what_is_kept() {
        let metrics = |records: i64, timers: i64| {
            let counts = [
                ("cached-ptr", records / 2),
                ("cached-srv", records / 2),
                ("timer", timers),
            ];
            counts.map(|(name, count)| (name.to_owned(), count)).into()
        };
        assert_eq!(flood(&metrics(MDNS_RECORDS_MAX, MDNS_TIMERS_MAX)), None);
        assert!(flood(&metrics(MDNS_RECORDS_MAX + 2, 0)).is_some());
        assert!(flood(&metrics(0, MDNS_TIMERS_MAX + 1)).is_some());
    }
}
