"""ASGI middleware: limits rate, size and number of requests per client; adds security headers."""

import asyncio
import os
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager

from styletx.errors import SettingsError, StyletxError
from styletx.limits import MEGA, ServerLimits
from styletx.runners.queue import NO_ROOM
from styletx.text import quote

from .call_validation import CALL_PATHS, check_call
from .errors import Refusal, to_refusal, to_response
from .gradio_patches import forget_state
from .request import (
    HEALTH,
    UPLOAD,
    Message,
    called,
    client_address,
    event_of,
    is_authorized,
    is_blocked,
    is_static,
    listening_session,
    path_of,
    queued_addresses,
)
from .storage import DiskBudget
from .token_bucket import TokenBucket

Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
BURST_S = 50  # seconds' worth of requests at once
HOUR_S = 3600  # by which uploads are counted
FLOOD_DELAY_S = 1  # before an answer to a flood
MAX_QUERY_LETTERS = 2048  # letters after the question mark; Gradio keeps some of them for good
PART_HEADER = b"content-disposition"  # begins each part of a multipart body
MAX_PARTS = 16  # each of them an open file
JSON_PUNCTUATION = (b"{", b"[", b",")
MAX_JSON_SIGNS = 20_000  # of that punctuation: JSON is parsed while all else waits
TOO_LARGE = 413  # HTTP status
MAX_DRAINED_BYTES = 64 * MEGA  # read in vain, so that the client hears that status
FRAME_ANCESTORS = "'self' https://huggingface.co https://*.huggingface.co https://*.hf.space"
FRAME_VARIABLE = "STYLETX_FRAME_ANCESTORS"  # the environment variable that names more of them
SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}
EVENTS = b"text/event-stream"
NOT_HELD_BACK = (b"x-accel-buffering", b"no")  # nginx would hand on events in bursts, or at the end


class RequestGuard:
    """ASGI middleware around the app."""

    def __init__(
        self,
        app: App,
        limits: ServerLimits,
        listeners: Counter[str],
        disk: DiskBudget,
        frames: str = FRAME_ANCESTORS,
    ) -> None:
        """Keep `listeners` up to date: the number of open event streams of each session. The page
        may be framed by `frames`."""
        policy = {"content-security-policy": f"frame-ancestors {frames}"}
        headers = {**SECURITY_HEADERS, **policy}
        self.headers = [(name.encode(), value.encode()) for name, value in headers.items()]
        self.app, self.limits, self.disk = app, limits, disk
        self.listeners = listeners
        rate = limits.requests_per_second
        self.requests = TokenBucket(BURST_S * rate, rate)
        self.sent = TokenBucket(limits.uploads_per_hour, limits.uploads_per_hour / HOUR_S)
        self.inside: Counter[str] = Counter()  # requests of each address

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def with_headers(message: Message) -> None:
            nonlocal begun
            begun = True
            if message["type"] == "http.response.start":
                given = message.get("headers", ())
                is_stream = dict(given).get(b"content-type", b"").startswith(EVENTS)
                message["headers"] = [*given, *self.headers, *([NOT_HELD_BACK] * is_stream)]
            await send(message)

        address = client_address(scope, self.limits.proxies)
        body = Body(self, scope, address, receive)
        self.inside[address] += 1
        try:
            await self.check(scope, address)
            with self.track_listener(scope), self.reserve_space(scope):
                await self.app(scope, await body.checked_receive(scope), with_headers)
        except Exception as error:  # noqa: BLE001
            refusal = to_refusal(error, path_of(scope))
            if refusal.status == TOO_LARGE:  # who is cut off while sending does not hear why
                await body.drain()
            if begun:  # too late for a sentence, but not for an end
                await send({"type": "http.response.body", "body": b""})
            else:
                await to_response(refusal)(scope, receive, with_headers)
        finally:
            self.inside[address] -= 1
            self.inside += Counter()  # keeps what is more than nothing

    async def check(self, scope: Message, address: str) -> None:
        """Raise `Refusal` before anything of the body is read."""
        path = path_of(scope)
        if path == HEALTH:
            return
        if self.inside[address] > self.limits.connections:
            raise Refusal(429, "connections", "Too many requests at a time from your address.")
        if not (is_static(path) or self.requests.try_acquire(address)):
            await asyncio.sleep(FLOOD_DELAY_S)
            raise Refusal(429, "rate", "Too many requests from your address; please wait a bit.")
        self.check_path_and_size(scope, path)
        if scope["method"] != "POST":
            return
        if path.startswith(CALL_PATHS):
            self.check_waiting_calls(scope, address)
        if path != UPLOAD:
            return
        if await asyncio.to_thread(self.disk.is_full, self.length_of(scope)):
            raise Refusal(507, "room", NO_ROOM)

    def check_waiting_calls(self, scope: Message, address: str) -> None:
        """Raise `Refusal` for a call if too many are queued, from this client or in all."""
        line = queued_addresses(scope, self.limits.proxies)
        if line.count(address) >= self.limits.calls_per_address:
            raise Refusal(
                429,
                "line",
                f"{line.count(address)} calls from your address are waiting already.",
            )
        if len(line) >= self.limits.calls:
            raise Refusal(503, "line", f"{len(line)} calls wait already; please try again soon.")

    def check_path_and_size(self, scope: Message, path: str) -> None:
        """Raise `Refusal` for a blocked path, a missing password, a body or query that is too
        long."""
        if is_blocked(path):
            raise Refusal(404, "closed", "There is nothing here.")
        if not is_authorized(scope):
            raise Refusal(401, "password", "A name and a password are needed.")
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit():  # if not, the server counts as it comes
            self.check_size(path, int(length))
        if len(scope["query_string"]) > MAX_QUERY_LETTERS:
            raise Refusal(
                414,
                "size",
                f"At most {MAX_QUERY_LETTERS} letters may follow the question mark of a URL.",
            )

    @contextmanager
    def track_listener(self, scope: Message) -> Iterator[None]:
        """Count the listener of this request while it is answered; then forget the state of a
        program's call."""
        session = listening_session(scope)
        self.listeners[session] += 1
        try:
            yield
        finally:
            self.listeners[session] -= 1
            if not self.listeners[session]:
                del self.listeners[session]
            if called(scope):
                forget_state(scope["app"].state_holder, event_of(scope))

    @contextmanager
    def reserve_space(self, scope: Message) -> Iterator[None]:
        """Reserve disk space for an upload while it comes in."""
        coming = self.length_of(scope) if path_of(scope) == UPLOAD else 0
        self.disk.coming += coming
        try:
            yield
        finally:
            self.disk.coming -= coming

    def length_of(self, scope: Message) -> int:
        """Return the announced length of a body in bytes, or the largest allowed if none is
        announced."""
        length = dict(scope["headers"]).get(b"content-length", b"")
        return int(length) if length.isdigit() else int(self.limits.max_upload * MEGA)

    def check_size(self, path: str, size: int) -> None:
        """Raise `Refusal` for a body of more bytes than its kind of request may have."""
        upload = path == UPLOAD
        most = self.limits.max_upload if upload else self.limits.max_body
        if size > (most + upload) * MEGA:  # with room for what surrounds the file
            raise Refusal(
                TOO_LARGE, "size", f"This request is too large: at most {most:g} MB are accepted."
            )


def frame_ancestors(environment: Mapping[str, str] = os.environ) -> str:
    """Return who may frame the page: itself, the Hub, and those that the environment names. Raises
    `SettingsError` for a name that browsers would not understand."""
    more = environment.get(FRAME_VARIABLE, "").split()
    for name in more:
        if not re.fullmatch(r"(https?://)?[\w*.-]+(:(\d+|\*))?", name, re.ASCII):
            raise SettingsError(
                f"{FRAME_VARIABLE} names {quote(name)}, but must name sites, with a space between "
                "two, as in https://example.org https://*.example.org:8080."
            )
    return " ".join([FRAME_ANCESTORS, *more])


class Body:
    """The body of a request, counted as it comes in."""

    def __init__(self, guard: RequestGuard, scope: Message, address: str, receive: Receive) -> None:
        self.guard, self.path, self.address, self.receive = guard, path_of(scope), address, receive
        self.size, self.complete = 0, False
        self.parts, self.tail, self.json_signs = 0, b"", 0
        kind = dict(scope["headers"]).get(b"content-type", b"")
        self.has_files = kind.startswith(b"multipart/") and not self.path.startswith(CALL_PATHS)

    async def checked_receive(self, scope: Message) -> Receive:
        """Return the `receive` for the app. The body of a call is read and validated first. Raises
        `Refusal`."""
        if scope["method"] != "POST" or not self.path.startswith(CALL_PATHS):
            return self.receive_more
        parts = []
        while not self.complete:
            parts.append((await self.receive_more()).get("body", b""))
        whole = b"".join(parts)
        try:
            await asyncio.to_thread(check_call, whole, self.guard.limits.max_data)
        except StyletxError as error:
            raise Refusal(422, "call", str(error)) from error
        again = [{"type": "http.request", "body": whole, "more_body": False}]

        async def replayed() -> Message:
            return again.pop() if again else await self.receive()

        return replayed

    async def receive_more(self) -> Message:
        """Return the next part. Raises `Refusal` if the body is too large."""
        if self.complete:  # what comes now is that the other side has gone
            return await self.receive()
        message = await self.receive()
        part = len(body := message.get("body", b""))
        self.size += part
        self.complete = not message.get("more_body", False)
        self.guard.check_size(self.path, self.size)
        self.count_parts(body)
        self.limit_json(body)
        if part and not self.guard.sent.try_acquire(self.address, part / MEGA):
            raise Refusal(
                429, "uploads", "Your address has reached its upload limit for this hour."
            )
        return message

    def count_parts(self, body: bytes) -> None:
        """Raise `Refusal` for more files in one body than leave file handles to others."""
        window = self.tail + body.lower()
        self.parts += window.count(PART_HEADER)
        self.tail = window[1 - len(PART_HEADER) :]
        if self.parts > MAX_PARTS:
            raise Refusal(TOO_LARGE, "size", f"At most {MAX_PARTS} files are taken at once.")

    def limit_json(self, body: bytes) -> None:
        """Raise `Refusal` for JSON of more values than can be parsed while others wait."""
        self.json_signs += 0 if self.has_files else sum(map(body.count, JSON_PUNCTUATION))
        if self.json_signs > MAX_JSON_SIGNS:
            sentence = f"At most {MAX_JSON_SIGNS} brackets and commas are taken at once."
            raise Refusal(TOO_LARGE, "size", sentence)

    async def drain(self) -> None:
        """Read and discard the rest, up to a limit."""
        left = MAX_DRAINED_BYTES
        while not self.complete and left > 0:
            message = await self.receive()
            left -= len(message.get("body", b"")) + 1
            self.complete = not message.get("more_body", False)
