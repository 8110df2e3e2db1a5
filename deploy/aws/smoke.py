"""Tries a deployed REST API as a user would, from the standard library alone.

    smoke.py <the REST API's address>

Signs up, uploads a picture, waits for its thumbnail, fetches it and the original through their links,
lists it, and deletes the account with everything. Exits with 1 and what failed if a step does. The
account is deleted then, too.
"""

import argparse
import json
import struct
import sys
import time
import urllib.error
import urllib.request
import uuid
import zlib

THUMBNAIL_SECONDS = 60
REQUEST_SECONDS = 30


class Failure(Exception):
    """A step that failed."""


def png():
    """A picture of 2 x 2 pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes([40, 120, 200] * 2) for _ in range(2))
    header = struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


class Api:
    def __init__(self, url):
        self.url, self.token = url.rstrip("/"), None

    def call(self, method, path, body=None, kind="application/json"):
        """The answer's JSON."""
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        if body is not None:
            headers["content-type"] = kind
        request = urllib.request.Request(self.url + path, body, headers, method=method)
        text = fetch(request, f"{method} {path}")
        return json.loads(text) if text else {}


def fetch(request, what):
    try:
        with urllib.request.urlopen(request, timeout=REQUEST_SECONDS) as response:
            return response.read()
    except urllib.error.HTTPError as error:
        raise Failure(f"{what}: {error.code} {error.read(500).decode(errors='replace')}") from error
    except OSError as error:
        raise Failure(f"{what}: {error}") from error


def done(step, started):
    print(f"ok  {step} ({(time.monotonic() - started) * 1000:.0f} ms)", flush=True)


def run(api):
    started = time.monotonic()
    user = {"username": f"smoke-{uuid.uuid4().hex[:12]}", "password": uuid.uuid4().hex}
    api.token = api.call("POST", "/signup", json.dumps(user).encode())["access_token"]
    done("sign up", started)
    user_id = api.call("POST", "/auth", json.dumps({"access_token": api.token}).encode())["user_id"]
    try:
        pictures(api)
    finally:
        started = time.monotonic()
        api.call("DELETE", f"/users/{user_id}")
        done("delete the account", started)


def pictures(api):
    started, original = time.monotonic(), png()
    picture = api.call("POST", "/pictures?title=Smoke", original, "image/png")["id"]
    done("upload a picture", started)
    started = time.monotonic()
    while not (links := api.call("GET", f"/pictures/{picture}?metadata_only=true").get("links", {})).get("thumbnail"):
        if time.monotonic() - started > THUMBNAIL_SECONDS:
            raise Failure(f"no thumbnail within {THUMBNAIL_SECONDS} s")
        time.sleep(1)
    done("its thumbnail", started)
    started = time.monotonic()
    if fetch(links["original"], "the original's link") != original:
        raise Failure("the original's link: not the bytes that were uploaded")
    if not fetch(links["thumbnail"], "the thumbnail's link").startswith(b"RIFF"):
        raise Failure("the thumbnail's link: not WebP")
    done("fetch both through their links", started)
    started = time.monotonic()
    listed = api.call("GET", "/pictures")
    listed = listed.get("pictures", []) if isinstance(listed, dict) else listed
    if [entry["id"] for entry in listed] != [picture]:
        raise Failure("the list has other pictures")
    done("list it", started)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    try:
        run(Api(parser.parse_args().url))
    except Failure as failure:
        sys.exit(f"smoke: {failure}")


if __name__ == "__main__":
    main()
