"""The server around the page, from its start to an end that loses nothing."""

import asyncio
import logging
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from threading import Event
from typing import Any, NoReturn

import gradio as gr
from gradio import tunneling
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from styletx import metrics as figures
from styletx.config import Allowance
from styletx.imaging.guards import guard_pillow
from styletx.runners.base import Runner
from styletx.runners.queue import Painter

from .gradio_patches import PAGES, explain_failures, guard_brush, keep_news, remember_little
from .middleware import Door
from .request import HEALTH
from .storage import Room, keep_sweeping, move_in, move_out
from .url_fetch import guard_fetches

PATIENCE = 2  # seconds that pictures are waited for when the server is to end
FETCHING = 0.5  # seconds in which who was told of a picture then may fetch it


def serve(build: Callable[[], gr.Blocks], painter: Painter, runner: Runner, **options: Any) -> None:
    """Serve the page that `build` makes until the process is interrupted or terminated: then every
    run is stopped, and its picture so far given to who waits for it; and the runner is let go of.
    `options` are `launch`'s.
    Raises `StyletxError` where files cannot be kept, `OSError` where the port is taken."""
    lock, over = move_in(), Event()
    for sent in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sent, lambda *_: over.set())
    try:
        guard(painter.allowance)
        painter.listeners = Counter()
        keep_sweeping(until=over)
        app = build()
        keep_news(app, painter.listeners)
        app.launch(
            prevent_thread_lock=True,
            state_session_capacity=PAGES,
            max_file_size=f"{painter.allowance.max_upload}mb",
            app_kwargs={
                "middleware": [Middleware(Door, painter.allowance, painter.listeners)],
                "routes": watch(painter, runner, over),
            },
            enable_monitoring=False,
            **options,
        )
        over.wait()
        waited_for = bool(painter.runs)
        told = painter.close(PATIENCE)
        time.sleep(FETCHING if waited_for and told else 0)
        if app.server is not None:
            logging.getLogger("uvicorn.error").disabled = True  # which calls it a failure that
            app.server.force_exit = True  # … those who only listen are not waited for
        app.close(verbose=False)
    finally:
        over.set()
        runner.close()
        move_out(lock)
    leave()


def leave() -> NoReturn:
    """End at once. Python itself would wait for threads that cannot be left in the middle of what
    they do: a step of a large picture, a look at a large file."""
    for tunnel in tunneling.CURRENT_TUNNELS:  # of a public link
        tunnel.kill()  # type: ignore[no-untyped-call]
    sys.stdout.flush()
    os._exit(0)


def guard(allowance: Allowance) -> None:
    """Mend what Gradio, Uvicorn and Pillow leave open to everybody."""
    guard_pillow()
    guard_fetches(allowance)
    explain_failures()
    guard_brush()
    remember_little()
    os.environ.setdefault("FORWARDED_ALLOW_IPS", "")  # whom to believe is for `proxies` to say


def watch(painter: Painter, runner: Runner, over: Event) -> list[Route]:
    """What those ask who watch over a server: whether it can paint, and what it has done."""
    room = Room(painter.allowance.max_cache)

    async def health(_: Any) -> JSONResponse:
        ready = await asyncio.to_thread(runner.ready) and not over.is_set()
        return JSONResponse({"ready": ready}, 200 if ready else 503)

    async def metrics(_: Any) -> PlainTextResponse:
        runs = list(painter.runs.values())
        now = {
            "line": sum(not run.over for run in runs),
            "at_work": sum(run.future.running() for run in runs),
            "cache_bytes": await asyncio.to_thread(room.look),
        }
        return PlainTextResponse(figures.as_text(**now))

    return [Route(HEALTH, health), Route("/metrics", metrics)]
