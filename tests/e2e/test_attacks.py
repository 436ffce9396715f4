"""Attacks, floods, kills and full disks: a public page stays, says so, and loses nothing."""

import json
import re
import resource
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from tests.benchmarks.server_load import lasted
from tests.helpers import attacks, hostile_files
from tests.helpers.paths import ROOT
from tests.helpers.server import ENDLESS, QUICK, Server, first_report, paint

pytestmark = pytest.mark.slow

# What each attack is told where it shall do less of it than before a release
LESS = {
    attacks.wrong_settings: {"part": 23},
    attacks.bad_pictures: {"part": 10},
    attacks.calls_that_nobody_waits_for: {"number": 80},
    attacks.calls_of_no_session: {"number": 2},
    attacks.fifty_at_once: {"number": 30, "size": 64},
    attacks.how_soon_it_stops: {"number": 1, "size": 256},
    attacks.random_cancels: {"number": 20},
}
BY_THE_SCRIPT = attacks.inner_addresses, attacks.files_of_the_server
ELSEWHERE = attacks.flood, attacks.more_calls_than_are_remembered  # below
HERE = [attack for attack in attacks.ATTACKS if attack not in (*BY_THE_SCRIPT, *ELSEWHERE)]


def withstands(server, sender, attack, **less):
    """The server, and what it held before, are there for others after an attack."""
    attacks.call(server.url, "stylize", attacks.given_once(server.url))
    logged = len(server.log.read_text())
    process = Path("/proc") / str(server.process.pid)
    (process / "clear_refs").write_text("5")  # the peak begins anew
    before = hostile_files.memory("VmRSS", server.process.pid)
    attack(server.url, **less)
    sender["X-Forwarded-For"] = "198.19.0.1"  # the attacker's own calls may still wait
    most = hostile_files.memory("VmHWM", server.process.pid)
    assert most - before < 500 or attack is attacks.how_soon_it_stops
    assert "Traceback" not in told_by_us(server.log.read_text()[logged:])
    pair = attacks.given_once(server.url)
    assert attacks.is_picture(attacks.call(server.url, "stylize", pair))
    attacks.until_idle(server.url)
    runs = list((server.cache / "styletx" / "runs").iterdir())
    assert all(any(run.glob("*.png")) for run in runs), "something unfinished was left"


def told_by_us(log):
    """A log without what Gradio writes of calls that it cannot read."""
    ours = re.split(r"(?m)^(?=Traceback)", log)
    return "".join(part for part in ours if "/styletx/" in part)


@pytest.mark.parametrize("attack", HERE, ids=lambda attack: attack.__name__)
def test_it_withstands(server, sender, attack):
    withstands(server, sender, attack, **LESS.get(attack, {}))


@pytest.mark.release
@pytest.mark.parametrize(
    "attack", [*LESS, attacks.more_calls_than_are_remembered], ids=lambda attack: attack.__name__
)
def test_it_withstands_much_more_of_it(server, sender, attack):
    withstands(server, sender, attack)


def test_the_script_that_attacks_servers_says_what_it_did(server):
    names = [attack.__name__ for attack in BY_THE_SCRIPT]
    command = [sys.executable, "-m", "tests.helpers.attacks", server.url, *names]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    files, addresses = done.stdout.splitlines()
    assert re.fullmatch(r"\| files of the server \| \d+ attempts, none .* \| \d+ s \|", files)
    assert re.fullmatch(r"\| inner addresses \| \d+ addresses, none .* \| \d+ s \|", addresses)


def test_a_row_of_runs_cancels_and_bad_inputs_leaves_nothing_behind(server, sender):
    lasted(server, 20)


@pytest.mark.release
@pytest.mark.timeout(3600)
def test_hundreds_of_runs_leave_nothing_behind(server, sender):
    lasted(server, rest=12)


def test_every_answer_of_the_real_server_has_the_headers_and_monitoring_is_closed(server, sender):
    for path in ("", "healthz", "gradio_api/info", "nothing"):
        headers = attacks.headers_of(server.url + path)
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert "frame-ancestors 'self' https://huggingface.co" in headers["Content-Security-Policy"]
    for path in ("monitoring", "monitoring/summary", "gradio_api/monitoring"):
        assert attacks.ask(server.url + path)[0] in (403, 404)


def test_the_figures_and_the_log_tell_of_runs_and_of_nobody(server, sender):
    finished, refused = (
        'styletx_runs_total{outcome="finished"}',
        'styletx_refusals_total{reason="SettingsError"}',
    )
    attacks.until_idle(server.url)
    before, logged = attacks.figures(server.url), len(server.log.read_text())
    given = attacks.given(server.url)
    attacks.call(server.url, "stylize", given)
    attacks.call(server.url, "stylize", {**given, "size": 9999})
    now = attacks.figures(server.url)
    assert now[finished] == before.get(finished, 0) + 1
    assert now[refused] == before.get(refused, 0) + 1
    assert all(re.fullmatch(r"styletx_\w+({\w+=\"\w+\"})?", name) for name in now)
    told = server.log.read_text()[logged:].splitlines()
    (line,) = [line for line in told if line.startswith("run ")]
    assert re.fullmatch(r"run [0-9a-f]{8} finished: 64 pixels, 2 of 2 steps, [\d.]+ s", line)
    assert not {"photo", "127.0.0.1", *sender.values()} & set(re.findall(r"[\w.]+", line))


# Run by Python before the app: where pictures of 96 pixels are painted, numbers are none
BREAK = """
import threading, time, sys
def spoil():
    while "styletx.runners.queue" not in sys.modules:
        time.sleep(0.05)
    import styletx.core.engine as engine
    slope = engine.losses_and_gradient
    def spoilt(canvas, aim):
        losses, gradient = slope(canvas, aim)
        return losses, gradient * (float("nan") if max(canvas.shape) == 96 else 1)
    engine.losses_and_gradient = spoilt
threading.Thread(target=spoil, daemon=True).start()
"""


@pytest.fixture(scope="module")
def hurt(tmp_path_factory):
    """A server whose disk, memory and numbers are taken from it."""
    folder = tmp_path_factory.mktemp("hurt")
    (folder / "sitecustomize.py").write_text(BREAK)
    server = Server(folder / "cache", PYTHONPATH=str(folder)).wait()
    yield server
    server.close()


@contextmanager
def limited(server, what, limit):
    """Limit what a server may have, as it runs."""
    before, most = resource.prlimit(server.process.pid, what)
    resource.prlimit(server.process.pid, what, (limit, most))
    try:
        yield
    finally:
        resource.prlimit(server.process.pid, what, (before, most))


def test_a_disk_that_takes_nothing_is_a_sentence_and_afterwards_all_is_well(hurt):
    given = attacks.given(hurt.url)
    with limited(hurt, resource.RLIMIT_FSIZE, 0):
        status, told = attacks.upload(hurt.url, b"x" * 100)
        answer = attacks.call(hurt.url, "stylize", given)
    assert (status, json.loads(told)["detail"][:37]) == (
        507,
        "The server cannot keep files now: Fil",
    )
    assert "The server cannot keep files now: " in answer[1], answer
    assert str(hurt.cache) not in answer[1]
    assert attacks.is_picture(attacks.call(hurt.url, "stylize", given))


def test_a_cache_that_is_deleted_under_it_is_made_again(hurt):
    attacks.given(hurt.url)
    shutil.rmtree(hurt.cache)
    assert attacks.is_picture(attacks.call(hurt.url, "stylize", attacks.given(hurt.url)))


def test_a_cache_that_may_not_be_written_is_a_sentence_and_afterwards_all_is_well(hurt):
    given = attacks.given(hurt.url)
    runs = hurt.cache / "styletx" / "runs"
    shutil.rmtree(runs, ignore_errors=True)
    runs.write_text("in the way")  # root may write whatever its mode says
    answer = attacks.call(hurt.url, "stylize", given)
    assert "The server cannot keep files now: " in answer[1], answer
    runs.unlink()
    assert attacks.is_picture(attacks.call(hurt.url, "stylize", given))


def test_real_lack_of_memory_is_a_sentence_and_the_next_run_works(hurt):
    small = attacks.given(hurt.url)
    assert attacks.is_picture(attacks.call(hurt.url, "stylize", small))
    status = Path(f"/proc/{hurt.process.pid}/status").read_text()
    taken = int(re.search(r"VmSize:\s+(\d+)", status)[1]) * 1024
    with limited(hurt, resource.RLIMIT_AS, taken + 400 * 2**20):
        answer = attacks.call(hurt.url, "stylize", {**small, "size": 2048, "steps": 2})
    assert "fit into the memory of this device" in answer[1], answer
    assert attacks.is_picture(attacks.call(hurt.url, "stylize", small))


def test_numbers_that_are_none_are_a_sentence_and_the_next_run_works(hurt):
    given = attacks.given(hurt.url)
    answer = attacks.call(hurt.url, "stylize", {**given, "size": 96, "steps": 9})
    assert "The losses became infinite 4 times" in answer[1], answer
    assert attacks.is_sentence(answer)
    assert attacks.is_picture(attacks.call(hurt.url, "stylize", given))


def test_limits_that_are_set_are_kept(tmp_path):
    server = Server(
        tmp_path / "cache",
        STYLETX_MAX_SIZE="96",
        STYLETX_MAX_PIXELS="1",
        STYLETX_MAX_SECONDS="2",
        STYLETX_REQUESTS_PER_SECOND="2",
    ).wait()
    try:
        given = attacks.given(server.url)
        answer = attacks.call(server.url, "stylize", {**given, "size": 128})
        assert "size is 128, but here at most 96 pixels are painted" in answer[1]
        Image.new("RGB", (1100, 1000)).save(tmp_path / "large.png")
        large = attacks.upload(server.url, (tmp_path / "large.png").read_bytes())
        answer = attacks.call(server.url, "stylize", {**given, "content": large, "size": 64})
        assert "at most 1 million can be used" in answer[1]
        answer = attacks.call(server.url, "stylize", {**given, "size": 96, "steps": 2000})
        assert attacks.is_picture(answer)
        assert '"late": true' in answer[1]
        attacks.flood(server.url)  # … is refused, and the health still told
    finally:
        server.close()


def descendants(process):
    """The processes that a process began, and those that they did."""
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    own = [int(child) for task in tasks for child in task.read_text().split()]
    return own + [deeper for child in own for deeper in descendants(child)]


# Run by Python before the app: so busy a machine may take long to fetch what it is told of
PATIENT = """
import threading, time, sys
def wait():
    while not hasattr(sys.modules.get("styletx.server.serve"), "serve"):
        time.sleep(0.05)
    serve = sys.modules["styletx.server.serve"]
    serve.DELIVERY_S, serve.FETCH_S = 20, 5
threading.Thread(target=wait, daemon=True).start()
"""


@pytest.fixture
def own(tmp_path):
    """A server to be ended; further ones take over its cache."""
    servers = []
    (tmp_path / "sitecustomize.py").write_text(PATIENT)

    def start():
        servers.append(Server(tmp_path / "cache", PYTHONPATH=str(tmp_path)).wait())
        return servers[-1]

    yield start
    for server in servers:
        server.process.kill()
        server.process.wait()


SOON = 60  # seconds, ten times what an end takes


@pytest.mark.parametrize(
    "sent", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.release)]
)
def test_a_killed_server_loses_no_finished_picture_and_an_ended_one_gives_everybody_theirs(
    own, tmp_path, sent
):
    server = own()
    path, finished = paint(server.client(tmp_path), **QUICK).result(timeout=120)
    first_report(paint(server.client(tmp_path), **ENDLESS), lambda report: report["step"] > 3)
    server.process.kill()
    server.process.wait()
    again = own()
    assert attacks.is_picture(attacks.call(again.url, "export", {"run_id": finished["run_id"]}))
    check_its_end(again, tmp_path, sent)
    (early, late) = sorted(again.cache.rglob("*.png"), key=lambda path: path.stat().st_mtime)
    assert early.read_bytes() == Path(path).read_bytes()
    assert late.name == "temple-great_wave.png"


def check_its_end(server, folder, sent):
    """While it paints, others wait in line, and it looks at files that are large."""
    job = paint(server.client(folder), **ENDLESS)
    first_report(job, lambda report: report["step"] > 3)
    paint(server.client(folder), **ENDLESS)
    jpeg = hostile_files.plain("JPEG")
    large = attacks.upload(server.url, jpeg[:2] + b"\xff\x00" * 15_000_000 + jpeg[2:])
    for _ in range(8):
        attacks.ask(f"{server.url}gradio_api/call/v2/recipe", {"painted": large})
    children = descendants(server.process.pid)
    server.process.send_signal(sent)
    assert server.process.wait(SOON) == 0
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    path, last = job.result(timeout=60)
    assert (last["stopped"], Path(path).suffix) == (True, ".png")
    assert "Traceback" not in server.log.read_text()
