"""Server start and graceful shutdown."""

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
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from styletx import metrics
from styletx.imaging.guards import install_pillow_guards
from styletx.limits import ServerLimits
from styletx.runners.protocol import Runner
from styletx.runners.queue import JobQueue

from .gradio_patches import (
    MAX_PAGES,
    patch_error_payload,
    patch_image_editor,
    patch_message_queues,
    patch_session_state,
    patch_url_download,
)
from .middleware import RequestGuard, frame_ancestors
from .request import HEALTH
from .storage import DiskBudget, claim_cache, keep_sweeping

DELIVERY_S = 2  # seconds that pictures are waited for when the server is to end
FETCH_S = 0.5  # seconds in which who was told of a picture then may fetch it


def serve(build: Callable[[], gr.Blocks], queue: JobQueue, runner: Runner, **options: Any) -> None:
    """Serve the page that `build` makes until SIGINT or SIGTERM. Then stop every job, deliver its
    picture so far, and close the runner. `options` are those of `launch`.

    Raises `StyletxError` if files cannot be written, `OSError` if the port is taken.
    """
    claim_cache()
    over, frames = Event(), frame_ancestors()
    for sent in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sent, lambda *_: over.set())
    try:
        disk = DiskBudget(queue.limits.max_cache)
        apply_patches(queue.limits, disk)
        queue.is_disk_full = disk.is_full
        queue.listeners = Counter()
        keep_sweeping(until=over)
        app = build()
        patch_message_queues(app, queue.listeners)
        app.launch(
            prevent_thread_lock=True,
            state_session_capacity=MAX_PAGES,
            max_file_size=f"{queue.limits.max_upload}mb",
            app_kwargs={
                "middleware": [
                    Middleware(RequestGuard, queue.limits, queue.listeners, disk, frames)
                ],
                "routes": health_routes(queue, runner, disk, over),
            },
            enable_monitoring=False,
            **options,
        )
        over.wait()
        shut_down(app, queue)
    finally:
        over.set()
        runner.close()
    exit_now()


def shut_down(app: gr.Blocks, queue: JobQueue) -> None:
    """Stop every job, give clients time to fetch their pictures, and close the server."""
    had_jobs = bool(queue.jobs)
    delivered = queue.close(DELIVERY_S)
    time.sleep(FETCH_S if had_jobs and delivered else 0)
    if app.server is not None:
        # Open event streams are not waited for, which Uvicorn would log as a failure
        logging.getLogger("uvicorn.error").disabled = True
        app.server.force_exit = True
    app.close(verbose=False)


def exit_now() -> NoReturn:
    """End the process at once. Python would wait for threads that cannot be interrupted: a step of
    a large picture, a look at a large file."""
    for tunnel in tunneling.CURRENT_TUNNELS:  # of a public link
        tunnel.kill()  # type: ignore[no-untyped-call]
    sys.stdout.flush()
    os._exit(0)


def apply_patches(limits: ServerLimits, disk: DiskBudget) -> None:
    """Close what Gradio, Uvicorn and Pillow leave open."""
    install_pillow_guards()
    patch_url_download(limits, disk)
    patch_error_payload()
    patch_image_editor()
    patch_session_state()
    os.environ.setdefault("FORWARDED_ALLOW_IPS", "")  # whom to believe is for `proxies` to say


def health_routes(queue: JobQueue, runner: Runner, disk: DiskBudget, over: Event) -> list[Route]:
    """Return the routes /healthz (can it paint?) and /metrics (Prometheus)."""

    async def health(_: Any) -> JSONResponse:
        ready = await asyncio.to_thread(runner.ready) and not over.is_set()
        return JSONResponse({"ready": ready}, 200 if ready else 503)

    async def figures(_: Any) -> PlainTextResponse:
        jobs = list(queue.jobs.values())
        metrics.LINE.set(sum(not job.over for job in jobs))
        metrics.AT_WORK.set(sum(job.future.running() for job in jobs))
        metrics.CACHE_BYTES.set(await asyncio.to_thread(disk.used))
        return PlainTextResponse(generate_latest(metrics.REGISTRY), media_type=CONTENT_TYPE_LATEST)

    return [Route(HEALTH, health), Route("/metrics", figures)]
