// The program of kafkajs; README.md describes it.

import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import kafkajs from 'kafkajs';

const { CompressionTypes, Kafka, logLevel } = kafkajs;
const CODECS = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP };
const kafka = new Kafka({ brokers: process.argv[2].split(','), logLevel: logLevel.NOTHING });

const write = (document) => console.log(JSON.stringify(document));

/** kafkajs has one entry for each name, with one value or several. */
function headers(pairs) {
  const found = {};
  for (const [name, value] of pairs) {
    (found[name] ??= []).push(value);
  }
  return found;
}

async function produce({ records, codec, mode }) {
  const transaction = mode === 'commit' || mode === 'abort';
  const producer = kafka.producer({
    idempotent: mode !== 'plain',
    maxInFlightRequests: 1,
    ...(transaction && { transactionalId: `client-${randomUUID()}` }),
    retry: { retries: 3 },
  });
  await producer.connect();
  try {
    const sender = transaction ? await producer.transaction() : producer;
    await sender.sendBatch({
      acks: -1,
      compression: CODECS[codec],
      topicMessages: records.map((record) => ({
        topic: record.topic,
        messages: [{ ...record, headers: headers(record.headers) }],
      })),
    });
    if (mode === 'commit') {
      await sender.commit();
    } else if (mode === 'abort') {
      await sender.abort();
    }
  } finally {
    await producer.disconnect();
  }
}

// kafkajs has no consumer without a group. Its first fetch is where it starts to read.
const consumer = kafka.consumer({ groupId: `client-${randomUUID()}` });
const reading = new Promise((resolve) => {
  consumer.on(consumer.events.FETCH, resolve);
});
await consumer.connect();
await consumer.subscribe({ topic: 'results', fromBeginning: false });
await consumer.run({
  autoCommit: false,
  eachMessage: ({ message }) => {
    const pairs = Object.entries(message.headers).flatMap(([name, values]) =>
      [values].flat().map((value) => [name, value.toString()]),
    );
    write({ answer: { headers: pairs, value: message.value.toString() } });
    return Promise.resolve();
  },
});
await reading;
write({ ready: true });

for await (const line of createInterface({ input: process.stdin })) {
  try {
    await produce(JSON.parse(line));
    write({ outcome: null });
  } catch (error) {
    write({ outcome: `${error.name}: ${error.message}` });
  }
}
await consumer.disconnect();
