"""The middleware: what passes it and what does not, around an application that takes everything."""

import asyncio
import json
import logging
import threading
from collections import Counter
from types import SimpleNamespace

import pytest

from styletx import metrics
from styletx.limits import MEGA, ServerLimits
from styletx.server import middleware, token_bucket
from styletx.server.middleware import RequestGuard
from styletx.server.request import HEALTH, UPLOAD
from styletx.server.storage import DiskBudget
from styletx.server.token_bucket import TokenBucket


def guarded(app, limits, listeners):
    """The app behind the middleware, as `serve` puts it there."""
    return RequestGuard(app, limits, listeners, DiskBudget(limits.max_cache))


JOIN = "/gradio_api/queue/join"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setattr(middleware, "FLOOD_DELAY_S", 0)
    return tmp_path


@pytest.fixture
def now(monkeypatch):
    """The time of the buckets, which stands still unless a test moves it."""
    now = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(token_bucket, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    return now


class Taking:
    """An application that reads all it is sent and answers with how much that was."""

    def __init__(self, error=None):
        self.error, self.begun = error, []

    async def __call__(self, scope, receive, send):
        self.begun.append(scope["path"])
        size = 0
        while True:
            message = await receive()
            size += len(message.get("body", b""))
            if not message.get("more_body"):
                break
        if self.error:
            raise self.error
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(size).encode()})


def gradio_with(*waiting, auth=None, **more):
    """Gradio, without a password unless there is one, with calls from these addresses that wait."""
    calls = [SimpleNamespace(request=SimpleNamespace(scope=asked_from(a))) for a in waiting]
    lanes = {
        "light": SimpleNamespace(queue=calls, concurrency_limit=2),
        "paint": SimpleNamespace(queue=calls, concurrency_limit=None),  # where nothing waits
    }
    queue = SimpleNamespace(event_queue_per_concurrency_id=lanes, event_ids_to_events={})
    blocks = SimpleNamespace(_queue=queue)
    return SimpleNamespace(auth=auth, get_blocks=lambda: blocks, **more)


def asked_from(address):
    return {"client": (address, 1), "headers": []}


def ask(
    at, path="/", parts=(b"",), method="GET", client="1.1.1.1", gradio=None, below="", query=b"",
    **headers,
):  # fmt: skip
    """Status, headers and text of what the middleware `at` answers, also for a page `below` a
    prefix."""
    told, left = [], list(parts)

    async def receive():
        if not left:
            await asyncio.Event().wait()  # which never comes
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def send(message):
        told.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": below + path,
        "root_path": below,
        "query_string": query,
        "client": (client, 1),
        "app": gradio or gradio_with(),
        "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()],
    }
    asyncio.run(at(scope, receive, send))
    text = b"".join(message.get("body", b"") for message in told).decode()
    return told[0]["status"], dict(told[0]["headers"]), text


def sentence(text):
    return json.loads(text)["detail"]


def post(at, path, *parts, **more):
    return ask(at, path, parts, "POST", **more)


def test_every_answer_carries_the_headers_and_refusals_as_well():
    at = guarded(Taking(), ServerLimits(max_body=1), Counter())
    for status, headers, _ in (ask(at), post(at, "/x", bytes(2 * MEGA))):
        assert status in (200, 413)
        assert headers[b"x-content-type-options"] == b"nosniff"
        assert headers[b"referrer-policy"] == b"same-origin"
        assert (
            b"frame-ancestors 'self' https://huggingface.co" in headers[b"content-security-policy"]
        )


def test_who_may_frame_the_page_is_widened_by_a_variable():
    own = "https://example.org https://*.example.org:8080 localhost:*"
    frames = middleware.frame_ancestors({"STYLETX_FRAME_ANCESTORS": own})
    limits = ServerLimits()
    at = RequestGuard(Taking(), limits, Counter(), DiskBudget(limits.max_cache), frames)
    policy = ask(at)[1][b"content-security-policy"].decode()
    assert policy == f"frame-ancestors {middleware.FRAME_ANCESTORS} {own}"
    assert middleware.frame_ancestors({}) == middleware.FRAME_ANCESTORS


@pytest.mark.parametrize(("path", "most"), [("/x", 1), (UPLOAD, 4)])
def test_a_body_is_as_large_as_is_allowed_whatever_it_says_of_its_size(path, most):
    taking = Taking()
    at = guarded(taking, ServerLimits(max_body=1, max_upload=3), Counter())
    assert post(at, path, bytes(most * MEGA))[0] == 200
    halves = [bytes(most * MEGA // 2)] * 3
    for headers in ({}, {"content_length": "5"}, {"content_length": "none"}):
        status, _, text = post(at, path, *halves, **headers)
        assert (status, sentence(text)) == (
            413,
            f"This request is too large: at most {3 if path == UPLOAD else 1} MB are accepted.",
        )
    begun = len(taking.begun)
    assert post(at, path, b"", content_length=str(9 * MEGA))[0] == 413
    assert len(taking.begun) == begun  # refused before anything was read


def test_too_many_requests_from_one_address_are_refused_and_from_others_not(now):
    at = guarded(Taking(), ServerLimits(requests_per_second=1), Counter())
    told = [ask(at, "/x") for _ in range(60)]
    assert [status for status, _, _ in told] == [200] * 50 + [429] * 10
    assert sentence(told[-1][2]) == "Too many requests from your address; please wait a bit."
    assert ask(at, "/x", client="2.2.2.2")[0] == 200
    assert ask(at, HEALTH)[0] == 200  # who watches over the server is always answered


def test_the_hundred_files_of_a_page_do_not_count_so_that_a_school_can_open_it(now):
    at = guarded(Taking(), ServerLimits(requests_per_second=1), Counter())  # 50 at once
    assert {ask(at, f"/assets/{file}.js")[0] for file in range(100)} == {200}
    assert [ask(at, "/")[0] for _ in range(51)] == [200] * 50 + [429]


@pytest.mark.parametrize(
    ("path", "query", "session"),
    [
        ("/gradio_api/queue/data", b"session_hash=abc", "abc"),
        ("/gradio_api/call/stylize/event", b"", "event"),
        ("/gradio_api/call/v2/stylize/known/", b"", "session of known"),
    ],
)
def test_who_listens_is_counted_as_long_as_they_do(path, query, session):
    listeners, known = Counter(), {"known": SimpleNamespace(session_hash="session of known")}
    queue = SimpleNamespace(event_ids_to_events=known)
    state = SimpleNamespace(lock=threading.Lock(), session_data={}, time_last_used={})
    gradio = SimpleNamespace(
        auth=None, state_holder=state, get_blocks=lambda: SimpleNamespace(_queue=queue)
    )
    seen = []

    async def listening(scope, receive, send):
        seen.append(dict(listeners))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    ask(guarded(listening, ServerLimits(), listeners), path, gradio=gradio, query=query)
    assert seen == [{session: 1}]
    assert not listeners


def test_a_bucket_fills_up_again_with_time(now):
    bucket = TokenBucket(3, 0.5)
    assert [bucket.try_acquire("a") for _ in range(4)] == [True, True, True, False]
    now.seconds = 2.0
    assert [bucket.try_acquire("a") for _ in range(2)] == [True, False]
    now.seconds = -100.0  # a clock that goes back gives nothing away, and takes nothing
    assert not bucket.try_acquire("a", 3)
    assert bucket.try_acquire("b", 3)


def test_a_bucket_forgets_those_that_it_heard_of_longest_ago(monkeypatch):
    monkeypatch.setattr(token_bucket, "MAX_KEYS", 5)
    bucket = TokenBucket(3, 0.5)
    for place in range(100):
        assert bucket.try_acquire(str(place))
        assert bucket.try_acquire("often")  # or it would be forgotten, and have its 3 again
        bucket.used["often"] = (2, bucket.used["often"][1])
    assert list(bucket.used) == ["96", "97", "98", "99", "often"]


def test_who_sends_too_much_in_an_hour_is_refused(now):
    at = guarded(Taking(), ServerLimits(uploads_per_hour=2), Counter())
    assert post(at, UPLOAD, bytes(MEGA))[0] == 200
    assert post(at, UPLOAD, bytes(MEGA - 1000))[0] == 200
    status, _, text = post(at, UPLOAD, bytes(MEGA))
    assert (status, sentence(text)) == (
        429,
        "Your address has reached its upload limit for this hour.",
    )
    assert post(at, UPLOAD, bytes(MEGA), client="2.2.2.2")[0] == 200


def test_requests_at_a_time_are_bounded_for_each_address_and_forgotten_when_answered():
    at = guarded(Taking(), ServerLimits(connections=2), Counter())

    async def several(number):
        told, inside = [], []

        async def never():
            inside.append(1)
            await asyncio.Event().wait()

        async def send(message):
            if "status" in message:
                told.append(message["status"])

        scope = {"type": "http", "method": "GET", "path": "/", "client": ("1.1.1.1", 1)}
        scope |= {"app": gradio_with(), "headers": [], "query_string": b""}
        waiting = [asyncio.ensure_future(at(dict(scope), never, send)) for _ in range(number)]
        while len(told) + len(inside) < number:
            await asyncio.sleep(0)
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return told

    assert asyncio.run(several(5)) == [429] * 3
    assert not at.inside
    assert ask(at)[0] == 200


def test_nothing_is_taken_where_there_is_no_room(cache):
    (cache / "much").write_bytes(bytes(2 * MEGA))
    at = guarded(Taking(), ServerLimits(max_cache=1), Counter())
    status, _, text = post(at, UPLOAD, b"x")
    assert (status, sentence(text)) == (
        507,
        "The server's storage is full; please try again later.",
    )
    assert ask(at)[0] == 200


@pytest.mark.parametrize("below", ["", "/x"])
@pytest.mark.parametrize(
    "path",
    [
        "proxy=http://x", "vibe-edit", "deep_link", "dev/reload", "runs",
        "file=http://x", "file=https://x/y.png", "file/http://x", "file//etc/passwd",
    ],
)  # fmt: skip
def test_what_gradio_offers_to_others_is_closed(path, below):
    at = guarded(Taking(), ServerLimits(), Counter())
    assert ask(at, f"/gradio_api/{path}", below=below)[0] == 404
    assert ask(at, "/gradio_api/file=/tmp/x.png", below=below)[0] == 200


def test_the_icon_is_drawn_in_the_sizes_that_the_page_names():
    at = guarded(Taking(), ServerLimits(), Counter())
    for asked, status in (("", 200), ("/192", 200), ("/512", 200), ("/30000", 404), ("/", 404)):
        assert ask(at, f"/pwa_icon{asked}")[0] == status


def test_below_a_prefix_the_same_is_refused():
    at = guarded(Taking(), ServerLimits(max_body=1), Counter())
    assert ask(at, JOIN, [b"not JSON"], "POST", below="/x")[0] == 422
    assert ask(at, UPLOAD, [bytes(2 * MEGA)], "POST", below="/x")[0] == 200
    assert ask(at, JOIN, [bytes(2 * MEGA)], "POST", below="/x")[0] == 413


def test_what_follows_the_question_mark_is_short():
    at = guarded(Taking(), ServerLimits(), Counter())
    assert ask(at, query=b"x" * 2048)[0] == 200
    status, _, text = ask(at, query=b"x" * 2049)
    assert (status, sentence(text)) == (
        414,
        "At most 2048 letters may follow the question mark of a URL.",
    )


@pytest.mark.parametrize("piece", [7, 10**6])
def test_so_many_files_at_once_that_others_could_open_none_are_not_taken(piece):
    def files(number):
        whole = b'--x\r\nContent-Disposition: form-data; filename="a"\r\n\r\ny\r\n' * number
        return [whole[start : start + piece] for start in range(0, len(whole), piece)]

    at = guarded(Taking(), ServerLimits(), Counter())
    assert ask(at, UPLOAD, files(16), "POST")[0] == 200
    status, _, text = ask(at, UPLOAD, files(17), "POST")
    assert (status, sentence(text)) == (413, "At most 16 files are taken at once.")


def test_with_a_password_everything_is_shut_but_what_asks_for_it_and_the_health():
    gradio = gradio_with(auth={"ann": "x"}, tokens={"token": "ann"}, cookie_id="1")
    at = guarded(Taking(), ServerLimits(), Counter())
    for path in (
        "/config",
        JOIN,
        "/gradio_api/heartbeat/x",
        "/metrics",
        "/anything",
        "/gradio_api/user",
    ):
        assert ask(at, path, gradio=gradio)[0] == 401
        assert ask(at, path, gradio=gradio, cookie="access-token-1=wrong")[0] == 401
    assert ask(at, "/config", gradio=gradio, cookie="access-token-1=token")[0] == 200
    for path in ("/", HEALTH, "/login", "/assets/index.js"):
        assert ask(at, path, gradio=gradio)[0] == 200


def test_a_password_is_not_lent_to_other_pages():
    gradio = gradio_with(auth={"ann": "x"}, tokens={"token": "ann"}, cookie_id="1")
    at = guarded(Taking(), ServerLimits(), Counter())

    def status(method="GET", **told):
        told = {f"sec_fetch_{name}": value for name, value in told.items()}
        path, parts = ("/config", [b"{}"]) if method == "GET" else (JOIN, [b"{}"])
        return ask(at, path, parts, method, gradio=gradio, cookie="access-token-1=token", **told)[0]

    assert status(site="same-origin", mode="cors") == 200
    assert status(site="cross-site", mode="navigate") == 200
    assert status(site="cross-site", mode="cors") == status(site="cross-site") == 401
    assert status("POST", site="cross-site", mode="navigate") == 401


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (KeyError("/x"), 400, "could not be parsed"),
        (TypeError("x"), 400, "could not be parsed"),
        (OSError(28, "No space left on device"), 507, "keep files now: No space left on device."),
        (OSError(30, "Read-only file system"), 507, "keep files now: Read-only file system."),
    ],
)
def test_what_gradio_did_not_think_of_is_a_sentence_and_no_bare_500(error, status, told):
    found, _, text = post(
        guarded(Taking(error), ServerLimits(), Counter()), "/gradio_api/upload", b"x"
    )
    assert found == status
    assert told in sentence(text)


def test_what_is_ours_to_mend_gets_a_ticket_that_is_in_the_log(caplog):
    with caplog.at_level(logging.ERROR):
        status, _, text = ask(guarded(Taking(ZeroDivisionError()), ServerLimits(), Counter()), "/")
    assert status == 500
    (record,) = caplog.records
    assert record.args[0] in sentence(text)


def test_an_answer_that_had_begun_is_ended(caplog):
    async def breaking(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise KeyError

    assert ask(guarded(breaking, ServerLimits(), Counter()))[2] == "half"


def test_the_nearest_proxy_is_believed_as_far_as_is_said_and_no_further():
    at = {"client": ("10.0.0.1", 1), "headers": [(b"x-forwarded-for", b"6.6.6.6, 1.2.3.4")]}
    assert middleware.client_address(at, 0) == "10.0.0.1"
    assert middleware.client_address(at, 1) == "1.2.3.4"
    assert middleware.client_address(at, 3) == "10.0.0.1"
    assert middleware.client_address({"headers": []}, 1) == ""


def test_who_has_a_network_of_addresses_is_one_visitor():
    def address(told):
        return middleware.client_address({"headers": [], "client": (told, 1)}, 0)

    assert address("2001:db8::1") == address("2001:db8::ffff:1%eth0") != address("2001:db8:0:1::1")
    assert address("::ffff:1.2.3.4") == address("1.2.3.4") != address("1.2.3.5")
    assert address("testclient") == "testclient"


def test_refusals_are_counted_by_their_reason():
    before = refusals("size")
    at = guarded(Taking(), ServerLimits(max_body=1), Counter())
    post(at, "/x", bytes(2 * MEGA))
    assert refusals("size") == before + 1


def refusals(reason):
    return metrics.REGISTRY.get_sample_value("styletx_refusals_total", {"reason": reason}) or 0


def call(at, body, **more):
    return post(at, JOIN, body if isinstance(body, bytes) else json.dumps(body).encode(), **more)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b"[" * 20_000, b'{"a":' * 20_000 + b"1" + b"}" * 20_000, b"[1]", b"3"],
)
def test_a_call_that_is_no_object_is_refused_in_a_sentence(body):
    status, _, text = call(guarded(Taking(), ServerLimits(), Counter()), body)
    assert status == 422
    assert sentence(text).endswith(".")


def test_no_file_of_a_call_lies_elsewhere_than_among_the_uploads(cache):
    taking = Taking()
    at = guarded(taking, ServerLimits(), Counter())
    inside = cache / "a" / "photo.png"
    inside.parent.mkdir()
    inside.write_bytes(b"x")
    (cache / "out").symlink_to("/etc")
    bad = [
        "/etc/passwd",
        "app.py",
        f"{cache}/../x",
        f"{cache}/gone.png",
        "a\0b",
        f"{cache}/out/passwd",
    ]
    for path in bad:
        for deep in ({"path": path}, {"data": [[{"x": {"path": path, "meta": {}}}]]}):
            assert call(at, deep)[0] == 422, path
    for odd in ({"path": 5}, {"path": [1]}, {"url": {}}):
        assert call(at, {"data": [odd]})[0] == 422
    assert not taking.begun
    for good in ({"path": str(inside)}, {"path": None}, {"path": "https://example.com/x.png"}):
        assert call(at, {"data": [good]})[0] == 200


def test_a_call_reaches_the_page_as_it_was_sent():
    body = json.dumps({"data": ["ä" * 1000, {"path": None}]}).encode()
    at = guarded(Taking(), ServerLimits(), Counter())
    assert post(at, JOIN, body[:7], body[7:])[2] == str(len(body))


@pytest.mark.parametrize("path", [JOIN, "/gradio_api/component_server", "/gradio_api/cancel"])
def test_json_of_so_many_parts_that_reading_it_takes_long_is_refused_unread(path):
    many = json.dumps({"data": [[]] * 20_000}).encode()
    at = guarded(Taking(), ServerLimits(), Counter())
    status, _, text = post(at, path, many[:30_000], many[30_000:])
    assert (status, sentence(text)) == (413, "At most 20000 brackets and commas are taken at once.")
    assert post(at, path, json.dumps({"data": [[]] * 5_000}).encode())[0] == 200


def test_pictures_in_parts_of_a_body_are_no_json():
    at, kind = (
        guarded(Taking(), ServerLimits(), Counter()),
        {"content_type": "multipart/form-data"},
    )
    picture = b"{[," * 20_000
    assert post(at, "/gradio_api/component_server", picture, **kind)[0] == 200
    assert post(at, JOIN, picture, **kind)[0] == 413  # which takes no such body


def test_a_picture_as_data_is_as_large_as_is_allowed():
    at = guarded(Taking(), ServerLimits(max_data=1), Counter())
    assert call(at, {"data": [{"url": "data:image/png;base64," + "A" * MEGA}]})[0] == 200
    status, _, text = call(at, {"data": [{"url": "data:image/png;base64," + "A" * 2 * MEGA}]})
    assert (status, sentence(text)) == (
        422,
        "This picture is 1.5 MB, and as data in a call at most 1 MB can be taken: upload it "
        "instead.",
    )


def test_a_call_that_was_told_its_end_leaves_no_state_behind():
    holder = SimpleNamespace(lock=threading.Lock(), session_data={}, time_last_used={})
    gradio = SimpleNamespace(auth=None, state_holder=holder, get_blocks=gradio_with().get_blocks)
    holder.session_data |= {"abc": 1, "page": 2}
    holder.time_last_used |= {"abc": 1, "page": 2}
    at = guarded(Taking(), ServerLimits(), Counter())
    ask(at, "/gradio_api/call/v2/stylize/abc", gradio=gradio)
    ask(at, "/gradio_api/queue/data", gradio=gradio)
    assert list(holder.session_data) == list(holder.time_last_used) == ["page"]
    gradio.auth, gradio.tokens, gradio.cookie_id = {"ann": "x"}, {}, ""
    assert ask(at, "/gradio_api/call/v2/stylize/page", gradio=gradio)[0] == 401
    assert list(holder.session_data) == ["page"]  # whom nobody let in ends nothing


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ({"session_hash": "x" * 101}, "session_hash must have 1 to 100 letters."),
        ({"session_hash": [[]] * 99}, "session_hash must have 1 to 100 letters."),
        (
            {"data": [[{"path": "https://x/y.png"}] * 13]},
            "A call may name at most 12 URLs; this one names 13.",
        ),
        (
            {"data": [{"path": "x"}] * 65},
            "A file of this call was not uploaded here; upload it first.",
        ),
        ({"session_hash": ""}, "session_hash must have 1 to 100 letters."),
        ({"data": [{"url": "x"}] * 65}, "A call may have at most 64 files."),
    ],
)
def test_a_call_that_asks_for_much_at_once_is_refused(call, told):
    status, _, text = ask(
        guarded(Taking(), ServerLimits(), Counter()), JOIN, [json.dumps(call).encode()], "POST"
    )
    assert (status, sentence(text)) == (422, told)


def test_a_call_waits_in_no_endless_line_and_no_address_has_it_for_itself():
    at = guarded(Taking(), ServerLimits(calls=5, calls_per_address=3), Counter())
    few, many = gradio_with("1.1.1.1", "1.1.1.1"), gradio_with(*["1.1.1.1"] * 3, "2.2.2.2")
    assert ask(at, JOIN, [b"{}"], "POST", gradio=few)[0] == 200
    status, _, text = ask(at, JOIN, [b"{}"], "POST", gradio=many)
    assert (status, sentence(text)) == (
        429,
        "3 calls from your address are waiting already.",
    )
    assert ask(at, JOIN, [b"{}"], "POST", client="2.2.2.2", gradio=many)[0] == 200
    full = gradio_with(*"abcde")
    status, _, text = ask(at, JOIN, [b"{}"], "POST", gradio=full)
    assert (status, sentence(text)) == (503, "5 calls wait already; please try again soon.")
    assert ask(at, "/config", gradio=full)[0] == 200


def test_room_is_kept_for_what_is_still_coming():
    at = guarded(Taking(), ServerLimits(max_cache=3, max_upload=2), Counter())

    async def two():
        told, begun = [], asyncio.Event()

        async def slowly():
            begun.set()
            await asyncio.Event().wait()  # which never comes

        async def send(message):
            told.append(message)

        def scope(length):
            return {
                "type": "http", "method": "POST", "path": UPLOAD, "client": ("1.1.1.1", 1),
                "app": gradio_with(), "query_string": b"",
                "headers": [(b"content-length", str(length).encode())],
            }  # fmt: skip

        first = asyncio.ensure_future(at(scope(2 * MEGA), slowly, send))
        await begun.wait()
        second = asyncio.ensure_future(at(scope(2 * MEGA), slowly, send))
        await asyncio.wait([second], timeout=60)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        return told

    assert asyncio.run(two())[0]["status"] == 507
    assert at.disk.coming == 0
