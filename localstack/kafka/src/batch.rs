//! Record batches: a header of 61 bytes (format 2, KIP-98) and the records, which the broker
//! never parses.

use bytes::{Bytes, BytesMut};
use kafka_protocol::error::ResponseError;

/// Size of the header.
pub(crate) const HEADER: usize = 61;
/// Size of the base offset and the length, which the length doesn't include.
const PREFIX: u64 = 12;
/// Start of the part that the checksum covers.
const CHECKED: usize = 21;
/// The only format since Kafka 0.11.
const FORMAT: u8 = 2;

/// The fields of a header that the broker uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// Offset of the first record.
    pub(crate) first: i64,
    /// Size of the batch with its header; 0 if the length is invalid.
    pub(crate) bytes: u64,
    /// Offset of the last record minus that of the first.
    pub(crate) last_delta: i32,
    /// The latest record's timestamp in Unix milliseconds.
    pub(crate) timestamp: i64,
    /// Id of an idempotent producer, or -1.
    pub(crate) producer: i64,
    pub(crate) epoch: i16,
    /// The first record's sequence number.
    pub(crate) sequence: i32,
    /// The number of records; 0 for a [marker](Batch::marker).
    pub(crate) records: i32,
}

impl Head {
    pub(crate) fn parse(header: &[u8; HEADER]) -> Self {
        Self {
            first: i64::from_be_bytes(field(header, 0)),
            bytes: u64::try_from(i32::from_be_bytes(field(header, 8)))
                .map_or(0, |length| length + PREFIX),
            last_delta: i32::from_be_bytes(field(header, 23)),
            timestamp: i64::from_be_bytes(field(header, 35)),
            producer: i64::from_be_bytes(field(header, 43)),
            epoch: i16::from_be_bytes(field(header, 51)),
            sequence: i32::from_be_bytes(field(header, 53)),
            records: i32::from_be_bytes(field(header, 57)),
        }
    }

    /// Offset after the last record.
    pub(crate) fn end(&self) -> i64 {
        self.first + i64::from(self.last_delta) + 1
    }
}

/// `N` bytes of the header, starting at `at`.
fn field<const N: usize>(header: &[u8; HEADER], at: usize) -> [u8; N] {
    std::array::from_fn(|index| header[at + index])
}

/// A valid batch.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) head: Head,
    bytes: Bytes,
}

impl Batch {
    /// Validates a batch. As in Kafka, a request has one batch per partition.
    pub(crate) fn parse(bytes: Bytes) -> Result<Self, ResponseError> {
        let Some(header) = bytes.first_chunk::<HEADER>() else {
            return Err(ResponseError::CorruptMessage);
        };
        let head = Head::parse(header);
        if header[16] != FORMAT {
            return Err(ResponseError::UnsupportedForMessageFormat);
        }
        if head.bytes > bytes.len() as u64 || head.bytes < HEADER as u64 {
            return Err(ResponseError::CorruptMessage);
        }
        let checksum = u32::from_be_bytes(field(header, 17));
        if head.bytes < bytes.len() as u64 {
            return Err(ResponseError::InvalidRecord);
        }
        if crc32c::crc32c(&bytes[CHECKED..]) != checksum {
            return Err(ResponseError::CorruptMessage);
        }
        if head.last_delta < 0 || head.records.checked_sub(1) != Some(head.last_delta) {
            return Err(ResponseError::InvalidRecord);
        }
        Ok(Self { head, bytes })
    }

    /// A batch without records at the offset before `next`. A log whose records have all expired
    /// consists of one, so that offsets go on after a restart.
    pub(crate) fn marker(next: i64) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(&(next - 1).to_be_bytes());
        bytes[8..12].copy_from_slice(&(HEADER as i32 - PREFIX as i32).to_be_bytes());
        bytes[16] = FORMAT;
        // No producer: -1 in its id, epoch and sequence.
        bytes[43..57].fill(0xff);
        let checksum = crc32c::crc32c(&bytes[CHECKED..]);
        bytes[17..21].copy_from_slice(&checksum.to_be_bytes());
        bytes
    }

    /// Whether a stored batch is as it was written. The checksum covers all but the offset, the
    /// length and the leader's epoch.
    pub(crate) fn is_intact(bytes: &[u8]) -> bool {
        let Some(header) = bytes.first_chunk::<HEADER>() else {
            return false;
        };
        let checksum = u32::from_be_bytes(field(header, 17));
        header[16] == FORMAT && crc32c::crc32c(&bytes[CHECKED..]) == checksum
    }

    /// The batch with its base offset set, which the checksum doesn't cover.
    pub(crate) fn at(self, offset: i64) -> (Head, Bytes) {
        let mut bytes = BytesMut::from(self.bytes);
        bytes[..8].copy_from_slice(&offset.to_be_bytes());
        let head = Head {
            first: offset,
            ..self.head
        };
        (head, bytes.freeze())
    }
}

/// Sample batches.
#[cfg(test)]
pub(crate) mod samples {
    use super::{Batch, Bytes, HEADER};

    /// The bytes of a batch with this record count.
    pub(crate) fn bytes(records: i32, producer: i64, sequence: i32) -> Vec<u8> {
        let mut bytes = vec![7; HEADER + 100];
        let length = i32::try_from(bytes.len() - 12).unwrap();
        bytes[..8].copy_from_slice(&0_i64.to_be_bytes());
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        bytes[16] = 2;
        bytes[21..23].copy_from_slice(&0_i16.to_be_bytes());
        bytes[23..27].copy_from_slice(&(records - 1).to_be_bytes());
        bytes[27..35].copy_from_slice(&1_000_i64.to_be_bytes());
        bytes[35..43].copy_from_slice(&1_000_i64.to_be_bytes());
        bytes[43..51].copy_from_slice(&producer.to_be_bytes());
        bytes[51..53].copy_from_slice(&0_i16.to_be_bytes());
        bytes[53..57].copy_from_slice(&sequence.to_be_bytes());
        bytes[57..61].copy_from_slice(&records.to_be_bytes());
        let checksum = crc32c::crc32c(&bytes[21..]);
        bytes[17..21].copy_from_slice(&checksum.to_be_bytes());
        bytes
    }

    pub(crate) fn batch(records: i32, producer: i64, sequence: i32) -> Batch {
        Batch::parse(Bytes::from(bytes(records, producer, sequence))).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(bytes: Vec<u8>) -> Result<i32, ResponseError> {
        Batch::parse(Bytes::from(bytes)).map(|batch| batch.head.last_delta)
    }

    #[test]
    fn damage_is_detected() {
        let whole = samples::bytes(3, -1, -1);
        assert_eq!(outcome(whole.clone()), Ok(2));
        let mut flipped = whole.clone();
        flipped[100] ^= 1;
        assert_eq!(outcome(flipped), Err(ResponseError::CorruptMessage));
        let short = whole[..whole.len() - 1].to_vec();
        assert_eq!(outcome(short), Err(ResponseError::CorruptMessage));
        assert_eq!(outcome(Vec::new()), Err(ResponseError::CorruptMessage));
        let two = [whole.clone(), whole.clone()].concat();
        assert_eq!(outcome(two), Err(ResponseError::InvalidRecord));
        let mut old = whole;
        old[16] = 1;
        assert_eq!(
            outcome(old),
            Err(ResponseError::UnsupportedForMessageFormat)
        );
        assert_eq!(
            outcome(samples::bytes(0, -1, -1)),
            Err(ResponseError::InvalidRecord)
        );
    }

    #[test]
    fn setting_the_offset_keeps_the_checksum_valid() {
        let (head, bytes) = samples::batch(2, -1, -1).at(41);
        assert_eq!(head.first, 41);
        assert_eq!(Batch::parse(bytes).unwrap().head, head);
    }
}
