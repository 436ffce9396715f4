"""Run of a page: it is painted and kept whether or not the page is there to see it."""

from collections.abc import Iterator
from contextlib import suppress
from threading import Condition, Thread

import gradio as gr

from styletx.api.job_files import JobFiles
from styletx.api.job_report import StreamItem, status_line, stream_job
from styletx.runners.job import Client, Job
from styletx.runners.queue import JobQueue
from styletx.server.errors import as_gradio_errors

LOOK_S = 1  # at most, between two looks at whether a run is over


class LastingRun:
    """A job that a thread follows to its end, so that its pictures are written, and that any number
    of pages may watch: the one that began it, and the same one after it was away."""

    def __init__(self, queue: JobQueue, job: Job, files: JobFiles) -> None:
        self.queue, self.job, self.files = queue, job, files
        self.latest: StreamItem | None = None
        self.error: gr.Error | None = None
        self.over, self.changed = False, Condition()

    def begin(self, runs: dict[str, "LastingRun"]) -> "LastingRun":
        """Follow the job in a thread; be among `runs`, by its id, until its files are written."""
        runs[self.job.id] = self
        Thread(target=self.follow, args=(runs,), name="follower", daemon=True).start()
        return self

    def follow(self, runs: dict[str, "LastingRun"]) -> None:
        try:
            with as_gradio_errors():
                for item in stream_job(self.queue, self.job, self.files):
                    self.latest = item
                    self.announce()
        except gr.Error as error:
            self.error = error
        finally:
            try:
                if not self.is_heard():
                    self.job.delivered.set()
                    self.leave_word()
            finally:
                del runs[self.job.id]
                self.over = True
                self.announce()

    def is_heard(self) -> bool:
        """Return whether a page listens to it now."""
        return self.queue.has_listener(self.job.client)

    def leave_word(self) -> None:
        """Leave what became of the run in its folder, for the page when it is back."""
        told = status_line(self.latest[1]) if self.latest else ""
        with suppress(OSError):  # there is no room: then nothing is said
            self.files.leave_word(self.error.message if self.error else told)

    def announce(self) -> None:
        with self.changed:
            self.changed.notify_all()

    def watch(self, client: Client) -> Iterator[StreamItem]:
        """Yield the path of the newest picture and a report until the run ends, which is painted
        for this client while no other watches. Raises `gr.Error` if it failed. Who leaves stops
        nothing."""
        while not self.over:
            if not self.is_heard():
                self.job.client = client
            latest = self.latest
            if latest is not None:
                yield latest
            with self.changed:
                self.changed.wait_for(lambda: self.over or self.latest is not latest, LOOK_S)  # noqa: B023
        if self.latest is not None:
            yield self.latest
        self.job.delivered.set()
        if self.error is not None:
            raise self.error
