"""Keeps what MiniStack has acknowledged over a crash.

MiniStack keeps tables, secrets and queues in memory. Here each request that changes them is appended
to a journal before it is answered, and the journal is replayed at the next start. S3 writes objects
to disk itself; the messages that it sends to queues are in the journal, too. Data is handed to the system, not flushed to the disk: it survives a crash of
MiniStack, not one of the machine.

A snapshot of the whole state starts a new journal, so that the journal stays short. `current` names
the snapshot in use. A snapshot that is interrupted leaves the previous one in use, with both
journals.
"""

import asyncio
import json
import os
import re
import shutil
import threading
import time
from pathlib import Path

from ministack import app
from ministack.core import persistence
from ministack.services import s3, sqs

# A snapshot is taken when the journal has reached this size, or this age.
MAX_BYTES = 1024 * 1024
MAX_SECONDS = 60
CHECK_SECONDS = 1

# Actions that change nothing. ReceiveMessage and the visibility are left out too: after a crash,
# messages are delivered again, as after their visibility timeout.
READS = re.compile(
    r"(BatchGet|Get|Describe|List|Query|Scan|TransactGet|Receive|ChangeMessageVisibility)\w*"
)
TARGETS = ("DynamoDB_20120810.", "secretsmanager.", "AmazonSQS.")
# A bucket itself, or its configuration.
BUCKET = re.compile(r"/[^/]+/?")


def target_of(scope):
    for name, value in scope["headers"]:
        if name.lower() == b"x-amz-target":
            return value.decode("latin-1")
    return ""


def changes(scope):
    """Whether a request changes what only the memory has."""
    target = target_of(scope)
    if target.startswith(TARGETS):
        return not READS.fullmatch(target.rsplit(".", 1)[1])
    if target or scope["path"].startswith("/_"):
        return False
    return scope["method"] in ("PUT", "DELETE") and BUCKET.fullmatch(scope["path"])


class Journal:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.pointer = self.folder / "current"
        self.generation = int(self.pointer.read_text()) if self.pointer.exists() else 0
        persistence.STATE_DIR = str(self.snapshot(self.generation))
        # Journals are written in the order in which requests take effect.
        self.order = asyncio.Lock()
        self.saving = threading.Lock()
        self.file = None
        self.replaying = False
        self.keep_events()

    def snapshot(self, generation):
        # The first one is where MiniStack itself would keep it.
        return self.folder / f"snapshot-{generation}" if generation else self.folder

    def path(self, generation):
        return self.folder / f"journal-{generation}.jsonl"

    def begin(self, generation):
        """Appends to the journal after this snapshot from now on."""
        if self.file:
            self.file.close()
        self.file = self.path(generation).open("a")
        self.writing = generation
        self.since = time.monotonic()

    def write(self, entry):
        self.file.write(json.dumps(entry) + "\n")
        self.file.flush()

    def keep_events(self):
        """Makes S3 send an event before it answers the request that causes it, and keeps the
        message. MiniStack sends events after the answer, on a thread."""
        deliver = s3._deliver_event_to_sqs

        def send(bucket, key, event, size=0, etag="", deletion_type=None, **details):
            if bucket in s3._bucket_notifications:
                details["sequencer"] = s3._next_event_sequencer(event)
                s3._fire_s3_event(bucket, key, event, size, etag, deletion_type, **details)

        def keep(arn, payload, region, bucket_name=""):
            queue = sqs._queue_by_arn(arn)
            # A request that is replayed has its message in the journal.
            if queue is None or self.replaying:
                return
            deliver(arn, payload, region, bucket_name=bucket_name)
            self.write({"queue": arn, "message": queue["messages"][-1]})

        s3._fire_s3_event_async = send
        s3._deliver_event_to_sqs = keep

    def serve(self, served):
        async def serve(scope, receive, send):
            if scope["type"] == "lifespan":
                return await served(scope, receive, self.starting(served, send))
            if scope["type"] != "http" or not changes(scope):
                return await served(scope, receive, send)
            body = await read(receive)
            async with self.order:
                entry = {**as_entry(scope, body), **deletions(scope, body)}
                answer = Answer()
                await served(scope, again(body), answer.take)
                if answer.status < 300:
                    entry["ids"] = answer.message_ids()
                    self.write(entry)
            for message in answer.messages:
                await send(message)

        return serve

    def starting(self, served, send):
        async def started(message):
            if message["type"] == "lifespan.startup.complete":
                await self.replay(served)
                self.watcher = asyncio.create_task(self.watch())
            await send(message)

        return started

    async def replay(self, served):
        """Repeats the requests since the last snapshot, and takes a new one."""
        count, generation = 0, self.generation
        self.replaying = True
        while self.path(generation).exists():
            with self.path(generation).open() as lines:
                for line in lines:
                    # The last line is incomplete if the crash came first; it wasn't answered.
                    if line.endswith("\n"):
                        await asyncio.create_task(repeat(served, json.loads(line)))
                        count += 1
            generation += 1
        self.replaying = False
        self.begin(max(self.generation, generation - 1))
        if count:
            print(f"{count} requests of an earlier run were replayed", flush=True)
            self.save(*self.take())

    async def watch(self):
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            async with self.order:
                size = self.file.tell()
                due = size > MAX_BYTES or time.monotonic() - self.since > MAX_SECONDS
                if not size or not due:
                    continue
                taken = self.take()
            # Writing it takes long, and later requests are in the new journal.
            await asyncio.to_thread(self.save, *taken)

    def take(self):
        """Copies the state, and begins the journal that follows it."""
        services = app._build_persistence_save_dict().items()
        state = {name: get_state() for name, get_state in services}
        generation = self.writing + 1
        self.begin(generation)
        return generation, {name: copy for name, copy in state.items() if copy is not None}

    def save(self, generation, state):
        """Writes a snapshot and makes it the current one."""
        with self.saving:
            if generation < self.generation:
                return
            folder = self.snapshot(generation)
            folder.mkdir(exist_ok=True)
            persistence.STATE_DIR = str(folder)
            persistence.save_all({name: lambda copy=copy: copy for name, copy in state.items()})
            missing = [name for name in state if not (folder / f"{name}.json").exists()]
            if missing:
                print(f"the snapshot lacks {missing}; the journal goes on", flush=True)
                return
            new = self.pointer.with_suffix(".new")
            new.write_text(str(generation))
            os.replace(new, self.pointer)
            self.generation = generation
            self.remove_old(generation)

    def remove_old(self, generation):
        for path in self.folder.glob("journal-*.jsonl"):
            if int(path.stem.split("-")[1]) < generation:
                path.unlink()
        for path in self.folder.glob("snapshot-*"):
            if int(path.name.split("-")[1]) < generation:
                shutil.rmtree(path)
        for path in self.folder.glob("*.json"):
            path.unlink()

    def stop(self, _services):
        """Takes the last snapshot; MiniStack calls it instead of its own."""
        self.save(*self.take())


def as_entry(scope, body):
    return {
        "method": scope["method"],
        "path": scope["path"],
        "query": scope.get("query_string", b"").decode("latin-1"),
        "headers": [[text.decode("latin-1") for text in header] for header in scope["headers"]],
        "body": body.decode("latin-1"),
    }


def deletions(scope, body):
    """The ids of the messages that a request deletes: their receipt handles are forgotten."""
    if not target_of(scope).startswith("AmazonSQS.DeleteMessage"):
        return {}
    request = json.loads(body)
    handles = {entry.get("ReceiptHandle") for entry in request.get("Entries", [request])} - {None}
    messages = (it for queue in sqs._queues._data.values() for it in queue["messages"])
    return {"deleted": [it["id"] for it in messages if it["receipt_handle"] in handles]}


async def repeat(served, entry):
    """Repeats an entry of the journal with the same effect."""
    if "message" in entry:
        if queue := sqs._queue_by_arn(entry["queue"]):
            queue["messages"].append(entry["message"])
        return
    if "deleted" in entry:
        for queue in sqs._queues._data.values():
            queue["messages"] = [it for it in queue["messages"] if it["id"] not in entry["deleted"]]
        return
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "client": ("127.0.0.1", 0),
        "method": entry["method"],
        "path": entry["path"],
        "raw_path": entry["path"].encode("latin-1"),
        "query_string": entry["query"].encode("latin-1"),
        "headers": [[text.encode("latin-1") for text in header] for header in entry["headers"]],
    }
    new_uuid, ids = sqs.new_uuid, iter(entry.get("ids", []))
    sqs.new_uuid = lambda: next(ids, None) or new_uuid()
    try:
        await served(scope, again(entry["body"].encode("latin-1")), Answer().take)
    finally:
        sqs.new_uuid = new_uuid


async def read(receive):
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return body
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


def again(body):
    """Receives a body that has been read."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive():
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive


class Answer:
    def __init__(self):
        self.messages = []
        self.status = 500

    async def take(self, message):
        self.messages.append(message)
        self.status = message.get("status", self.status)

    def message_ids(self):
        """The ids that SQS gave to the messages of a request."""
        body = b"".join(message.get("body", b"") for message in self.messages)
        try:
            answer = json.loads(body)
        except ValueError:
            return []
        sent = answer.get("Successful", [answer]) if isinstance(answer, dict) else []
        return [message["MessageId"] for message in sent if "MessageId" in message]
