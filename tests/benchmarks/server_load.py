"""How a server lasts: over hundreds of runs, and for minutes beside a hostile visitor.

python -m tests.benchmarks.server_load [minutes]
"""

import itertools
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from styletx.limits import ServerLimits
from tests.helpers import attacks, hostile_files
from tests.helpers.paths import ROOT
from tests.helpers.server import Server

from .process import machine

RUNS, SOON = 300, 10  # and after how many of them it is compared
ALONE, SIZE, STEPS = 7, 384, 24
MOST = 1.3  # times as long as alone that an honest visitor may wait beside a hostile one
CHOICES = {
    "steps": [3, 5, 8, 12],
    "style_weight": [0, 0.5, 1, 3, 10],
    "colors": ["painting", "photo", "luminance", "only"],
    "init": ["colors", "photo", "noise"],
    "method": ["octaves", "octaves", "gatys"],
    "optimizer": ["lbfgs", "adam"],
    "smoothness": [0, 2],
    "seed": [0, 1, 2],
}
ANOTHER = "203.0.113.9"  # the address that the hostile visitor seems to have


def main() -> None:
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "cache", STYLETX_PROXIES="1").wait()
        try:
            sys.stdout.write(f"| what | figure |\n|---|---|\n| {lasted(server, rest=12)} |\n")
            sys.stdout.write(f"| {beside(server.url, 60 * minutes)} |\n\nOn {machine()}.\n")
        finally:
            server.close()


def lasted(server: Server, number: int = RUNS, rest: float = 0) -> str:
    """A row: what so many runs, cancels and bad inputs in a row leave behind, checked. A leak is
    one for every run, or for every few; what comes and goes is less than that. `rest` are seconds
    for what ends by itself, before it is counted."""
    chance, bad = random.Random(0), hostile_files.files(2, number)
    wanted = attacks.given(server.url, size=128)
    many_at_once(server.url, wanted["content"])
    soon = {}
    for run in range(1, number + 1):
        chosen = {name: chance.choice(values) for name, values in CHOICES.items()}
        kind = chance.random()
        if kind < 0.6:
            answer = attacks.call(server.url, "stylize", {**wanted, **chosen})
            assert attacks.is_picture(answer), (chosen, answer)
        elif kind < 0.8:
            client = attacks.Watcher(server.url, {**wanted, **chosen, "steps": 2000}).listen()
            time.sleep(0.5 * chance.random())
            client.cancel() if chance.random() < 0.5 else client.leave()
            client.leave()
        else:
            name, content, _ = next(bad)
            file = attacks.upload(server.url, content, name)
            answer = file
            if isinstance(file, dict):
                answer = attacks.call(server.url, "stylize", {**wanted, "content": file})
            assert attacks.is_sentence(answer) or attacks.is_picture(answer), (name, answer)
        if run == SOON:
            soon = state(server, rest)
    end = state(server, rest)
    assert end["MB"] <= 1.05 * soon["MB"], (soon, end)
    for what in ("files open", "threads"):
        assert end[what] - soon[what] <= (number - SOON) / 5, (what, soon, end)
    cache = attacks.figures(server.url)["styletx_cache_bytes"] / 1e6
    assert cache <= ServerLimits().max_cache, cache
    told = "; ".join(f"{soon[what]:.0f} → {end[what]:.0f} {what}" for what in soon)
    return f"{number} runs, cancels and bad inputs in a row | {told}; {cache:.0f} MB of pictures"


def many_at_once(url: str, picture: dict[str, object]) -> None:
    """So many calls that a server has all the threads which it keeps for some: how many it has had
    to start would else depend on how many calls happened to meet."""
    ask = partial(attacks.call, url, "recipe", {"painted": picture})
    asking = [threading.Thread(target=ask) for _ in range(16)]
    for one in asking:
        one.start()
    for one in asking:
        one.join()


def state(server: Server, rest: float) -> dict[str, float]:
    """Return the resources of a server once nothing is at work."""
    attacks.until_idle(server.url)
    time.sleep(rest)  # connections and threads that have been idle for ten seconds end
    attacks.call(server.url, "stop", {"run_id": "none"})  # … by the next call
    process = Path("/proc") / str(server.process.pid)
    held = {"files open": "fd", "threads": "task"}
    counts = {what: len(list((process / folder).iterdir())) for what, folder in held.items()}
    return {"MB": hostile_files.memory("VmRSS", server.process.pid), **counts}


def beside(url: str, seconds: float) -> str:
    """A row: how long an honest visitor waits for pictures, alone and beside a hostile one."""
    wanted = attacks.given(url, size=SIZE, steps=STEPS)

    def honest() -> float:
        begun = time.monotonic()
        answer = attacks.call(url, "stylize", wanted)
        assert attacks.is_picture(answer), answer
        return time.monotonic() - begun

    honest()
    alone = [honest() for _ in range(ALONE)]
    command = [sys.executable, "-m", "tests.benchmarks.server_load", "hostile", url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as other:
        together, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            together.append(honest())
        other.terminate()
        told, _ = other.communicate()
    one, two = statistics.median(alone), statistics.median(together)
    assert two <= MOST * one, (alone, together)
    return (
        f"an honest visitor beside a hostile one, for {seconds / 60:.0f} min | {two:.1f} s for a "
        f"picture, {two / one:.2f} times the {one:.1f} s alone (medians of {len(together)} and "
        f"{len(alone)}; at most {max(together):.1f} s); the other made {told.strip()}"
    )


def be_hostile(url: str) -> None:
    """Everything that is bad, as fast as it goes, until terminated; at the lowest priority, since
    it shares the processor with the server, as no visitor does."""
    os.nice(19)
    attacks.FROM["X-Forwarded-For"] = ANOTHER
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    bad, chance = hostile_files.files(3, 10**6), random.Random(1)
    for made in itertools.count():
        try:
            attack(url, bad, chance)
        except (AssertionError, OSError, ValueError):  # refused, as it should be
            continue
        except SystemExit:
            sys.stdout.write(f"{made} attacks")
            raise


def attack(url: str, bad: Iterator[tuple[str, bytes, object]], chance: random.Random) -> None:
    """One of them."""
    join, calls = f"{url}gradio_api/queue/join", f"{url}{attacks.API}call/v2"
    pair, recipe = attacks.given_once(url), f"{calls}/recipe"
    name, content, _ = next(bad)

    def leave_soon() -> None:
        client = attacks.Watcher(url, {**pair, "steps": 2000}).listen()
        time.sleep(0.3 * chance.random())
        client.leave()

    chance.choice(
        [
            lambda: attacks.upload(url, content, name),
            lambda: attacks.ask(f"{url}config"),
            lambda: attacks.ask(join, chance.choice(attacks.MALFORMED)),
            lambda: attacks.ask(join, bytes(9_000_000)),
            lambda: attacks.ask(join, b'{"data": [' + b'{"url": "x"}, ' * 100_000 + b"5]}"),
            lambda: attacks.call(url, "stylize", {"content": {"path": "/etc/passwd"}, "size": "x"}),
            # … to which nobody will listen
            lambda: attacks.ask(f"{calls}/stylize", {**pair, "size": 512, "steps": 2000}),
            lambda: [attacks.ask(recipe, {"painted": pair["content"]}) for _ in range(9)],
            leave_soon,
        ]
    )()


if __name__ == "__main__":
    be_hostile(sys.argv[2]) if sys.argv[1:2] == ["hostile"] else main()
