"""MiniStack 1.5.33, nearer to AWS where the tests and people notice.

It writes its tables and secrets to disk only when it is stopped in good order, so a machine that
is switched off would lose every account made since the start: here it saves them every few
seconds. (Objects in S3 it writes at once.)

An invocation of a warm function takes it 100 ms, whatever the function does: about 40 for a small
packet that waits for an acknowledgement (Nagle's algorithm), and 50 for log lines that the
function might yet write. Neither tells anything of the functions.

Its API Gateway takes a path apart after decoding it, so that a slash in a parameter (%2F) makes
two segments of one, and it overlooks a slash at the end.
"""

import os
import re
import socketserver
import threading
import time
import urllib.parse

from ministack import app
from ministack.core import lambda_runtime, persistence

SECONDS = 5
# How long to wait for a function's first log line after its answer; a line that is later is
# taken with the next call's.
LOG_SECONDS = 0.002
REST_CALL = re.compile(rb"/restapis/[^/]+/[^/]+/_user_request_(/.*)?")
SLASH = re.compile("(%2f)", re.IGNORECASE)
NO_ROUTE = b'{"message":"Missing Authentication Token"}'


SAVING = threading.Lock()


def save_all(services):
    """Saves, and not twice at a time: a file is written under one name for all, then renamed.
    The last save, when it is stopped, would lose what another renames away."""
    with SAVING:
        persistence.save_all(services)


def save_for_ever():
    """Saves while requests are being served: a table that changes under it is tried again."""
    while True:
        time.sleep(SECONDS)
        save_all(app._build_persistence_save_dict())


def decoded(path):
    """A path as API Gateway matches it: an encoded slash stays as it is."""
    parts = SLASH.split(path.decode("latin-1"))
    return "".join(part if SLASH.fullmatch(part) else urllib.parse.unquote(part) for part in parts)


def as_sent(served):
    """Hands MiniStack the paths of REST calls as they were sent."""

    async def serve(scope, receive, send):
        raw = scope.get("raw_path", b"")
        if scope["type"] != "http" or not REST_CALL.fullmatch(raw):
            return await served(scope, receive, send)
        if not raw.endswith(b"/"):
            return await served({**scope, "path": decoded(raw)}, receive, send)
        # API Gateway's answer where there is no such path.
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": NO_ROUTE})

    return serve


app.app = as_sent(app.app)
app.save_all = save_all
socketserver.StreamRequestHandler.disable_nagle_algorithm = True
lambda_runtime.Worker._drain_stderr_bounded.__defaults__ = (LOG_SECONDS, 0.001, 0.25)

# It logs one line for each file it saves: too much, every five seconds.
persistence.logger.setLevel("WARNING")
if os.environ.get("PERSIST_STATE") == "1":
    threading.Thread(target=save_for_ever, daemon=True).start()
app.main()
