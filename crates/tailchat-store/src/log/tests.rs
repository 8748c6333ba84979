//! What the log's tests share: small rooms, and how to compare them. Each kind of trouble has a file of its own.

use super::*;
use crate::block::Block;
use crate::change::Span;
use crate::sim_disk::SimDisk;
use tailchat_core::ids::{ActorId, DeviceId};

mod blocks;
mod crashes;
mod damage;
mod faults;
mod positions;
mod reading;
mod space;
mod witness;

/// The length of a change that fills a tail.
const LARGE: usize = 512 << 10;

/// A change, as it is compared.
type Key = (ActorId, u64, Vec<u8>);

const ROOM: RoomId = RoomId([0x22; 16]);

/// A change whose bytes say which one it is.
fn change(actor: u8, seq: u64, len: usize) -> ChangeRecord {
    let mut bytes = format!("{actor}/{seq}").into_bytes();
    bytes.resize(len.max(bytes.len()), b'.');
    ChangeRecord {
        actor: ActorId([actor; 16]),
        seq,
        arrived_at_ms: 1,
        via: DeviceId([3; 16]),
        change: bytes,
    }
}

fn span(actor: u8, first_seq: u64, last_seq: u64) -> Span {
    Span {
        actor: ActorId([actor; 16]),
        first_seq,
        last_seq,
    }
}

impl Log<SimDisk> {
    /// The same open log on a forked disk.
    fn on(&self, disk: SimDisk) -> Self {
        let numbers = self.blocks().collect();
        Self {
            blocks: Blocks::named(disk.clone(), &self.dir, self.room, numbers),
            disk,
            dir: self.dir.clone(),
            room: self.room,
            seed: self.seed,
            drawn: self.drawn,
            next_number: self.next_number,
            tails: self.tails.clone(),
            active: self.active,
            local: self.local.clone(),
            poisoned: self.poisoned.clone(),
        }
    }
}

impl Opened {
    /// All changes that are not sealed.
    fn changes(&self) -> Vec<ChangeRecord> {
        let stretches = self.tail.iter().flat_map(|(_, changes)| changes);
        stretches.cloned().collect()
    }
}

fn created() -> (SimDisk, Log<SimDisk>) {
    let disk = SimDisk::new();
    let log = Log::create(disk.clone(), ROOM, [0; 32]).unwrap();
    (disk, log)
}

fn open(disk: &SimDisk) -> (Log<SimDisk>, Opened) {
    // Another seed for every opening, and the same in every run.
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&disk.counts().all.to_le_bytes());
    Log::open(disk.clone(), &room_dir(ROOM), seed).unwrap()
}

/// A block as a caller would make it: its shared section says which changes it holds.
fn block_of(changes: &[ChangeRecord]) -> Block {
    let mut block = Block {
        summary: b"summary".to_vec(),
        local: vec![9; 40],
        ..Block::default()
    };
    for change in changes {
        block.spans.push(Span {
            actor: change.actor,
            first_seq: change.seq,
            last_seq: change.seq,
        });
        block
            .shared
            .extend_from_slice(&u32::try_from(change.change.len()).unwrap().to_le_bytes());
        block.shared.extend_from_slice(&change.change);
    }
    block
}

/// Every change in the log, in its order, the blocks' ones rebuilt from what `block_of` made.
fn all(log: &Log<SimDisk>, opened: &Opened) -> Vec<Key> {
    let mut changes = Vec::new();
    for number in &opened.blocks {
        let block = log.read_block(*number).unwrap();
        let mut shared = block.shared.as_slice();
        for span in &block.spans {
            let (len, rest) = shared.split_first_chunk::<4>().unwrap();
            let (bytes, rest) = rest.split_at(u32::from_le_bytes(*len) as usize);
            changes.push((span.actor, span.first_seq, bytes.to_vec()));
            shared = rest;
        }
    }
    changes.extend(
        opened
            .changes()
            .iter()
            .map(|change| (change.actor, change.seq, change.change.clone())),
    );
    changes
}

fn key(change: &ChangeRecord) -> Key {
    (change.actor, change.seq, change.change.clone())
}

/// A log with blocks 1 and 2, a ripe tail 3 and the active tail 4; actor 1 wrote 1 to 8, two to a stretch.
fn grown() -> (SimDisk, Log<SimDisk>) {
    let (disk, mut log) = created();
    log.set_local(b"facts".to_vec()).unwrap();
    for stretch in 0..4 {
        let large = change(1, stretch * 2 + 2, LARGE);
        log.append(&[change(1, stretch * 2 + 1, 10)]).unwrap();
        log.append(&[if stretch < 3 { large } else { change(1, 8, 10) }])
            .unwrap();
    }
    for _ in 0..2 {
        let number = log.ripe().unwrap();
        let block = block_of(&log.read_tail(number).unwrap());
        log.seal(number, &block).unwrap();
    }
    (disk, log)
}

#[test]
fn what_was_appended_is_there_after_opening() {
    let (disk, mut log) = created();
    let changes = [change(1, 1, 10), change(2, 1, 10), change(1, 2, 10)];
    log.append(&changes[..2]).unwrap();
    log.set_local(b"alias".to_vec()).unwrap();
    log.append(&changes[2..]).unwrap();
    let (log, opened) = open(&disk);
    assert_eq!((opened.changes(), &opened.findings), (changes.to_vec(), &vec![]));
    assert_eq!(
        (opened.room, opened.local.as_deref(), log.local()),
        (ROOM, Some(&b"alias"[..]), log.local())
    );
}

#[test]
fn an_append_costs_one_write_and_one_sync() {
    let (disk, mut log) = created();
    let before = disk.counts();
    log.append(&[change(1, 1, 10), change(1, 2, 10)]).unwrap();
    let after = disk.counts();
    assert_eq!(
        (after.appends - before.appends, after.syncs - before.syncs),
        (1, 1)
    );
    assert_eq!(after.all - before.all, 2);
}

#[test]
fn a_full_tail_is_followed_by_another_that_carries_the_local_facts() {
    let (disk, mut log) = created();
    log.set_local(b"facts".to_vec()).unwrap();
    log.append(&[change(1, 1, LARGE)]).unwrap();
    assert_eq!(log.ripe(), None);
    log.append(&[change(1, 2, 10)]).unwrap();
    let first = log.ripe().unwrap();
    assert_eq!(first, StretchNumber(1));
    let block = block_of(&log.read_tail(first).unwrap());
    log.seal(first, &block).unwrap();
    let (log, opened) = open(&disk);
    assert_eq!(
        (opened.local.clone(), log.ripe()),
        (Some(b"facts".to_vec()), None)
    );
    assert_eq!(opened.changes(), [change(1, 2, 10)]);
    assert_eq!(log.block_info(opened.blocks[0]).unwrap().spans, [span(1, 1, 1)]);
}

#[test]
fn local_facts_written_again_and_again_do_not_make_a_tail_grow_for_ever() {
    let (disk, mut log) = created();
    for _ in 0..10 {
        log.set_local(vec![1; 1 << 20]).unwrap();
    }
    assert!(log.disk_bytes().tails <= TAIL_LEN_ROTATE + (3 << 20));
    assert_eq!(log.ripe(), None);
    assert_eq!(disk.files().len(), 1);
}

#[test]
fn reading_goes_through_the_log_in_its_order() {
    let (_, log) = grown();
    let read = |wanted: &[Span], budget| log.read(wanted, budget).unwrap();
    let Stored::Block(number, block) = read(&[span(1, 3, 99)], 1) else {
        panic!("not a block")
    };
    assert_eq!(
        (number, block.spans),
        (StretchNumber(2), vec![span(1, 3, 3), span(1, 4, 4)])
    );
    assert_eq!(
        read(&[span(1, 7, 8)], 1 << 20),
        Stored::Changes(vec![change(1, 7, 10), change(1, 8, 10)])
    );
    assert_eq!(read(&[span(1, 7, 8)], 0), Stored::Changes(vec![change(1, 7, 10)]));
    assert_eq!(read(&[span(1, 9, 99), span(2, 1, 99)], 1 << 20), Stored::Nothing);
    let Stored::Changes(changes) = read(&[span(1, 5, 5), span(1, 8, 8)], 1 << 20) else {
        panic!("not changes")
    };
    assert_eq!(changes, [change(1, 5, 10), change(1, 8, 10)]);
}

#[test]
fn appends_go_on_while_a_tail_is_sealed() {
    let (disk, mut log) = grown();
    let sealer = log.sealer(log.ripe().unwrap()).unwrap();
    let work = std::thread::spawn(move || {
        let block = block_of(&sealer.changes().unwrap());
        sealer.seal(&block).unwrap()
    });
    log.append(&[change(1, 9, 10)]).unwrap();
    let sealed = work.join().unwrap();
    assert!(matches!(
        log.read(&[span(1, 5, 5)], 0).unwrap(),
        Stored::Changes(_)
    ));
    log.append(&[change(1, 10, 10)]).unwrap();
    log.sealed(sealed);
    assert!(matches!(
        log.read(&[span(1, 5, 5)], 0).unwrap(),
        Stored::Block(StretchNumber(3), _)
    ));
    assert_eq!(log.ripe(), None);
    let (log, opened) = open(&disk);
    let seqs: Vec<u64> = all(&log, &opened).iter().map(|(_, seq, _)| *seq).collect();
    assert_eq!(seqs, (1..=10).collect::<Vec<_>>());
    assert_eq!(log.check().unwrap().findings, vec![]);
}

#[test]
fn the_tail_that_takes_changes_cannot_be_sealed() {
    let (_, mut log) = grown();
    assert!(matches!(
        log.sealer(StretchNumber(4)),
        Err(StoreError::NoStretch { .. })
    ));
    assert!(matches!(
        log.sealer(StretchNumber(1)),
        Err(StoreError::NoStretch { .. })
    ));
}

#[test]
fn what_is_over_a_limit_is_refused_and_nothing_written() {
    let (disk, mut log) = created();
    let before = disk.files();
    let refused = |result| matches!(result, Err(StoreError::TooLarge { .. }));
    assert!(refused(log.append(&[change(1, 1, RECORD_BODY_LEN_MAX)])));
    let many: Vec<_> = (1..=9).map(|seq| change(1, seq, 1 << 20)).collect();
    assert!(refused(log.append(&many)));
    let local = log.set_local(vec![0; RECORD_BODY_LEN_MAX + 1]);
    assert!(refused(local.map(|()| log.position())));
    assert_eq!(disk.files(), before);
}

#[test]
fn a_room_is_created_once() {
    let (disk, log) = created();
    assert_eq!((log.room(), log.dir()), (ROOM, room_dir(ROOM).as_path()));
    assert!(matches!(
        Log::create(disk.clone(), ROOM, [1; 32]),
        Err(StoreError::Exists { .. })
    ));
    let missing = Log::open(disk, Path::new("rooms/none"), [1; 32]);
    assert!(matches!(missing, Err(StoreError::Io { .. })));
}

#[test]
fn sizes_are_those_of_the_files() {
    let (disk, log) = grown();
    let sizes = log.disk_bytes();
    assert_eq!(sizes.tails + sizes.blocks, disk.used());
    assert_eq!(log.check().unwrap().bytes, disk.used());
}

#[test]
fn a_real_disk_holds_the_same_bytes_as_the_simulated_one() {
    fn grow<D: Disk>(disk: &D) -> Opened {
        let mut log = Log::create(disk.clone(), ROOM, [0; 32]).unwrap();
        log.set_local(b"facts".to_vec()).unwrap();
        for seq in 1..5 {
            log.append(&[change(1, seq, LARGE)]).unwrap();
        }
        let number = log.ripe().unwrap();
        let block = block_of(&log.read_tail(number).unwrap());
        log.seal(number, &block).unwrap();
        let (mut log, opened) = Log::open(disk.clone(), &room_dir(ROOM), [1; 32]).unwrap();
        log.append(&[change(1, 5, 10)]).unwrap();
        assert_eq!(log.check().unwrap().findings, vec![]);
        opened
    }
    let folder = tempfile::tempdir().unwrap();
    let (sim, real) = (SimDisk::new(), crate::disk::RealDisk::new(folder.path()));
    let (in_sim, on_real) = (grow(&sim), grow(&real));
    assert_eq!((in_sim.tail, in_sim.blocks), (on_real.tail, on_real.blocks));
    let names = real.list(&room_dir(ROOM)).unwrap();
    let files: BTreeMap<_, _> = names
        .iter()
        .map(|name| room_dir(ROOM).join(name))
        .map(|path| (path.clone(), real.read(&path).unwrap()))
        .collect();
    assert!(files == sim.files());
}
