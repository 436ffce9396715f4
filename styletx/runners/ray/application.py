"""Ray Serve application: workers that paint, and the gateway that pages ask by HTTP."""

import asyncio
import os
import traceback
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from hmac import compare_digest
from threading import Event as Signal
from typing import Any

import ray
from ray import serve
from ray.serve import Application
from ray.serve.exceptions import BackPressureError
from ray.serve.handle import DeploymentHandle
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from styletx.errors import Busy, StyletxError
from styletx.runners.local import Local

from .options import TOKEN_VARIABLE, RayOptions, required
from .wire import BUG, END, ERROR, EVENT, GONE, decode, encode, frame

BEAT_S = 1  # seconds between two signs of life
SILENCE_S = 10  # seconds without one after which a worker counts as lost
DRAINING: Mapping[str, Any] = {
    "graceful_shutdown_timeout_s": 900,  # in which a run may end whose worker is replaced
    "graceful_shutdown_wait_loop_s": 0.5,
}
SCALING: dict[
    str, float
] = {  # a worker for each run, within seconds; who is free stays for minutes
    "target_ongoing_requests": 1,
    "upscale_delay_s": 1,
    "downscale_delay_s": 300,
    "metrics_interval_s": 1,
    "look_back_period_s": 2,
}
COUNT_S = 0.5  # seconds that the head has to tell of its nodes
GATEWAYS = 2  # so that one is there where the other is lost
MAX_STREAMS = 1000  # of a gateway


class Worker:
    """Holds the network and paints one run at a time."""

    def __init__(self) -> None:
        self.stylize = Local()
        self.stylize.warm_up()
        self.thread = ThreadPoolExecutor(1)  # the next run begins once the last one has ended

    async def paint(self, given: bytes) -> AsyncIterator[bytes]:
        """Yield the messages of a run, and an empty one where there is none for `BEAT_S`."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        tell, over = asyncio.get_running_loop().call_soon_threadsafe, Signal()

        def work() -> None:
            for message in self.messages(given, over):
                tell(queue.put_nowait, message)
            tell(queue.put_nowait, None)

        self.thread.submit(work)
        try:
            while (message := await or_beat(queue)) is not None:
                yield message
        finally:
            over.set()

    def messages(self, given: bytes, over: Signal) -> Iterator[bytes]:
        """Yield the events of a run until it is `over`, its error or its end last, all encoded."""
        try:
            with closing(self.stylize(**decode(given))) as events:
                for event in events:
                    if over.is_set():
                        return
                    yield encode({EVENT: event})
            yield encode({END: None})
        except StyletxError as error:
            yield encode({ERROR: [type(error).__name__, str(error)]})
        except Exception:  # noqa: BLE001  which is told where there is a log
            yield encode({BUG: traceback.format_exc()})


async def or_beat(queue: "asyncio.Queue[bytes | None]") -> bytes | None:
    """Return the next message, or an empty one after `BEAT_S`."""
    try:
        return await asyncio.wait_for(queue.get(), BEAT_S)
    except asyncio.TimeoutError:
        return b""


class Gateway:
    """Lets pages in that know the token, and hands their runs to workers."""

    def __init__(self, worker: DeploymentHandle[Any], secret: str, options: RayOptions) -> None:
        self.paint = worker.options(stream=True, method_name="paint")
        self.expected, self.options = f"Bearer {secret}".encode(), options
        self.counting: asyncio.Future[None] | None = None
        self.counted = options.max_workers

    async def __call__(self, request: Request) -> Response:
        """Answer with the number of slots, or to a POST with the stream of a run."""
        if not compare_digest(request.headers.get("Authorization", "").encode(), self.expected):
            return Response("wrong token", 401)
        slots = await self.slots()
        if request.method != "POST":
            return Response(str(slots))
        if not slots:
            return Response(frame(encode({GONE: self.why_none()})))
        return StreamingResponse(self.relay(await request.body()))

    async def relay(self, given: bytes) -> AsyncIterator[bytes]:
        """Yield the messages of a run, empty ones until it begins; end early where a worker is
        silent."""
        events: Any = self.paint.remote(given)
        begun = False
        coming = asyncio.ensure_future(anext(events))
        try:
            while True:
                done, _ = await asyncio.wait([coming], timeout=SILENCE_S if begun else BEAT_S)
                if begun and not done:
                    return
                yield frame(coming.result() if done else b"")
                if done:
                    begun, coming = True, asyncio.ensure_future(anext(events))
        except StopAsyncIteration:
            return
        except BackPressureError:
            told = f"{self.options.queue} runs wait for a worker already; please try again later."
            yield frame(encode({ERROR: [Busy.__name__, told]}))
        finally:
            coming.cancel()
            events.cancel()

    async def slots(self) -> int:
        """Return how many runs the cluster can paint at once, now, or as last known where its head
        does not answer, without which the workers go on."""
        if self.counting is None or self.counting.done():
            self.counting = asyncio.ensure_future(asyncio.to_thread(self.count))
        await asyncio.wait([self.counting], timeout=COUNT_S)
        return self.counted

    def count(self) -> None:
        nodes = ray.nodes()  # type: ignore[no-untyped-call]
        room = sum(self.options.slots_of(node["Resources"]) for node in nodes if node["Alive"])
        self.counted = min(room, self.options.max_workers)

    def why_none(self) -> str:
        cards = f" and {self.options.gpus:g} graphics cards" if self.options.gpus else ""
        return f"none of its nodes has {self.options.cpus:g} processors{cards}"


def build(given: Mapping[str, str] = {}) -> Application:
    """Return the application, which `serve run` and `serve deploy` name. Raises `SettingsError`
    for the environment's variables, before which those `given` count."""
    environment = os.environ | given
    options = RayOptions.of(environment)
    worker = serve.deployment(
        max_ongoing_requests=1,
        max_queued_requests=options.queue,
        autoscaling_config=SCALING
        | {"min_replicas": options.min_workers, "max_replicas": options.max_workers},
        ray_actor_options={"num_cpus": options.cpus, "num_gpus": options.gpus},
        **DRAINING,
    )(Worker)
    gateway = serve.deployment(
        num_replicas=GATEWAYS,
        max_ongoing_requests=MAX_STREAMS,
        ray_actor_options={"num_cpus": 0},
        **DRAINING,
    )(Gateway)
    secret = required(TOKEN_VARIABLE, environment)
    return gateway.bind(worker.bind(), secret, options)
