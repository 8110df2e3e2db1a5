"""The program of aiokafka; README.md describes it."""

import asyncio
import json
import sys
import uuid

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

BROKERS = sys.argv[1]
TIMEOUT = 30


def write(document):
    print(json.dumps(document), flush=True)


async def read(consumer):
    async for record in consumer:
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
    }
    if mode in ("commit", "abort"):
        options["transactional_id"] = f"client-{uuid.uuid4()}"
    if largest is not None:
        options["max_request_size"] = largest
    return AIOKafkaProducer(**options)


async def produce(request):
    mode = request["mode"]
    client = producer(request["codec"], mode, request["max"])
    await client.start()
    try:
        if mode in ("commit", "abort"):
            await client.begin_transaction()
        sent = [
            await client.send(
                record["topic"],
                key=encoded(record["key"]),
                value=encoded(record["value"]),
                headers=[(name, value.encode()) for name, value in record["headers"]],
            )
            for record in request["records"]
        ]
        for future in sent:
            await future
        if mode == "commit":
            await client.commit_transaction()
        elif mode == "abort":
            await client.abort_transaction()
    finally:
        await client.stop()


async def main():
    # Without a group, all partitions are assigned once the topic's metadata are there.
    consumer = AIOKafkaConsumer("results", bootstrap_servers=BROKERS)
    await consumer.start()
    while not consumer.assignment():
        await asyncio.sleep(0.05)
    await consumer.seek_to_end()
    for partition in consumer.assignment():
        await consumer.position(partition)
    reading = asyncio.create_task(read(consumer))
    write({"ready": True})
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        try:
            await asyncio.wait_for(produce(json.loads(line)), TIMEOUT)
            write({"outcome": None})
        except Exception as error:
            write({"outcome": f"{type(error).__name__}: {error}"})
    reading.cancel()
    await consumer.stop()


asyncio.run(main())
