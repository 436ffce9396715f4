"""Fixtures of all tests, and what keeps the fast tier fast."""

import itertools
import os
import shutil
import subprocess
import sys
import threading
from urllib.parse import urlsplit

import pytest
import torch  # noqa: F401  whose import starts a process, which no test of the fast tier may
from PIL import Image

from tests.helpers import attacks
from tests.helpers.paths import ROOT
from tests.helpers.programs import needs

# One thread here and in every process that a test starts: two test at a time, and threads that
# share a core wait for each other in turning loops.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Ray gives its workers the lowest priority but four: beside a busy program they hardly run.
os.environ.setdefault("RAY_worker_niceness", "0")


def is_fast(config):
    """Whether the fast tier alone is asked for."""
    return "not slow" in config.option.markexpr


def pytest_ignore_collect(collection_path, config):
    """The fast tier does not even import what is slow as a whole."""
    if is_fast(config) and collection_path.name in ("e2e", "quality", "release"):
        return True
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark release tests slow as well, so that `-m "not slow"` leaves them out."""
    for item in items:
        if item.get_closest_marker("release"):
            item.add_marker("slow")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """In CI nothing is skipped: what a test needs, `.ci/run` installs."""
    report = yield
    if report.skipped and "CI" in os.environ:
        report.outcome, report.longrepr = "failed", f"CI skips nothing, but: {report.longrepr}"
    return report


FORBIDDEN = {
    "subprocess.Popen", "os.fork", "os.posix_spawn", "os.system", "os.exec",
    "socket.connect", "socket.sendto",
}  # fmt: skip
watching = threading.Event()
offences: list[str] = []
elders: set[threading.Thread] = set()  # which an earlier test has begun


def watch(event: str, _) -> None:
    """Raise, and remember, since the program may catch it."""
    if watching.is_set() and event in FORBIDDEN and threading.current_thread() not in elders:
        offences.append(event)
        raise AssertionError(f"{event} in a test that is not marked slow")


sys.addaudithook(watch)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """From the first fixture to the last, a test of the fast tier is watched."""
    if not item.get_closest_marker("slow"):
        elders.update(set(threading.enumerate()) - {threading.current_thread()})
        watching.set()
    ended = yield
    watching.clear()
    elders.clear()
    return ended


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown():
    yield
    told = ", ".join(offences)
    offences.clear()
    assert not told, f"A test that is not marked slow starts no process and asks nobody: {told}"


@pytest.fixture(scope="session")
def eye():
    from tests.helpers.network import small_weights

    return small_weights()


@pytest.fixture
def sunset() -> Image.Image:
    red = Image.linear_gradient("L").resize((96, 64))
    blue = Image.radial_gradient("L").resize((96, 64))
    return Image.merge("RGB", (red, blue, red.rotate(180)))


@pytest.fixture
def weave() -> Image.Image:
    """A deterministic texture: stripes in both directions, in two colours."""
    tile = Image.new("RGB", (8, 8), (200, 120, 40))
    tile.paste((30, 60, 140), (0, 0, 4, 4))
    tile.paste((240, 230, 200), (4, 4, 8, 8))
    cloth = Image.new("RGB", (64, 64))
    for x in range(0, 64, 8):
        for y in range(0, 64, 8):
            cloth.paste(tile, (x, y))
    return cloth


@pytest.fixture
def given(sunset, weave, eye):
    """Pictures for a run of `stylize`, by the names of its arguments."""
    from styletx.events import Style

    return {"content": sunset, "styles": [Style(weave)], "weights": eye}


@pytest.fixture
def files(tmp_path, sunset, weave):
    """A folder with photo.png and painting.png."""
    sunset.save(tmp_path / "photo.png")
    weave.save(tmp_path / "painting.png")
    return tmp_path


@pytest.fixture
def paint(files, monkeypatch):
    """Call the command line on photo.png and painting.png; `paint.events` says what happens."""
    import styletx.cli.paint as command_line
    from styletx.cli.main import main as cli_main
    from tests.helpers.scripted import progress, result

    def call(*options):
        arguments = [str(files / name) for name in ("photo.png", "painting.png")]
        return cli_main([*arguments, *options, "-o", str(call.out)])

    def scripted(content, styles, settings, **given):
        call.content, call.styles, call.given = content, styles, (settings, given)
        for event in call.events:
            if isinstance(event, BaseException):
                raise event
            yield event

    call.events, call.out = [progress(1), result()], files / "out.png"
    monkeypatch.setattr(command_line, "stylize", scripted)
    return call


@pytest.fixture(scope="session")
def one_queue():
    from styletx.limits import ServerLimits
    from styletx.runners.queue import JobQueue

    queue = JobQueue(limits=ServerLimits(max_size=4096, max_work=10**6))
    yield queue
    queue.close()


@pytest.fixture
def queue(one_queue, tmp_path, monkeypatch):
    """Always the same, so that there is one page to build, with a script of its own each time."""
    from tests.helpers.page import scripted

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))
    one_queue.stylize = scripted
    yield one_queue
    for job in list(one_queue.jobs.values()):
        job.stop()


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory):
    """Packages that the tests need from npm."""
    needs("npm")
    folder = tmp_path_factory.mktemp("npm")
    shutil.copy(ROOT / "tests" / "package.json", folder)
    command = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(command, cwd=folder, check=True, timeout=300)
    return folder / "node_modules"


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The one of all tests that need none of their own. It takes addresses from a header, and
    grants each of them much, so that no test uses up what another may ask for."""
    from tests.helpers.server import GENEROUS, Server

    server = Server(tmp_path_factory.mktemp("served") / "cache", **GENEROUS).wait()
    yield server
    server.close()


ADDRESSES = itertools.count(1)


@pytest.fixture
def sender(monkeypatch):
    """The header that says that a test's requests come from an address of its own."""
    high, low = divmod(next(ADDRESSES), 250)
    header = {"X-Forwarded-For": f"198.18.{high}.{low}"}
    monkeypatch.setattr(attacks, "FROM", header)
    return header


@pytest.fixture
def client(server, sender, tmp_path):
    """A client of the server, once nothing of an earlier test is at work there any more."""
    attacks.until_idle(server.url)
    return server.client(tmp_path, **sender)


@pytest.fixture(scope="module")  # its driver is an event loop, beside which no other can run
def browser():
    from tests.helpers.browser import launched

    needs("chromium")
    with launched() as browser:
        yield browser


@pytest.fixture
def visit(browser, server, sender):
    """Open the page on a kind of screen; no request may leave the machine."""
    from tests.helpers.browser import open_page

    contexts, hosts, trouble = [], set(), []

    def open_it(**screen):
        contexts.append(context := browser.new_context(extra_http_headers=sender, **screen))
        context.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
        context.on("weberror", lambda error: trouble.append(str(error.error)))
        return open_page(context, server.url)

    yield open_it
    for context in contexts:
        context.close()
    assert hosts - {None} <= {"127.0.0.1"}
    assert not trouble
