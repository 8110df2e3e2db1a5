//! Record batches as bytes, written to a partition without a client that checks them.
//!
//! Formats: "Kafka protocol guide", Produce request and response of version 3; "Kafka
//! documentation", section "Record batch".

use anyhow::{Context as _, Result, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::kafka::TIMEOUT;

/// Error codes: an unknown server error, which a failure to decompress is, a corrupt message, an
/// unsupported codec, and an invalid record.
const UNREADABLE: [i16; 4] = [-1, 2, 76, 87];

/// A batch with a valid header and checksum, and any content.
#[derive(Clone, Debug)]
pub struct RawBatch {
    /// The lowest three bits name the codec: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
    pub attributes: i16,
    /// The number of records that the header claims.
    pub records: i32,
    /// The bytes in place of the records.
    pub content: Vec<u8>,
}

impl RawBatch {
    fn encode(&self) -> Vec<u8> {
        let mut checked = Vec::new();
        checked.extend(self.attributes.to_be_bytes());
        checked.extend((self.records - 1).to_be_bytes());
        // The first and the last timestamp.
        checked.extend([1_700_000_000_000_i64.to_be_bytes(); 2].concat());
        // No idempotent producer: id, epoch and sequence.
        checked.extend((-1_i64).to_be_bytes());
        checked.extend((-1_i16).to_be_bytes());
        checked.extend((-1_i32).to_be_bytes());
        checked.extend(self.records.to_be_bytes());
        checked.extend(&self.content);
        let mut bytes = Vec::new();
        bytes.extend(0_i64.to_be_bytes());
        bytes.extend(length(checked.len() + 9));
        // The leader's epoch, and the format's version.
        bytes.extend((-1_i32).to_be_bytes());
        bytes.push(2);
        bytes.extend(crc32c::crc32c(&checked).to_be_bytes());
        bytes.extend(checked);
        bytes
    }

    /// Writes the batch; returns whether the broker has taken it. Apache Kafka reads the records, and
    /// refuses what it can't read.
    ///
    /// # Errors
    ///
    /// The broker refuses it for another reason.
    pub async fn write(&self, broker: &str, topic: &str, partition: i32) -> Result<bool> {
        let batch = self.encode();
        let mut body = Vec::new();
        // Produce, version 3, correlation id 7, no client id.
        body.extend([0, 0, 0, 3, 0, 0, 0, 7, 0xff, 0xff]);
        // No transaction; acknowledged by all replicas, within 10 seconds.
        body.extend([0xff, 0xff, 0xff, 0xff]);
        body.extend(10_000_i32.to_be_bytes());
        // One topic, one partition.
        body.extend(1_i32.to_be_bytes());
        body.extend(i16::try_from(topic.len())?.to_be_bytes());
        body.extend(topic.as_bytes());
        body.extend(1_i32.to_be_bytes());
        body.extend(partition.to_be_bytes());
        body.extend(length(batch.len()));
        body.extend(batch);
        let exchange = async {
            let mut socket = TcpStream::connect(broker).await?;
            socket.write_all(&length(body.len())).await?;
            socket.write_all(&body).await?;
            let size = socket.read_i32().await?;
            let mut answer = vec![0; usize::try_from(size)?];
            socket.read_exact(&mut answer).await?;
            Ok::<_, anyhow::Error>(answer)
        };
        let answer = timeout(TIMEOUT, exchange).await.context("no answer")??;
        // Correlation id, one topic with its name, one partition with its index.
        let at = 4 + 4 + 2 + topic.len() + 4 + 4;
        let field = |at: usize, size: usize| answer.get(at..at + size).context("a short answer");
        let code = i16::from_be_bytes(field(at, 2)?.try_into()?);
        ensure!(
            code == 0 || UNREADABLE.contains(&code),
            "the broker refuses the batch: error {code}"
        );
        Ok(code == 0)
    }
}

fn length(length: usize) -> [u8; 4] {
    i32::try_from(length).unwrap_or(i32::MAX).to_be_bytes()
}
