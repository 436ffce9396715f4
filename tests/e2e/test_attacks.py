"""Attacks, floods, kills and full disks: a public page stays, says so, and loses nothing."""

import json
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import gradio as gr
import pytest
from gradio_client import Client
from PIL import Image

from app import build_app
from styletx.painter import Painter
from styletx.scopes import OPEN, OPEN_BELOW
from tests.benchmarks.endure import lasted
from tests.helpers import attacks, hostile_files
from tests.helpers.paths import ROOT
from tests.helpers.server import ENDLESS, Server, first_report, paint

pytestmark = pytest.mark.slow
ALL_FROM_HERE = {"STYLETX_RUNS_PER_ADDRESS": "60", "STYLETX_REQUESTS_PER_SECOND": "1000"}


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("public") / "cache", **ALL_FROM_HERE).wait()
    yield server
    server.close()


@pytest.mark.parametrize(
    "fault", [one for one in attacks.FAULTS if one is not attacks.flood], ids=lambda f: f.__name__
)
def test_it_withstands(public, fault):
    attacks.call(public.url, "stylize", attacks.given_once(public.url))
    process = Path("/proc") / str(public.process.pid)
    (process / "clear_refs").write_text("5")  # the peak begins anew
    before = hostile_files.memory("VmRSS", public.process.pid)
    fault(public.url)
    most = hostile_files.memory("VmHWM", public.process.pid)
    assert most - before < 500 or fault is attacks.how_soon_it_stops
    assert "Traceback" not in told_by_us(public)
    assert attacks.is_picture(attacks.call(public.url, "stylize", attacks.given_once(public.url)))
    runs = list((public.cache / "styletx" / "runs").iterdir())
    assert all(any(run.glob("*.png")) for run in runs), "something unfinished was left"


def test_every_answer_of_the_real_server_has_the_headers_and_monitoring_is_closed(public):
    for path in ("", "healthz", "gradio_api/info", "nothing"):
        try:
            answer = urllib.request.urlopen(public.url + path, timeout=9)
        except urllib.error.HTTPError as error:
            answer = error
        headers = answer.headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert "frame-ancestors 'self' https://huggingface.co" in headers["Content-Security-Policy"]
    for path in ("monitoring", "monitoring/summary", "gradio_api/monitoring"):
        assert attacks.ask(public.url + path)[0] in (403, 404)


def told_by_us(server):
    """The log without what Gradio writes of calls that it cannot read."""
    ours = re.split(r"(?m)^(?=Traceback)", server.log.read_text())
    return "".join(part for part in ours if "/styletx/" in part)


@pytest.fixture
def own(tmp_path):
    """A server to be hurt; further ones take over its cache."""
    servers = []

    def start(*options, **variables):
        servers.append(Server(tmp_path / "cache", *options, **variables).wait())
        return servers[-1]

    yield start
    for server in servers:
        server.process.kill()
        server.process.wait()


def test_a_flood_is_refused_and_the_health_still_told(own):
    attacks.flood(own().url)


def test_the_figures_and_the_log_tell_of_runs_and_of_nobody(own):
    server = own()
    given = attacks.given(server.url)
    attacks.call(server.url, "stylize", given)
    attacks.call(server.url, "stylize", {**given, "size": 9999})
    _, told = attacks.ask(f"{server.url}metrics")
    assert 'styletx_runs_total{outcome="finished"} 1' in told.splitlines()
    assert 'styletx_refusals_total{reason="SettingsError"} 1' in told.splitlines()
    assert all(re.fullmatch(r"styletx_\w+({\w+=\"\w+\"})? [\d.e+]+", x) for x in told.splitlines())
    (line,) = [line for line in server.log.read_text().splitlines() if line.startswith("run ")]
    assert re.fullmatch(r"run [0-9a-f]{8} finished: 64 pixels, 2 of 2 steps, [\d.]+ s", line)
    assert not {"photo", "127.0.0.1"} & set(re.findall(r"[\w.]+", line))


def descendants(process):
    """The processes that a process began, and those that they did."""
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    own = [int(child) for task in tasks for child in task.read_text().split()]
    return own + [deeper for child in own for deeper in descendants(child)]


def test_a_server_that_looks_at_large_files_ends_as_soon(own):
    server = own()
    jpeg = hostile_files.plain("JPEG")
    large = attacks.upload(server.url, jpeg[:2] + b"\xff\x00" * 15_000_000 + jpeg[2:])
    for _ in range(8):
        attacks.ask(f"{server.url}gradio_api/call/v2/recipe", {"painted": large})
    begun = time.monotonic()
    server.process.terminate()
    assert server.process.wait(10) == 0
    assert time.monotonic() - begun < 3


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_ended_gives_everybody_their_picture_and_is_gone_in_three_seconds(
    own, sent
):
    server = own()
    clients = [Client(server.url, verbose=False) for _ in range(2)]
    job = paint(clients[0], **ENDLESS)
    report = first_report(job, lambda report: report["step"] > 3)
    paint(clients[1], **ENDLESS)  # which waits in line
    children = descendants(server.process.pid)
    begun = time.monotonic()
    server.process.send_signal(sent)
    assert server.process.wait(10) == 0
    assert time.monotonic() - begun < 3
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    path, last = job.result(timeout=5)
    assert (last["stopped"], Path(path).suffix) == (True, ".png")
    assert "Traceback" not in server.log.read_text()
    assert not list(server.cache.rglob("*.lock"))
    again = own()
    assert [path.name for path in again.cache.rglob("*.png")] == ["temple-great_wave.png"]
    found = Client(again.url, verbose=False).predict(report["run_id"], "png", api_name="/export")
    assert Path(found).read_bytes() == Path(path).read_bytes()


def test_what_a_killed_server_left_is_gone_at_the_next_start_but_for_finished_pictures(own):
    server = own()
    client = Client(server.url, verbose=False)
    _, done = paint(client, size=64, steps=2).result(timeout=30)
    first_report(paint(client, **ENDLESS), lambda report: report["step"] > 3)
    server.process.kill()
    server.process.wait()
    assert len(list(server.cache.glob("styletx/runs/*"))) == 2
    again = own()
    assert len(list(again.cache.glob("styletx/runs/*"))) == 1
    assert not list(again.cache.rglob("temple.jpg"))
    assert attacks.is_picture(attacks.call(again.url, "export", {"run_id": done["run_id"]}))


def limited(server, what, limit):
    """Limit what a server may have, as it runs; the limit that it had."""
    before, most = resource.prlimit(server.process.pid, what)
    resource.prlimit(server.process.pid, what, (limit, most))
    return before


def test_a_disk_that_takes_nothing_is_a_sentence_and_afterwards_all_is_well(own):
    server = own()
    given = attacks.given(server.url)
    before = limited(server, resource.RLIMIT_FSIZE, 0)
    status, told = attacks.upload(server.url, b"x" * 100)
    assert (status, json.loads(told)["detail"][:37]) == (
        507,
        "The server cannot keep files now: Fil",
    )
    answer = attacks.call(server.url, "stylize", given)
    assert "The server cannot keep files now: " in answer[1], answer
    assert str(server.cache) not in answer[1]
    limited(server, resource.RLIMIT_FSIZE, before)
    assert attacks.is_picture(attacks.call(server.url, "stylize", given))


def test_a_cache_that_is_deleted_under_it_is_made_again(own):
    server = own()
    attacks.given(server.url)
    shutil.rmtree(server.cache)
    assert attacks.is_picture(attacks.call(server.url, "stylize", attacks.given(server.url)))


def test_a_cache_that_may_not_be_written_is_a_sentence_and_afterwards_all_is_well(own):
    server = own()
    given = attacks.given(server.url)
    runs = server.cache / "styletx" / "runs"
    shutil.rmtree(runs, ignore_errors=True)
    runs.write_text("in the way")  # root may write whatever its mode says
    answer = attacks.call(server.url, "stylize", given)
    assert "The server cannot keep files now: " in answer[1], answer
    runs.unlink()
    assert attacks.is_picture(attacks.call(server.url, "stylize", given))


def test_where_nothing_can_be_kept_it_does_not_start_and_says_why(tmp_path):
    (tmp_path / "cache").write_text("in the way")
    server = Server(tmp_path / "cache")
    assert server.process.wait(60) == 1
    assert "Pictures cannot be kept in" in server.log.read_text()
    assert "Traceback" not in server.log.read_text()


def test_real_lack_of_memory_is_a_sentence_and_the_next_run_works(own):
    server = own()
    small = attacks.given(server.url)
    assert attacks.is_picture(attacks.call(server.url, "stylize", small))
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    taken = int(re.search(r"VmSize:\s+(\d+)", status)[1]) * 1024
    before = limited(server, resource.RLIMIT_AS, taken + 400 * 2**20)
    answer = attacks.call(server.url, "stylize", {**small, "size": 2048, "steps": 2})
    assert "fit into the memory of this device" in answer[1], answer
    limited(server, resource.RLIMIT_AS, before)
    assert attacks.is_picture(attacks.call(server.url, "stylize", small))


# Run by Python before the app: where pictures of 96 pixels are painted, numbers are none
BREAK = """
import threading, time, sys
def spoil():
    while "styletx.painter" not in sys.modules:
        time.sleep(0.05)
    import styletx.engine as engine
    slope = engine.slope
    def spoilt(canvas, aim):
        losses, gradient = slope(canvas, aim)
        return losses, gradient * (float("nan") if max(canvas.shape) == 96 else 1)
    engine.slope = spoilt
threading.Thread(target=spoil, daemon=True).start()
"""


def test_numbers_that_are_none_are_a_sentence_and_the_next_run_works(own, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(BREAK)
    server = own(PYTHONPATH=str(tmp_path))
    given = attacks.given(server.url)
    answer = attacks.call(server.url, "stylize", {**given, "size": 96, "steps": 9})
    assert "The numbers became infinite 4 times" in answer[1], answer
    assert attacks.is_sentence(answer)
    assert attacks.is_picture(attacks.call(server.url, "stylize", given))


@pytest.mark.parametrize("name", ["STYLETX_QUEUE", "STYLETX_MAX_SIZE"])
def test_a_limit_that_is_no_number_keeps_it_from_starting(tmp_path, name):
    server = Server(tmp_path / "cache", **{name: "many"})
    assert server.process.wait(60) == 1
    assert f"{name} is 'many', but must be a whole number" in server.log.read_text()


def test_limits_that_are_set_are_kept(own, tmp_path):
    server = own(STYLETX_MAX_SIZE="96", STYLETX_MAX_PIXELS="1", STYLETX_MAX_SECONDS="2")
    given = attacks.given(server.url)
    answer = attacks.call(server.url, "stylize", {**given, "size": 128})
    assert "size is 128, but here at most 96 pixels are painted" in answer[1]
    Image.new("RGB", (1100, 1000)).save(tmp_path / "large.png")
    large = {**given, "content": attacks.upload(server.url, (tmp_path / "large.png").read_bytes())}
    answer = attacks.call(server.url, "stylize", {**large, "size": 64})
    assert "at most 1 million can be used" in answer[1]
    begun = time.monotonic()
    answer = attacks.call(server.url, "stylize", {**given, "size": 96, "steps": 2000})
    assert time.monotonic() - begun < 10
    assert attacks.is_picture(answer)
    assert '"late": true' in answer[1]


def test_with_a_password_no_route_answers_without_it_but_those_that_ask_for_it(own):
    known = gr.routes.App.create_app(build_app(Painter())).openapi()["paths"]
    server, asked = own("--auth", "ann:secret"), 0
    for route, methods in known.items():
        for method in methods:
            path = re.sub(r"{[^}]*}", "x", route)
            if path in OPEN or path.startswith(OPEN_BELOW):
                continue
            request = urllib.request.Request(server.url[:-1] + path, method=method.upper())
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request, timeout=5)
            assert refused.value.code in (401, 404), path  # closed to all, with or without
            asked += 1
    assert asked > 40
    assert attacks.ask(f"{server.url}metrics")[0] == 401
    assert attacks.ask(f"{server.url}healthz")[0] == 200


@pytest.mark.timeout(1200)
def test_hundreds_of_runs_leave_nothing_behind(own):
    lasted(own(**ALL_FROM_HERE))


def test_the_script_that_hurts_servers_says_what_it_did(public):
    command = [sys.executable, "-m", "tests.helpers.attacks", public.url, "malformed_calls"]
    done = faults_run(command)
    assert re.fullmatch(r"\| malformed calls \| \d+ calls, none .* \| \d+ s \|\n", done)


def faults_run(command):
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_page_may_be_framed_by_the_hub_and_by_nobody_else(browser, public, tmp_path):
    """As far as a browser can tell here: what is on another host is not shown the page."""
    (tmp_path / "frame.html").write_text(f'<iframe src="{public.url}"></iframe>')
    page = browser.new_page()
    page.goto((tmp_path / "frame.html").as_uri())
    page.wait_for_timeout(2000)
    assert not any(frame.query_selector("#paint") for frame in page.frames)
    page.close()
