"""The program of kafka-python; README.md describes it."""

import json
import sys
import threading
import uuid

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

BROKERS = sys.argv[1]
TIMEOUT = 30
output = threading.Lock()


def write(document):
    with output:
        print(json.dumps(document), flush=True)


def read():
    consumer = KafkaConsumer(bootstrap_servers=BROKERS, enable_auto_commit=False)
    partitions = consumer.partitions_for_topic("results")
    partitions = [TopicPartition("results", it) for it in partitions]
    consumer.assign(partitions)
    for partition, end in consumer.end_offsets(partitions).items():
        consumer.seek(partition, end)
    write({"ready": True})
    for record in consumer:
        headers = [[name, value.decode()] for name, value in record.headers]
        write({"answer": {"headers": headers, "value": record.value.decode()}})


def encoded(text):
    return None if text is None else text.encode()


def producer(codec, mode, largest):
    options = {
        "bootstrap_servers": BROKERS,
        "acks": "all",
        "compression_type": None if codec == "none" else codec,
        "enable_idempotence": mode != "plain",
        "max_block_ms": TIMEOUT * 1000,
    }
    if mode in ("commit", "abort"):
        options["transactional_id"] = f"client-{uuid.uuid4()}"
    if largest is not None:
        options["max_request_size"] = largest
    return KafkaProducer(**options)


def produce(request):
    mode = request["mode"]
    client = producer(request["codec"], mode, request["max"])
    try:
        if mode in ("commit", "abort"):
            client.init_transactions()
            client.begin_transaction()
        sent = [
            client.send(
                record["topic"],
                key=encoded(record["key"]),
                value=encoded(record["value"]),
                headers=[(name, value.encode()) for name, value in record["headers"]],
            )
            for record in request["records"]
        ]
        client.flush(timeout=TIMEOUT)
        for future in sent:
            future.get(timeout=TIMEOUT)
        if mode == "commit":
            client.commit_transaction()
        elif mode == "abort":
            client.abort_transaction()
    finally:
        client.close(timeout=1)


threading.Thread(target=read, daemon=True).start()
for line in sys.stdin:
    try:
        produce(json.loads(line))
        write({"outcome": None})
    except Exception as error:
        write({"outcome": f"{type(error).__name__}: {error}"})
