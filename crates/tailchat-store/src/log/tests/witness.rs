//! Somebody who uses a log, remembers what was acknowledged, and compares after every opening.

use super::*;

pub(super) struct Witness {
    pub(super) disk: SimDisk,
    /// None after an error that ends the writing.
    log: Option<Log<SimDisk>>,
    acknowledged: Vec<Key>,
    /// Tried, and neither acknowledged nor refused.
    open_question: Vec<Key>,
    local: Option<Vec<u8>>,
    local_in_question: Vec<Vec<u8>>,
    next_seq: u64,
    pub(super) findings: Vec<Finding>,
}

impl Witness {
    pub(super) fn new() -> Self {
        let (disk, log) = created();
        Self::of(disk, Some(log))
    }

    pub(super) fn of(disk: SimDisk, log: Option<Log<SimDisk>>) -> Self {
        Self {
            disk,
            log,
            acknowledged: vec![],
            open_question: vec![],
            local: None,
            local_in_question: vec![],
            next_seq: 1,
            findings: vec![],
        }
    }

    /// The same on a disk of its own. A log that is open stays so.
    pub(super) fn fork(&self) -> Self {
        let disk = self.disk.fork();
        let log = self.log.as_ref().map(|log| log.on(disk.clone()));
        Self {
            log,
            disk,
            acknowledged: self.acknowledged.clone(),
            open_question: self.open_question.clone(),
            local: self.local.clone(),
            local_in_question: self.local_in_question.clone(),
            next_seq: self.next_seq,
            findings: self.findings.clone(),
        }
    }

    /// The same after a power cut now, in every way; of very many so many.
    pub(super) fn crashes(&self, most: u64) -> impl Iterator<Item = Self> {
        let disks = self.disk.crashes(most).into_iter();
        disks.map(|disk| Self {
            log: None,
            disk,
            ..self.fork()
        })
    }

    /// Appends fresh changes. Refused ones are tried once more, as a person would.
    pub(super) fn append(&mut self, count: u8, len: usize) {
        let Some(log) = &mut self.log else { return };
        let seqs = self.next_seq..self.next_seq + u64::from(count);
        self.next_seq = seqs.end;
        let batch: Vec<_> = seqs.map(|seq| change(1, seq, len)).collect();
        let keys = batch.iter().map(key);
        let result = log.append(&batch).or_else(|error| {
            if retry(&error) {
                log.append(&batch)
            } else {
                Err(error)
            }
        });
        match result {
            Ok(_) => self.acknowledged.extend(keys),
            // Refused for good: it must never be seen again.
            Err(StoreError::Full { .. } | StoreError::Write { .. }) => {}
            Err(StoreError::Poisoned { .. }) => self.open_question.extend(keys),
            Err(error) => panic!("{error}"),
        }
    }

    pub(super) fn set_local(&mut self) {
        let Some(log) = &mut self.log else { return };
        let local = format!("local {}", self.next_seq).into_bytes();
        self.next_seq += 1;
        let result = log.set_local(local.clone());
        match result.or_else(|error| {
            if retry(&error) {
                log.set_local(local.clone())
            } else {
                Err(error)
            }
        }) {
            Ok(()) => self.local = Some(local),
            Err(StoreError::Full { .. } | StoreError::Write { .. }) => {}
            Err(StoreError::Poisoned { .. }) => self.local_in_question.push(local),
            Err(error) => panic!("{error}"),
        }
    }

    /// Seals the oldest tail that is ripe, if one is. An error may come at any time and costs nothing.
    pub(super) fn seal(&mut self) {
        let Some(log) = &mut self.log else { return };
        let Some(number) = log.ripe() else { return };
        let sealed = log.sealer(number).and_then(|sealer| {
            let block = block_of(&sealer.changes()?);
            sealer.seal(&block)
        });
        if let Ok(sealed) = sealed {
            log.sealed(sealed);
        }
    }

    /// Opens the log again on a disk that may fail: nothing is compared.
    pub(super) fn reopen_if_possible(&mut self) {
        self.log = Log::open(self.disk.clone(), &room_dir(ROOM), [77; 32])
            .ok()
            .map(|(log, _)| log);
    }

    /// Opens the log again and compares.
    pub(super) fn reopen(&mut self) {
        let (log, opened) = open(&self.disk);
        let present = first_of_each(all(&log, &opened));
        let kept = present.len().min(self.acknowledged.len());
        assert!(
            present[..kept] == self.acknowledged,
            "{} of {}",
            present.len(),
            self.acknowledged.len()
        );
        for stray in &present[kept..] {
            assert!(
                self.open_question.contains(stray),
                "{} {} was never to be seen again",
                stray.0,
                stray.1
            );
        }
        let in_question = opened
            .local
            .as_ref()
            .is_some_and(|local| self.local_in_question.contains(local));
        assert!(
            opened.local == self.local || in_question,
            "{:?} {:?}",
            opened.local,
            self.local
        );
        assert_eq!(log.poisoned(), None);
        (self.acknowledged, self.local) = (present, opened.local);
        self.open_question.clear();
        self.local_in_question.clear();
        (self.log, self.findings) = (Some(log), opened.findings);
        self.read_all();
    }

    /// How many changes are acknowledged.
    pub(super) fn acknowledged(&self) -> usize {
        self.acknowledged.len()
    }

    /// Reads everything again by what is wanted.
    fn read_all(&self) {
        let Some(log) = &self.log else { return };
        for (actor, seq, bytes) in &self.acknowledged {
            let span = Span {
                actor: *actor,
                first_seq: *seq,
                last_seq: *seq,
            };
            match log.read(&[span], 0).unwrap() {
                Stored::Nothing => panic!("{seq} is missing"),
                Stored::Block(_, block) => assert!(block.spans.contains(&span)),
                Stored::Changes(changes) => assert_eq!(changes[0].change, *bytes),
            }
        }
    }
}

/// Whether the same call may be tried again.
fn retry(error: &StoreError) -> bool {
    matches!(error, StoreError::Full { .. } | StoreError::Write { .. })
}

fn first_of_each(keys: Vec<Key>) -> Vec<Key> {
    let mut seen = std::collections::BTreeSet::new();
    keys.into_iter().filter(|key| seen.insert(key.clone())).collect()
}
