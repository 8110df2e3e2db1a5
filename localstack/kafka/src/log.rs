//! A partition's records: a file of record batches as clients send them, with an index in
//! memory.

mod scan;

use std::{
    collections::{HashMap, VecDeque},
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use kafka_protocol::error::ResponseError;

use crate::{
    batch::{Batch, HEADER, Head},
    error::Error,
    topics::Retention,
};

/// Files larger than this are cut to half of it when the broker starts.
const RETAINED_BYTES: u64 = 512 * 1024 * 1024;
/// Number of batches per producer that are recognised as duplicates, as in Kafka.
const REMEMBERED: usize = 5;

/// A batch's offsets and its position in the file.
#[derive(Clone, Copy, Debug)]
struct Entry {
    first: i64,
    last: i64,
    position: u64,
    bytes: u64,
    timestamp: i64,
}

/// The latest batches of an idempotent producer.
#[derive(Debug)]
struct Producer {
    epoch: i16,
    /// First sequence, last sequence and first offset.
    batches: VecDeque<(i32, i32, i64)>,
}

/// A partition's records.
#[derive(Debug)]
pub(crate) struct Log {
    file: File,
    path: PathBuf,
    end: u64,
    next: i64,
    entries: VecDeque<Entry>,
    producers: HashMap<i64, Producer>,
}

impl Log {
    /// Opens or creates the file. Drops a last batch that is incomplete, and skips batches that
    /// are damaged.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut log = Self::scan(path)?;
        if log.end > RETAINED_BYTES {
            log.keep(RETAINED_BYTES / 2)?;
        }
        Ok(log)
    }

    fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        Ok(Self {
            file,
            path: path.to_owned(),
            end: 0,
            next: 0,
            entries: VecDeque::new(),
            producers: HashMap::new(),
        })
    }

    /// Deletes the oldest batches that exceed the topic's retention at `now`, in Unix
    /// milliseconds. Their space is freed once it is half of the file.
    pub(crate) fn expire(&mut self, retention: Retention, now: i64) -> io::Result<()> {
        let oldest = retention.age.map(|age| now.saturating_sub(age));
        let mut bytes: u64 = self.entries.iter().map(|entry| entry.bytes).sum();
        while let Some(first) = self.entries.front() {
            let is_old = oldest.is_some_and(|oldest| first.timestamp < oldest);
            let is_beyond = retention
                .bytes
                .is_some_and(|limit| bytes - first.bytes >= limit);
            if !is_old && !is_beyond {
                break;
            }
            bytes -= first.bytes;
            self.entries.pop_front();
        }
        let used = self
            .entries
            .front()
            .map_or(0, |first| self.end - first.position);
        let is_marker = self.end == HEADER as u64 && self.entries.is_empty();
        if self.end - used > used && !is_marker {
            self.shrink()?;
        }
        Ok(())
    }

    /// Keeps the newest batches, up to `bytes`, but at least one.
    fn keep(&mut self, bytes: u64) -> io::Result<()> {
        while let Some(first) = self.entries.front()
            && self.entries.len() > 1
            && self.end - first.position > bytes
        {
            self.entries.pop_front();
        }
        self.shrink()
    }

    /// Writes the file again without what is before the first batch. Without a batch, it holds a
    /// marker of the next offset. A killed broker leaves the old file.
    fn shrink(&mut self) -> io::Result<()> {
        let shorter = self.path.with_extension("cut");
        let mut target = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&shorter)?;
        let removed = match self.entries.front() {
            Some(first) => {
                let mut source = File::open(&self.path)?;
                io::Seek::seek(&mut source, io::SeekFrom::Start(first.position))?;
                io::copy(&mut source, &mut target)?;
                first.position
            }
            None => {
                target.write_all_at(&Batch::marker(self.next), 0)?;
                self.end - HEADER as u64
            }
        };
        fs::rename(shorter, &self.path)?;
        self.file = target;
        self.end -= removed;
        for entry in &mut self.entries {
            entry.position -= removed;
        }
        Ok(())
    }

    fn index(&mut self, head: &Head) {
        let entry = Entry {
            first: head.first,
            last: head.first + i64::from(head.last_delta),
            position: self.end,
            bytes: head.bytes,
            timestamp: head.timestamp,
        };
        self.end += head.bytes;
        self.next = head.end();
        if head.records == 0 {
            return;
        }
        self.entries.push_back(entry);
        if head.producer >= 0 {
            let producer = self.producers.entry(head.producer).or_insert(Producer {
                epoch: head.epoch,
                batches: VecDeque::new(),
            });
            if producer.epoch != head.epoch {
                producer.epoch = head.epoch;
                producer.batches.clear();
            }
            if producer.batches.len() == REMEMBERED {
                producer.batches.pop_front();
            }
            let last = head.sequence.wrapping_add(head.last_delta);
            producer
                .batches
                .push_back((head.sequence, last, entry.first));
        }
    }

    /// Appends a batch and returns its first offset. A duplicate from an idempotent producer
    /// isn't appended; it gets the offset of the original.
    pub(crate) fn append(&mut self, batch: Batch) -> Result<i64, Error> {
        if let Some(offset) = self.duplicate_of(&batch.head)? {
            return Ok(offset);
        }
        let (head, bytes) = batch.at(self.next);
        self.file.write_all_at(&bytes, self.end)?;
        self.index(&head);
        Ok(head.first)
    }

    fn duplicate_of(&self, head: &Head) -> Result<Option<i64>, ResponseError> {
        let Some(producer) = self.producers.get(&head.producer) else {
            return Ok(None);
        };
        if head.epoch < producer.epoch {
            return Err(ResponseError::InvalidProducerEpoch);
        }
        if head.epoch > producer.epoch {
            return Ok(None);
        }
        if let Some((_, _, offset)) = producer
            .batches
            .iter()
            .find(|(first, _, _)| *first == head.sequence)
        {
            return Ok(Some(*offset));
        }
        match producer.batches.back() {
            Some((_, last, _)) if next_sequence(*last) != head.sequence => {
                Err(ResponseError::OutOfOrderSequenceNumber)
            }
            _ => Ok(None),
        }
    }

    /// Reads batches from the one with `offset` on, up to `max_bytes`, or at least one if
    /// `at_least_one` is set.
    pub(crate) fn read(
        &self,
        offset: i64,
        max_bytes: u64,
        at_least_one: bool,
    ) -> io::Result<Bytes> {
        let start = self.entries.partition_point(|entry| entry.last < offset);
        let Some(first) = self.entries.get(start) else {
            return Ok(Bytes::new());
        };
        let mut total = 0;
        for entry in self.entries.range(start..) {
            let is_full = total + entry.bytes > max_bytes && !(at_least_one && total == 0);
            // A damaged batch may be in between.
            if is_full || entry.position != first.position + total {
                break;
            }
            total += entry.bytes;
        }
        let mut bytes = vec![0; usize::try_from(total).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut bytes, first.position)?;
        Ok(bytes.into())
    }

    /// The oldest offset.
    pub(crate) fn start(&self) -> i64 {
        self.entries.front().map_or(self.next, |entry| entry.first)
    }

    /// The next record's offset.
    pub(crate) const fn next(&self) -> i64 {
        self.next
    }

    /// First offset and timestamp of the first batch at or after `timestamp` (Unix
    /// milliseconds).
    pub(crate) fn at(&self, timestamp: i64) -> Option<(i64, i64)> {
        self.entries
            .iter()
            .find(|entry| entry.timestamp >= timestamp)
            .map(|entry| (entry.first, entry.timestamp))
    }

    /// Last offset and timestamp of the batch with the latest record.
    pub(crate) fn newest(&self) -> Option<(i64, i64)> {
        self.entries
            .iter()
            .max_by_key(|entry| entry.timestamp)
            .map(|entry| (entry.last, entry.timestamp))
    }

    /// Deletes the file.
    pub(crate) fn remove(&self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

/// Sequences wrap from `i32::MAX` to 0.
const fn next_sequence(sequence: i32) -> i32 {
    if sequence == i32::MAX {
        0
    } else {
        sequence + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::samples::batch;

    /// The size of a sample batch.
    const BATCH: u64 = HEADER as u64 + 100;

    fn place(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("local-kafka-{name}-{}", std::process::id()));
        _ = fs::remove_file(&path);
        path
    }

    #[test]
    fn offsets_continue_after_a_restart() {
        let path = place("restart");
        let mut log = Log::open(&path).unwrap();
        assert_eq!(log.append(batch(3, -1, -1)).unwrap(), 0);
        assert_eq!(log.append(batch(1, -1, -1)).unwrap(), 3);
        let mut log = Log::open(&path).unwrap();
        assert_eq!((log.start(), log.next()), (0, 4));
        assert_eq!(log.append(batch(1, -1, -1)).unwrap(), 4);
        log.remove().unwrap();
    }

    #[test]
    fn an_incomplete_batch_is_dropped() {
        let path = place("short");
        let mut log = Log::open(&path).unwrap();
        log.append(batch(1, -1, -1)).unwrap();
        log.append(batch(1, -1, -1)).unwrap();
        log.file.set_len(log.end - 5).unwrap();
        let log = Log::open(&path).unwrap();
        assert_eq!(log.next(), 1);
        log.remove().unwrap();
    }

    #[test]
    fn an_offset_inside_a_batch_reads_that_batch() {
        let path = place("inside");
        let mut log = Log::open(&path).unwrap();
        log.append(batch(3, -1, -1)).unwrap();
        log.append(batch(1, -1, -1)).unwrap();
        let first = |offset, bytes, at_least_one| {
            let mut read = log.read(offset, bytes, at_least_one).unwrap();
            let mut offsets = Vec::new();
            while let Some(header) = read.first_chunk::<HEADER>() {
                let head = Head::parse(header);
                offsets.push(head.first);
                bytes::Buf::advance(&mut read, usize::try_from(head.bytes).unwrap());
            }
            offsets
        };
        assert_eq!(first(1, 1_000_000, false), [0, 3]);
        assert_eq!(first(1, 1, true), [0], "at least one, however large");
        assert!(first(1, 1, false).is_empty());
        assert_eq!(first(3, 1_000_000, false), [3]);
        assert!(first(4, 1_000_000, true).is_empty());
        log.remove().unwrap();
    }

    #[test]
    fn a_duplicate_batch_is_written_once() {
        let path = place("again");
        let mut log = Log::open(&path).unwrap();
        assert_eq!(log.append(batch(2, 9, 0)).unwrap(), 0);
        assert_eq!(log.append(batch(1, 9, 2)).unwrap(), 2);
        assert_eq!(log.append(batch(2, 9, 0)).unwrap(), 0);
        let mut log = Log::open(&path).unwrap();
        assert_eq!(log.append(batch(1, 9, 2)).unwrap(), 2);
        assert_eq!(log.next(), 3);
        assert!(log.append(batch(1, 9, 7)).is_err(), "a gap");
        log.remove().unwrap();
    }

    #[test]
    fn cutting_keeps_the_newest() {
        let path = place("cut");
        let mut log = Log::open(&path).unwrap();
        for _ in 0..10 {
            log.append(batch(1, -1, -1)).unwrap();
        }
        log.keep(2 * BATCH).unwrap();
        assert_eq!((log.start(), log.next()), (8, 10));
        assert_eq!(log.append(batch(1, -1, -1)).unwrap(), 10);
        let log = Log::open(&path).unwrap();
        assert_eq!((log.start(), log.next()), (8, 11));
        log.remove().unwrap();
    }

    #[test]
    fn old_batches_expire() {
        let path = place("expired");
        let mut log = Log::open(&path).unwrap();
        for _ in 0..4 {
            log.append(batch(1, -1, -1)).unwrap();
        }
        // The sample batches are of second 1.
        let retention = Retention {
            age: Some(500),
            bytes: None,
        };
        log.expire(retention, 1_500).unwrap();
        assert_eq!((log.start(), log.next()), (0, 4));
        log.expire(retention, 1_501).unwrap();
        assert_eq!((log.start(), log.next()), (4, 4));
        assert_eq!(log.end, HEADER as u64, "nothing of the records is left");
        log.expire(retention, 1_502).unwrap();
        assert!(log.read(4, 1_000, true).unwrap().is_empty());
        let mut log = Log::open(&path).unwrap();
        assert_eq!((log.start(), log.next()), (4, 4));
        assert_eq!(log.append(batch(2, -1, -1)).unwrap(), 4);
        assert_eq!(log.read(4, 1_000, true).unwrap().len() as u64, BATCH);
        let log = Log::open(&path).unwrap();
        assert_eq!((log.start(), log.next()), (4, 6));
        log.remove().unwrap();
    }

    #[test]
    fn a_log_is_kept_below_its_size() {
        let path = place("size");
        let mut log = Log::open(&path).unwrap();
        for _ in 0..10 {
            log.append(batch(1, -1, -1)).unwrap();
        }
        let retention = Retention {
            age: None,
            bytes: Some(3 * BATCH),
        };
        log.expire(retention, i64::MAX).unwrap();
        assert_eq!((log.start(), log.next()), (7, 10));
        assert_eq!(log.end, 3 * BATCH);
        assert_eq!(log.read(7, 1_000, true).unwrap().len() as u64, 3 * BATCH);
        log.remove().unwrap();
    }
}
