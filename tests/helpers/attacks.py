"""Hurts a live server in the ways that can be thought of, and says what it withstood.

python -m tests.helpers.attacks http://127.0.0.1:7860/ [what ...]

Everything goes over the network, so the server may be anybody's; one's own answers sooner. Each
attack is a function that returns a line of the table, or raises AssertionError.
"""

import json
import random
import socket
import statistics
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from tests.helpers import hostile_files
from tests.helpers.paths import ASSETS
from tests.helpers.waiting import until

JSON = {"Content-Type": "application/json"}
FROM: dict = {}  # headers of every request, such as who a proxy says it comes from
API = "gradio_api/"
SOON = 20  # seconds, ten times what an answer takes at most while much else is asked for


def ask(url, content=None, headers=JSON, timeout=60):
    """The status and the text of an answer, whatever it is."""
    if content is not None and not isinstance(content, bytes):
        content = json.dumps(content).encode()
    request = urllib.request.Request(url, content, {**headers, **FROM})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode("utf-8", "replace")


def headers_of(url):
    """Those of an answer, whatever it is."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=FROM), timeout=60) as told:
            return told.headers
    except urllib.error.HTTPError as error:
        return error.headers


def upload(url, content, name="photo.jpg"):
    """A file as a browser sends it: what the server calls it, or the status and the refusal."""
    border = uuid4().hex
    about = f'Content-Disposition: form-data; name="files"; filename="{quoted(name)}"'
    head = f"--{border}\r\n{about}\r\nContent-Type: application/octet-stream\r\n\r\n"
    body = head.encode("utf-8", "replace") + content + f"\r\n--{border}--\r\n".encode()
    kind = {"Content-Type": f"multipart/form-data; boundary={border}"}
    status, told = ask(f"{url}{API}upload", body, kind)
    return {"path": json.loads(told)[0], "meta": FILE} if status == 200 else (status, told)


FILE = {"_type": "gradio.FileData"}


def quoted(name):
    return "".join(c if c.isprintable() and c not in '"\\' else "_" for c in name)


def call(url, name, given, timeout=120):
    """The end of a call in the way of curl: its status and its last event."""
    status, told = ask(f"{url}{API}call/v2/{name}", given)
    if status != 200:
        return status, told
    event = json.loads(told)["event_id"]
    status, told = ask(f"{url}{API}call/v2/{name}/{event}", timeout=timeout)
    return status, told.strip().rsplit("\n\n", 1)[-1]


def is_picture(answer):
    return answer[0] == 200 and answer[1].startswith("event: complete")


def is_sentence(answer):
    """A refusal with a status of its own, or in words that end as sentences do."""
    status, told = answer
    if 'File "' in told or "broke on our side" in told or status >= 500:
        return False
    if 400 <= status < 500:
        return bool(told.strip())
    if not told.startswith("event: error\ndata: "):
        return False
    said = json.loads(told.partition("data: ")[2])
    said = said.get("error") if isinstance(said, dict) else said
    return isinstance(said, str) and said.rstrip().endswith((".", "?"))


def given(url, **more):
    """Return the arguments of a run, its pictures uploaded."""
    photo, painting = (ASSETS / name for name in ("photos/cat.jpg", "paintings/poppies.jpg"))
    pair = {"content": upload(url, photo.read_bytes()), "style": upload(url, painting.read_bytes())}
    return {**pair, "size": 64, "steps": 2, **more}


def figures(url):
    status, told = ask(f"{url}metrics")
    assert status == 200, (status, told)
    lines = (line.rsplit(" ", 1) for line in told.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in lines}


def until_idle(url, seconds=60):
    """How long until nothing is at work any more."""

    def idle():
        now = figures(url)
        return not now["styletx_line"] and not now["styletx_at_work"]

    begun = time.monotonic()
    until(idle, seconds)
    return time.monotonic() - begun


WRONG = [
    None, True, -1, 0.5, 1e308, 10**30, "many",
    "", "9" * 100_000, "64", "\0", [], [1], {}, {"a": 1},
    float("nan"), float("inf"), -float("inf"),
]  # fmt: skip


def wrong_settings(url, part=1):
    """Every argument of /stylize with every kind of value that it cannot have, or one `part` of
    these calls."""
    pair, asked = given(url), 0
    info = json.loads(ask(f"{url}{API}info")[1])["named_endpoints"]["/stylize"]["parameters"]
    names = [parameter["parameter_name"] for parameter in info]
    for name, value in [(name, value) for name in names for value in WRONG][::part]:
        answer = call(url, "stylize", {**pair, name: value})
        assert is_picture(answer) or is_sentence(answer), (name, value, answer)
        asked += 1
    assert is_picture(call(url, "stylize", pair))
    return f"{asked} calls: each a sentence, or a picture where the value can be had"


MALFORMED = [
    b"", b"{", b"[1]", b"5",
    b"\xff\xfe", b"[" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    b'{"nothing": 1}', b'{"content": 5}', b'{"content": "photo.jpg"}', b'{"content": {"path": 5}}',
    b'{"content": []}', b'{"style": {"url": {}}}', b'{"size": NaN}', b'{"size": 1e999}',
]  # fmt: skip
PICTURES = "content", "style", "style_2", "style_3", "style_4", "mask", "keep_mask", "init_image"
ENDPOINTS = ("stylize", "export", "recipe", "stop", "nothing", "paint", "keep", "delete", "..")


def malformed_calls(url):
    """Bodies that are no call, to endpoints that are and are not."""
    asked = 0
    for name in ENDPOINTS:
        for body in MALFORMED:
            answer = call(url, name, body)
            assert is_sentence(answer) or is_picture(answer), (name, body[:60], answer)
            asked += 1
    for path in ("queue/join", "run/stylize", "api/stylize", "call/stylize", "cancel", "upload"):
        for body in (
            *MALFORMED,
            b'{"data": 5}',
            b'{"data": [], "session_hash": "a", "fn_index": 1e9}',
        ):
            status, told = ask(f"{url}{API}{path}", body)
            assert status < 500, (path, body[:60], status, told)
            asked += 1
    return f"{asked} calls, none answered with a 500"


def files_of_the_server(url):
    """No file of the server is opened or given away, whatever a client calls its upload."""
    cookies = [
        "/etc/passwd",
        "/proc/self/environ",
        "app.py",
        "../../etc/passwd",
        "/etc/passwd\0.png",
    ]
    cookies += ["file:///etc/passwd", str(Path(__file__)), "/dev/zero", "/", "~/.ssh/id_rsa"]
    for path in cookies:
        for name in ("content", "style", "mask", "keep_mask", "init_image"):
            answer = call(url, "stylize", {**given_once(url), name: {"path": path, "meta": FILE}})
            assert is_sentence(answer), (name, path, answer)
            assert "root:" not in answer[1]
        status, told = ask(f"{url}{API}file={urllib.request.quote(path)}")
        assert status in (400, 401, 403, 404), (path, status, told[:100])
    return f"{6 * len(cookies)} attempts, none succeeded"


def given_once(url, known={}):  # noqa: B006
    """The same files for many calls."""
    if url not in known:
        known[url] = given(url)
    return known[url]


INNER = [
    "http://127.0.0.1/", "http://localhost/", "http://[::1]/", "http://0.0.0.0/", "http://10.0.0.1/",
    "http://192.168.0.1/", "http://169.254.169.254/latest/meta-data/", "http://100.100.100.200/",
    "http://2130706433/", "http://0x7f.1/", "http://[::ffff:127.0.0.1]/", "http://metadata.google.internal/",
]  # fmt: skip


def inner_addresses(url):
    """Addresses of the server's own network are not asked for."""
    for address in [*INNER, url]:
        answer = call(
            url, "stylize", {**given_once(url), "content": {"path": address, "meta": FILE}}
        )
        assert is_sentence(answer), (address, answer)
        assert "could not be fetched" in answer[1], answer
        for route in ("file=", "file/", "proxy=", "stream/"):
            assert ask(f"{url}gradio_api/{route}{address}")[0] >= 400, (route, address)
    return f"{len(INNER) + 1} addresses, none fetched"


def bad_pictures(url, number=100, seed=1, part=1):
    """A sample of the hostile files, or one `part` of it, through upload and reader."""
    told = Counter()
    slowest = 0.0
    for name, content, _ in list(hostile_files.files(seed, number))[::part]:
        file = upload(url, content, name)
        begun = time.monotonic()
        if isinstance(file, tuple):
            assert 400 <= file[0] < 500, file
            told["refused as uploads"] += 1
            continue
        answer = call(url, "stylize", {**given_once(url), "content": file})
        assert is_picture(answer) or is_sentence(answer), (name, answer)
        told["painted" if is_picture(answer) else "refused"] += 1
        slowest = max(slowest, time.monotonic() - begun)
    assert slowest < SOON, slowest
    counted = ", ".join(f"{count} {what}" for what, count in told.items())
    return f"{sum(told.values())} files: {counted}; {slowest:.1f} s at most"


def the_same_large_picture(url):
    """A picture of few bytes and as many pixels as are allowed, in the place of every picture."""
    large = upload(url, hostile_files.black(6300, 6300, 8, 6), "large.png")
    begun = time.monotonic()
    answer = call(url, "stylize", {**given_once(url), **dict.fromkeys(PICTURES, large)})
    assert is_picture(answer) or is_sentence(answer), answer
    client = Watcher(url, {**given_once(url), **dict.fromkeys(PICTURES, large)}).listen()
    took = time.monotonic() - begun
    time.sleep(0.3)
    client.leave()
    return f"answered in {took:.1f} s; with its visitor gone, over after {until_idle(url):.1f} s"


class Attention:
    """How long the server takes to say that it is there, while something else is done."""

    def __init__(self, url):
        self.url, self.slowest, self.over = url, 0.0, threading.Event()
        self.asking = threading.Thread(target=self.ask)

    def ask(self):
        while not self.over.wait(0.05):
            begun = time.monotonic()
            assert ask(f"{self.url}healthz")[0] == 200
            self.slowest = max(self.slowest, time.monotonic() - begun)

    def __enter__(self):
        self.asking.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.asking.join()


def many_files_in_a_call(url):
    """Calls of megabytes that name files, and pictures of 40 MB that are looked at again and
    again: meanwhile the server is there for others."""
    file = json.dumps(given_once(url)["content"])
    bodies = [f'{{"data": [{", ".join([file] * 20_000)}]}}'.encode()]
    bodies += [b'{"data": [' + b'{"url": "x"}, ' * 300_000 + b"5]}"]
    jpeg = hostile_files.plain("JPEG")
    large = upload(url, jpeg[:2] + b"\xff\x00" * 15_000_000 + jpeg[2:])
    with Attention(url) as attention:
        for body in bodies:
            answer = ask(f"{url}{API}queue/join", body)
            assert answer[0] in (413, 422), answer
        for _ in range(8):
            answer = call(url, "stylize", {**given_once(url), **dict.fromkeys(PICTURES, large)})
            assert is_sentence(answer), answer
    assert attention.slowest < SOON, attention.slowest
    return f"refused; meanwhile /healthz answers within {attention.slowest:.1f} s"


def calls_that_nobody_waits_for(url, number=200):
    """Calls whose answer nobody asks for, more than an address may have in line, beside a visitor
    who does ask."""
    picture, statuses = given_once(url)["content"], Counter()

    def hammer():
        for _ in range(number // 4):
            statuses[ask(f"{url}{API}call/v2/recipe", {"painted": picture})[0]] += 1

    hammers = [threading.Thread(target=hammer) for _ in range(4)]
    for one in hammers:
        one.start()
    begun = time.monotonic()
    answer = call(url, "stylize", given_once(url))
    took = time.monotonic() - begun
    for one in hammers:
        one.join()
    assert is_picture(answer) or (answer[0] == 429 and is_sentence(answer)), answer
    assert set(statuses) <= {200, 429}, statuses
    return f"{statuses[200]} taken, {statuses[429]} refused; a picture beside them in {took:.1f} s"


def calls_of_no_session(url, number=10):
    """Calls whose session has an empty name, among others that wait: Gradio by itself takes them,
    cannot say how long they will wait, and from then on takes no more from anybody."""
    recipe = {"painted": given_once(url)["content"]}
    join = {"data": [recipe["painted"]], "fn_index": index_of(url, "recipe"), "session_hash": ""}
    for _ in range(number):
        others = [threading.Thread(target=call, args=(url, "recipe", recipe)) for _ in range(4)]
        for one in others:
            one.start()
        answer = ask(f"{url}{API}queue/join", join)
        assert answer[0] == 422 and is_sentence(answer), answer
        for one in others:
            one.join()
    assert is_picture(call(url, "stylize", given_once(url)))
    return f"{number} calls refused, and the next picture is painted"


def more_calls_than_are_remembered(url, number=2100):
    """So many of them that the server forgets the first, as it must, while somebody else listens
    to what becomes of a run."""
    picture, taken = given_once(url)["content"], 0
    client = Watcher(url, {**given_once(url), "size": 256, "steps": 2000}).listen()
    client.until(b"process_generating")
    deadline = time.monotonic() + 180
    while taken < number and time.monotonic() < deadline:
        taken += ask(f"{url}{API}call/v2/recipe", {"painted": picture})[0] == 200
    assert taken >= number, taken
    client.catch_up().until(b"process_generating").leave()
    return f"{taken} calls, and the one who listens is still told of the picture"


def too_much(url):
    """Bodies larger than they may be, with and without saying so."""
    assert ask(f"{url}{API}queue/join", b" " * 20_000_000)[0] == 413
    assert ask(f"{url}{API}component_server", b" " * 20_000_000)[0] in (400, 413)
    answer = upload(url, bytes(60_000_000))
    assert answer[0] == 413, answer
    parts = urlsplit(url)
    with socket.create_connection(
        (parts.hostname, parts.port)
    ) as raw:  # it says nothing of its size
        head = f"POST /{API}queue/join HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        raw.sendall(head.encode())
        chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        sent = 0
        try:
            while sent < 200_000_000:
                raw.sendall(chunk)
                sent += 0x10000
        except OSError:
            pass
    assert sent < 200_000_000
    cut = f"without a length, cut off after {sent / 1e6:.0f} MB"
    return f"413 for 20 MB, and for 60 MB of upload; {cut}"


class Watcher:
    """A client that begins a run and reads what it is told, until it goes."""

    def __init__(self, url, wanted):
        self.url, self.session = url, uuid4().hex
        config = config_of(url)
        names = [p["parameter_name"] for p in config["parameters"]]
        defaults = [p.get("parameter_default") for p in config["parameters"]]
        data = [wanted.get(name, value) for name, value in zip(names, defaults, strict=True)]
        asked = {"data": data, "fn_index": config["fn_index"], "session_hash": self.session}
        self.fn_index = config["fn_index"]
        status, told = ask(f"{url}{API}queue/join", asked)
        assert status == 200, (status, told)
        self.event = json.loads(told)["event_id"]
        self.stream = None

    def listen(self):
        """The connection over which it is told."""
        parts = urlsplit(self.url)
        self.stream = socket.create_connection((parts.hostname, parts.port), timeout=60)
        path = f"/{API}queue/data?session_hash={self.session}"
        headers = {"Host": parts.netloc, **FROM}
        told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.stream.sendall(f"GET {path} HTTP/1.1\r\n{told}\r\n".encode())
        return self

    def until(self, text):
        """Read until something is said."""
        seen = b""
        while text not in seen:
            part = self.stream.recv(65536)
            assert part, seen[-500:]
            seen = seen[-5000:] + part
        return self

    def catch_up(self, seconds=2):
        """Read what has been said meanwhile."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.stream.recv(1 << 20), "the connection has ended"
        return self

    def cancel(self):
        """Do what `job.cancel()` asks for."""
        told = {"session_hash": self.session, "fn_index": self.fn_index, "event_id": self.event}
        assert ask(f"{self.url}{API}cancel", told)[0] == 200

    def leave(self):
        """Do what the system does for a client that was killed."""
        if self.stream:
            self.stream.close()


def config_of(url, known={}):  # noqa: B006
    if url not in known:
        info = json.loads(ask(f"{url}{API}info")[1])["named_endpoints"]["/stylize"]
        known[url] = {"fn_index": index_of(url, "stylize"), "parameters": info["parameters"]}
    return known[url]


def index_of(url, name):
    """By which number the page calls an endpoint."""
    dependencies = json.loads(ask(f"{url}config")[1])["dependencies"]
    return next(one["id"] for one in dependencies if one["api_name"] == name)


def random_cancels(url, number=200, seed=0):
    """Runs that are cancelled, or whose client is killed, in their line, first step or later."""
    chance, long = random.Random(seed), {**given_once(url), "size": 256, "steps": 2000}
    for _ in range(number):
        client = Watcher(url, long).listen()
        time.sleep(chance.choice((0, 0.02, 0.1, 0.3)) * chance.random() * 2)
        client.cancel() if chance.random() < 0.5 else client.leave()
        if chance.random() < 0.5:
            client.leave()
    free = until_idle(url, 40)
    begun = time.monotonic()
    assert is_picture(call(url, "stylize", given_once(url)))
    return (
        f"{number} cancels: nothing at work {free:.1f} s after the last, the next run done in "
        f"{time.monotonic() - begun:.1f} s"
    )


def how_soon_it_stops(url, number=5, size=512):
    """From the cancel, or the loss of a client, of a run at work to the end of its work."""
    took = []
    for place in range(2 * number):
        client = Watcher(url, {**given_once(url), "size": size, "steps": 2000}).listen()
        client.until(b'"step":' + str(2 + place % 5).encode())
        begun = time.monotonic()
        client.cancel() if place % 2 else client.leave()
        until_idle(url)  # by itself it would be at work for minutes
        took.append(time.monotonic() - begun)
        client.leave()
    return f"{statistics.median(took):.2f} s ({min(took):.2f} to {max(took):.2f}) at {size} pixels"


def fifty_at_once(url, number=50, size=128):
    """Fifty clients at the same moment: each is served, or refused at once in a sentence."""
    wanted, told = given_once(url), []

    def visit():
        begun = time.monotonic()
        told.append((call(url, "stylize", {**wanted, "size": size}), time.monotonic() - begun))

    visitors = [threading.Thread(target=visit) for _ in range(number)]
    for one in visitors:
        one.start()
    for one in visitors:
        one.join()
    served = [seconds for answer, seconds in told if is_picture(answer)]
    refused = [seconds for answer, seconds in told if is_sentence(answer)]
    assert len(served) + len(refused) == number, told
    assert served
    assert max(refused, default=0) < max(served), (served, refused)  # they wait for nobody
    assert all("pictures" in answer[1] for answer, _ in told if not is_picture(answer)), told
    line = f"{len(served)} served within {max(served):.0f} s"
    return line + (f", {len(refused)} refused within {max(refused):.1f} s" if refused else "")


def flood(url, number=3000):
    """More requests than an address may make, which says that it is many: most are refused."""
    statuses = Counter()

    def hammer():
        for turn in range(number // 8):
            lie = {"X-Forwarded-For": f"9.9.9.{turn % 250}"}
            statuses[ask(f"{url}config", headers=lie)[0]] += 1
            if statuses[429] > 40:
                return

    floods = [threading.Thread(target=hammer) for _ in range(8)]
    for one in floods:
        one.start()
    for one in floods:
        one.join()
    assert set(statuses) <= {200, 429}
    assert statuses[429]
    assert ask(f"{url}healthz")[0] == 200
    return f"after {statuses[200]} answers nothing but 429; /healthz still answers"


ATTACKS = [
    malformed_calls, wrong_settings, files_of_the_server, inner_addresses, bad_pictures,
    the_same_large_picture, many_files_in_a_call, calls_that_nobody_waits_for,
    calls_of_no_session, too_much,
    fifty_at_once, how_soon_it_stops, random_cancels,
    more_calls_than_are_remembered, flood,  # which use up what an address may ask for
]  # fmt: skip


def main(url, *wanted):
    failed = 0
    for attack in ATTACKS:
        if wanted and attack.__name__ not in wanted:
            continue
        begun = time.monotonic()
        try:
            told = attack(url)
        except AssertionError as error:
            failed, told = failed + 1, f"NOT WITHSTOOD: {str(error)[:300]}"
        name = attack.__name__.replace("_", " ")
        print(f"| {name} | {told} | {time.monotonic() - begun:.0f} s |", flush=True)  # noqa: T201
    return failed


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1].rstrip("/") + "/", *sys.argv[2:]))
