//! One partition's records: a file of Kafka record batches, exactly as they travel on the
//! wire, and an index of them in memory.
//!
//! Tansu's own storage engines do not fit a local stack that must lose nothing: the one in
//! memory forgets topics and offsets with the process (a consumer then waits at an offset
//! that no longer exists), resumes after the *batch* in which the committed offset lies,
//! and may show a later batch before an earlier one; the SQLite one can't fetch a record
//! over 5 MiB. (All three as of Tansu 0.6.0.)

use std::{
    collections::{HashMap, VecDeque},
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use tansu_sans_io::{ErrorCode, record::deflated::Batch};
use tansu_storage::Error;

/// Bytes in front of what a batch's length counts: base offset and the length itself.
const PREFIX: u64 = 12;
/// Bytes of a batch in front of its records (format version 2, KIP-98).
const HEADER: usize = 61;
/// A file longer than this is cut to its newest half when the broker starts.
const RETAINED_BYTES: u64 = 512 * 1024 * 1024;
/// Batches of one producer that are recognised when sent again (Kafka's number).
const REMEMBERED: usize = 5;

/// Where a batch lies, and the offsets it holds.
#[derive(Clone, Copy, Debug)]
struct Entry {
    first: i64,
    last: i64,
    position: u64,
    bytes: u64,
    timestamp: i64,
}

/// What an idempotent producer wrote last.
#[derive(Debug)]
struct Producer {
    epoch: i16,
    /// First sequence, last sequence and first offset of its latest batches.
    batches: VecDeque<(i32, i32, i64)>,
}

/// One partition's records.
#[derive(Debug)]
pub struct Log {
    file: File,
    path: PathBuf,
    end: u64,
    next: i64,
    entries: VecDeque<Entry>,
    producers: HashMap<i64, Producer>,
}

impl Log {
    /// Opens or creates the file. A batch cut short by a killed broker is dropped.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut log = Self::scan(path)?;
        if log.end > RETAINED_BYTES {
            log.cut(RETAINED_BYTES / 2)?;
            log = Self::scan(path)?;
        }
        Ok(log)
    }

    fn scan(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        let length = file.metadata()?.len();
        let mut log = Self {
            file,
            path: path.to_owned(),
            end: 0,
            next: 0,
            entries: VecDeque::new(),
            producers: HashMap::new(),
        };
        let mut header = [0; HEADER];
        while log.end + (HEADER as u64) <= length {
            log.file.read_exact_at(&mut header, log.end)?;
            let head = Head::parse(&header);
            if head.bytes < HEADER as u64 || log.end + head.bytes > length {
                break;
            }
            log.index(&head);
        }
        if log.end < length {
            log.file.set_len(log.end)?;
        }
        Ok(log)
    }

    /// Keeps the newest batches, `keep` bytes of them at most but always one, so that the
    /// next offset is never forgotten.
    fn cut(&self, keep: u64) -> io::Result<()> {
        let Some(last) = self.entries.back() else {
            return Ok(());
        };
        let from = self
            .entries
            .iter()
            .find(|entry| self.end - entry.position <= keep)
            .unwrap_or(last)
            .position;
        let shorter = self.path.with_extension("cut");
        let mut target = File::create(&shorter)?;
        let mut source = File::open(&self.path)?;
        io::Seek::seek(&mut source, io::SeekFrom::Start(from))?;
        io::copy(&mut source, &mut target)?;
        fs::rename(shorter, &self.path)
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
        self.next = entry.last + 1;
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

    /// Appends a batch and answers its first offset; a batch an idempotent producer sends
    /// again is recognised, and answered with the offset it got the first time.
    pub fn append(&mut self, mut batch: Batch) -> Result<i64, Error> {
        if let Some(offset) = self.sent_before(&batch)? {
            return Ok(offset);
        }
        batch.base_offset = self.next;
        let bytes = Bytes::from(batch);
        let header = bytes
            .first_chunk::<HEADER>()
            .ok_or(Error::Api(ErrorCode::CorruptMessage))?;
        let head = Head::parse(header);
        if head.bytes != bytes.len() as u64 || head.last_delta < 0 {
            return Err(Error::Api(ErrorCode::CorruptMessage));
        }
        self.file.write_all_at(&bytes, self.end)?;
        self.index(&head);
        Ok(head.first)
    }

    fn sent_before(&self, batch: &Batch) -> Result<Option<i64>, Error> {
        let Some(producer) = self.producers.get(&batch.producer_id) else {
            return Ok(None);
        };
        if batch.producer_epoch < producer.epoch {
            return Err(Error::Api(ErrorCode::InvalidProducerEpoch));
        }
        if batch.producer_epoch > producer.epoch {
            return Ok(None);
        }
        if let Some((_, _, offset)) = producer
            .batches
            .iter()
            .find(|(first, _, _)| *first == batch.base_sequence)
        {
            return Ok(Some(*offset));
        }
        match producer.batches.back() {
            Some((_, last, _)) if next_sequence(*last) != batch.base_sequence => {
                Err(Error::Api(ErrorCode::OutOfOrderSequenceNumber))
            }
            _ => Ok(None),
        }
    }

    /// The batches from the one that holds `offset` on: at least one if there is any, and
    /// no further one that would pass `max_bytes`.
    pub fn read(&self, offset: i64, max_bytes: u64) -> Result<Vec<Batch>, Error> {
        let start = self.entries.partition_point(|entry| entry.last < offset);
        let mut batches = Vec::new();
        let mut total = 0;
        for entry in self.entries.range(start..) {
            total += entry.bytes;
            if total > max_bytes && !batches.is_empty() {
                break;
            }
            let length = usize::try_from(entry.bytes)?;
            let mut bytes = vec![0; length];
            self.file.read_exact_at(&mut bytes, entry.position)?;
            batches.push(Batch::try_from(Bytes::from(bytes))?);
        }
        Ok(batches)
    }

    /// The oldest offset that is still here.
    pub fn start(&self) -> i64 {
        self.entries.front().map_or(self.next, |entry| entry.first)
    }

    /// The offset that the next record gets.
    pub const fn next(&self) -> i64 {
        self.next
    }

    /// The first offset, and its time, of the first batch written at or after `timestamp`
    /// (milliseconds since 1970).
    pub fn at(&self, timestamp: i64) -> Option<(i64, i64)> {
        self.entries
            .iter()
            .find(|entry| entry.timestamp >= timestamp)
            .map(|entry| (entry.first, entry.timestamp))
    }

    /// Deletes the file.
    pub fn remove(&self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

/// Sequences run from 0 to `i32::MAX` and begin again.
const fn next_sequence(sequence: i32) -> i32 {
    if sequence == i32::MAX {
        0
    } else {
        sequence + 1
    }
}

/// The part of a batch's header that the index needs.
#[derive(Debug)]
struct Head {
    first: i64,
    bytes: u64,
    last_delta: i32,
    timestamp: i64,
    producer: i64,
    epoch: i16,
    sequence: i32,
}

impl Head {
    fn parse(header: &[u8; HEADER]) -> Self {
        Self {
            first: i64::from_be_bytes(field(header, 0)),
            // A negative length is no batch: 0 ends the scan.
            bytes: u64::try_from(i32::from_be_bytes(field(header, 8)))
                .map_or(0, |length| length + PREFIX),
            last_delta: i32::from_be_bytes(field(header, 23)),
            timestamp: i64::from_be_bytes(field(header, 35)),
            producer: i64::from_be_bytes(field(header, 43)),
            epoch: i16::from_be_bytes(field(header, 51)),
            sequence: i32::from_be_bytes(field(header, 53)),
        }
    }
}

/// `N` bytes of the header, from `at` on.
fn field<const N: usize>(header: &[u8; HEADER], at: usize) -> [u8; N] {
    std::array::from_fn(|index| header[at + index])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(records: i32, producer: i64, sequence: i32) -> Batch {
        let data = vec![7; 100];
        Batch {
            batch_length: i32::try_from(HEADER - 12 + data.len()).unwrap(),
            magic: 2,
            last_offset_delta: records - 1,
            max_timestamp: 1_000,
            producer_id: producer,
            base_sequence: sequence,
            record_count: u32::try_from(records).unwrap(),
            record_data: Bytes::from(data),
            ..Batch::default()
        }
    }

    fn place(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("local-kafka-{name}-{}", std::process::id()));
        _ = fs::remove_file(&path);
        path
    }

    #[test]
    fn offsets_go_on_after_a_restart() {
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
    fn a_batch_cut_short_is_dropped() {
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
        let first = |offset, bytes| {
            log.read(offset, bytes)
                .unwrap()
                .iter()
                .map(|batch| batch.base_offset)
                .collect::<Vec<_>>()
        };
        assert_eq!(first(1, 1_000_000), [0, 3]);
        assert_eq!(first(1, 1), [0], "at least one, however large");
        assert_eq!(first(3, 1_000_000), [3]);
        assert!(first(4, 1_000_000).is_empty());
        log.remove().unwrap();
    }

    #[test]
    fn a_batch_sent_again_is_written_once() {
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
        log.cut(2 * (HEADER as u64 + 100)).unwrap();
        let log = Log::open(&path).unwrap();
        assert_eq!((log.start(), log.next()), (8, 10));
        log.remove().unwrap();
    }
}
