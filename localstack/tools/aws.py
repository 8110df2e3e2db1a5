"""Runs MiniStack 1.5.33 with fixes that bring it closer to AWS.

It saves tables and secrets only when it is stopped gracefully, so a crash would lose all accounts
since the start. `journal.py` keeps what it has acknowledged.

Invoking a warm function takes it 100 ms: about 40 because of Nagle's algorithm, and 50 waiting for
further log lines. This removes both delays.

Its API Gateway splits paths after decoding them, so that an encoded slash (%2F) in a parameter adds
a segment, and it ignores a trailing slash. This matches paths as AWS does.

Its CloudFormation keeps parameters as text, and its poller of queues then can't compare
`MaximumConcurrency` with a number. This makes it one.
"""

import os
import re
import socketserver
import urllib.parse

from journal import Journal
from ministack import app
from ministack.core import lambda_runtime, persistence
from ministack.services import lambda_svc

# Time to wait for a function's log lines after its response; later lines are read with the next
# call's.
LOG_SECONDS = 0.002
REST_CALL = re.compile(rb"/restapis/[^/]+/[^/]+/_user_request_(/.*)?")
SLASH = re.compile("(%2f)", re.IGNORECASE)
NO_ROUTE = b'{"message":"Missing Authentication Token"}'


def decoded(path):
    """A path decoded as API Gateway does: encoded slashes stay."""
    parts = SLASH.split(path.decode("latin-1"))
    return "".join(part if SLASH.fullmatch(part) else urllib.parse.unquote(part) for part in parts)


def as_sent(served):
    """Passes the undecoded paths of REST calls to MiniStack."""

    async def serve(scope, receive, send):
        raw = scope.get("raw_path", b"")
        if scope["type"] != "http" or not REST_CALL.fullmatch(raw):
            return await served(scope, receive, send)
        if not raw.endswith(b"/"):
            return await served({**scope, "path": decoded(raw)}, receive, send)
        # API Gateway's response to unknown paths.
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": NO_ROUTE})

    return serve


def with_number(concurrency):
    """Makes the limit of an event source mapping a number."""

    def limit(mapping, *args, **kwargs):
        scaling = mapping.get("ScalingConfig") or {}
        if "MaximumConcurrency" in scaling:
            scaling["MaximumConcurrency"] = int(scaling["MaximumConcurrency"])
        return concurrency(mapping, *args, **kwargs)

    return limit


app.app = as_sent(app.app)
lambda_svc._sqs_esm_concurrency = with_number(lambda_svc._sqs_esm_concurrency)
socketserver.StreamRequestHandler.disable_nagle_algorithm = True
lambda_runtime.Worker._drain_stderr_bounded.__defaults__ = (LOG_SECONDS, 0.001, 0.25)

# It logs a line for each file that it saves.
persistence.logger.setLevel("WARNING")
if os.environ.get("PERSIST_STATE") == "1":
    journal = Journal(os.environ["STATE_DIR"])
    app.app = journal.serve(app.app)
    app.save_all = journal.stop
app.main()
