//! Reads a partition's file when the broker starts, and checks every batch.
//!
//! A damaged batch, such as one with a flipped byte, is skipped: it stays in the file, but isn't
//! in the index. Its length may be damaged, too, so the next batch is looked for byte by byte.

use std::{io, os::unix::fs::FileExt as _, path::Path};

use super::Log;
use crate::batch::{Batch, HEADER, Head};

/// How far the offset after a damaged batch may be ahead. A batch has fewer records.
const MAX_GAP: i64 = 100_000_000;

/// Number of bytes that are searched at once.
const CHUNK: usize = 1024 * 1024;

impl Log {
    pub(super) fn scan(path: &Path) -> io::Result<Self> {
        let mut log = Self::create(path)?;
        let length = log.file.metadata()?.len();
        while log.end < length {
            if let Some(head) = log.batch_at(log.end, length)?
                && log.continues(&head, length)?
            {
                log.index(&head);
                continue;
            }
            let damaged = log.head_at(log.end, length)?;
            match log.find_batch(length, damaged)? {
                Some((position, head)) => {
                    log.report_damage(head.first);
                    log.end = position;
                    log.index(&head);
                }
                None => {
                    log.end_with(damaged, length)?;
                    break;
                }
            }
        }
        Ok(log)
    }

    /// The end of a file whose last batch isn't intact. A complete one keeps its offsets, which
    /// may have been committed. An incomplete one was never acknowledged.
    fn end_with(&mut self, last: Option<Head>, length: u64) -> io::Result<()> {
        let complete = last.filter(|head| self.end + head.bytes == length && self.is_next(head));
        match complete {
            Some(head) => {
                // The header has the number twice, of which one may be damaged.
                let records = head.records.min(head.last_delta.saturating_add(1)).max(1);
                let next = head.first + i64::from(records);
                self.report_damage(next);
                self.end = length;
                self.next = next;
            }
            None => self.file.set_len(self.end)?,
        }
        Ok(())
    }

    fn report_damage(&self, next: i64) {
        eprintln!(
            "{}: a damaged batch is skipped; its records, from offset {} up to {}, are lost",
            self.path.display(),
            self.next,
            next - 1
        );
    }

    /// The header at a position, whether or not it is valid.
    fn head_at(&self, position: u64, length: u64) -> io::Result<Option<Head>> {
        if position + HEADER as u64 > length {
            return Ok(None);
        }
        let mut header = [0; HEADER];
        self.file.read_exact_at(&mut header, position)?;
        let head = Head::parse(&header);
        let fits = head.bytes >= HEADER as u64 && position + head.bytes <= length;
        Ok(fits.then_some(head))
    }

    /// The batch at a position, if it is intact.
    fn batch_at(&self, position: u64, length: u64) -> io::Result<Option<Head>> {
        let Some(head) = self.head_at(position, length)? else {
            return Ok(None);
        };
        let mut bytes = vec![0; usize::try_from(head.bytes).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut bytes, position)?;
        Ok(Batch::is_intact(&bytes).then_some(head))
    }

    /// Whether a batch has the offset that follows the last one.
    fn is_next(&self, head: &Head) -> bool {
        head.first == self.next || self.end == 0 && head.first >= 0
    }

    /// Whether a batch's offset, which its checksum doesn't cover, is right. The first one's is
    /// known from the next two, of which one may have a damaged offset itself.
    fn continues(&self, head: &Head, length: u64) -> io::Result<bool> {
        if self.end > 0 {
            return Ok(self.is_next(head));
        }
        let Some(second) = self.batch_at(head.bytes, length)? else {
            return Ok(head.first >= 0);
        };
        let behind = head.end() + i64::from(second.last_delta) + 1;
        let third = self.batch_at(head.bytes + second.bytes, length)?;
        let follows = match third {
            _ if second.first == head.end() => true,
            Some(third) => third.first == behind,
            None => second.first > head.first,
        };
        Ok(head.first >= 0 && follows)
    }

    /// The first intact batch behind a damaged one.
    fn find_batch(&self, length: u64, damaged: Option<Head>) -> io::Result<Option<(u64, Head)>> {
        let follows = |head: &Head| {
            let ahead = head.first - self.next;
            head.first > self.next && (ahead < MAX_GAP || self.end == 0)
        };
        // If its length is right, the next one follows.
        if let Some(damaged) = damaged {
            let position = self.end + damaged.bytes;
            if let Some(head) = self.batch_at(position, length)?.filter(follows) {
                return Ok(Some((position, head)));
            }
        }
        let mut start = self.end + 1;
        let mut chunk = vec![0; CHUNK];
        while start + HEADER as u64 <= length {
            let size = CHUNK.min(usize::try_from(length - start).unwrap_or(CHUNK));
            let bytes = &mut chunk[..size];
            self.file.read_exact_at(bytes, start)?;
            for (index, header) in bytes.windows(HEADER).enumerate() {
                let position = start + index as u64;
                let Some(header) = header.first_chunk::<HEADER>() else {
                    continue;
                };
                let head = Head::parse(header);
                let fits = head.bytes >= HEADER as u64 && position + head.bytes <= length;
                if fits
                    && follows(&head)
                    && let Some(head) = self.batch_at(position, length)?
                {
                    return Ok(Some((position, head)));
                }
            }
            // The last bytes may be the start of a header.
            start += (size + 1 - HEADER) as u64;
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::batch::samples::batch;

    /// A log of five batches with two records each, and the size of one.
    fn written(name: &str) -> (std::path::PathBuf, usize) {
        let path = std::env::temp_dir().join(format!("local-kafka-{name}-{}", std::process::id()));
        _ = fs::remove_file(&path);
        let mut log = Log::open(&path).unwrap();
        for _ in 0..5 {
            log.append(batch(2, -1, -1)).unwrap();
        }
        (path, usize::try_from(log.end / 5).unwrap())
    }

    /// The offsets of the batches that can be read from the start on.
    fn offsets(log: &Log) -> Vec<i64> {
        let mut offsets = Vec::new();
        let mut offset = log.start();
        while offset < log.next() {
            let read = log.read(offset, 1, true).unwrap();
            let Some(header) = read.first_chunk::<HEADER>() else {
                break;
            };
            assert!(Batch::is_intact(&read));
            let head = Head::parse(header);
            offsets.push(head.first);
            offset = head.end();
        }
        offsets
    }

    #[test]
    fn a_flipped_bit_loses_its_batch_only() {
        let (path, size) = written("flipped");
        let whole = fs::read(&path).unwrap();
        for position in 0..whole.len() {
            // The leader's epoch means nothing here.
            let in_batch = position % size;
            if (12..16).contains(&in_batch) {
                continue;
            }
            let mut flipped = whole.clone();
            flipped[position] ^= 0x10;
            fs::write(&path, &flipped).unwrap();
            let mut log = Log::open(&path).unwrap();
            let damaged = i64::try_from(position / size).unwrap() * 2;
            let expected: Vec<_> = [0, 2, 4, 6, 8]
                .into_iter()
                .filter(|offset| *offset != damaged)
                .collect();
            assert_eq!(offsets(&log), expected, "position {position}");
            // Of the last batch, a damaged length or offset leaves nothing to go by.
            if damaged == 8 && in_batch < 12 {
                continue;
            }
            // The offsets go on where they were.
            let appended = log.append(batch(1, -1, -1)).unwrap();
            assert_eq!(appended, 10, "position {position}");
            let again = offsets(&Log::open(&path).unwrap());
            assert_eq!(
                again,
                [expected, vec![appended]].concat(),
                "position {position}"
            );
        }
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_read_stops_at_a_damaged_batch() {
        let (path, size) = written("gap");
        let mut bytes = fs::read(&path).unwrap();
        bytes[2 * size + 100] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let log = Log::open(&path).unwrap();
        assert_eq!(log.read(0, 1_000_000, false).unwrap().len(), 2 * size);
        assert_eq!(log.read(4, 1_000_000, false).unwrap().len(), 2 * size);
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn garbage_between_batches_is_skipped() {
        let (path, size) = written("garbage");
        let mut bytes = fs::read(&path).unwrap();
        bytes.splice(size..2 * size, [2; 1_000]);
        fs::write(&path, &bytes).unwrap();
        assert_eq!(offsets(&Log::open(&path).unwrap()), [0, 4, 6, 8]);
        fs::remove_file(&path).unwrap();
    }
}
