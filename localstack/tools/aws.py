"""MiniStack, saving its state every few seconds, and invoking functions faster.

MiniStack 1.5.33 writes its tables and secrets to disk only when it is stopped in good
order, so a machine that is switched off would lose every account made since the start.
Objects in S3 it writes at once.

An invocation of a warm function takes MiniStack 100 ms, whatever the function does: about 40 for
a small packet that waits for an acknowledgement (Nagle's algorithm), and 50 for log lines that
the function might yet write. Neither tells anything of the functions.
"""

import os
import socketserver
import threading
import time

from ministack import app
from ministack.core import lambda_runtime, persistence

SECONDS = 5
# How long to wait for a function's first log line after its answer; the lines of a call that
# are later are taken with the next call's.
LOG_SECONDS = 0.002


def save_for_ever():
    """Saves while requests are being served: a table that changes under it is tried again."""
    while True:
        time.sleep(SECONDS)
        persistence.save_all(app._build_persistence_save_dict())


socketserver.StreamRequestHandler.disable_nagle_algorithm = True
lambda_runtime.Worker._drain_stderr_bounded.__defaults__ = (LOG_SECONDS, 0.001, 0.25)

# It logs one line for each file it saves: too much, every five seconds.
persistence.logger.setLevel("WARNING")
if os.environ.get("PERSIST_STATE") == "1":
    threading.Thread(target=save_for_ever, daemon=True).start()
app.main()
