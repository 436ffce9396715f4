"""A job in plain values, as the API streams it, and in one line of text."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from styletx.events import Event, Result
from styletx.runners.job import Job
from styletx.runners.queue import JobQueue
from styletx.server.storage import touch
from styletx.text import count

from .job_files import JobFiles, finished

StreamItem = tuple[str | None, dict[str, Any]]  # the path of the picture so far, and how far it is
STARTING = "Starting …"
PLACE_LOST = "Its place in the line could not be kept any longer: press Paint to ask again."


def stream_job(queue: JobQueue, job: Job, files: JobFiles) -> Iterator[StreamItem]:
    """Yield the path of the newest picture and a report until the job ends; closing this generator
    stops it. A finished picture stays; the files of other jobs are removed."""
    try:
        for event in job.watch():
            place = queue.ahead_of(job), queue.estimated_wait(job)
            if place[0]:
                touch([files.folder, *files.uploads])
            yield files.show(event), report(job, event, *place)
    finally:
        job.stop()
        try:
            if isinstance(job.latest, Result) and finished(files.folder) is None:
                files.show(job.latest)
        finally:
            if finished(files.folder) is None:
                shutil.rmtree(files.folder, ignore_errors=True)


def report(
    job: Job, event: Event | None, ahead: int = 0, wait: float | None = None
) -> dict[str, Any]:
    """Return a job in plain values. `ahead` jobs must end before it starts, in about `wait`
    seconds, where that is known."""
    defaults = {"level": 0, "levels": 0, "step": 0, "steps": job.settings.steps, "seconds": 0.0}
    return {
        "run_id": job.id,
        "ahead": ahead,
        "wait": wait,
        **{name: getattr(event, name, value) for name, value in defaults.items()},
        "seconds_left": getattr(event, "seconds_left", None),
        "losses": getattr(event, "losses", {}),
        "done": isinstance(event, Result) or (event is None and job.stopping),
        "stopped": event.stopped if isinstance(event, Result) else job.stopping,
        "late": job.timed_out,
        "gave_way": job.abandoned,
        "restarts": getattr(event, "restarts", 0),
        "notes": list(getattr(event, "notes", ())),
        "settings": asdict(job.settings),
    }


def status_line(report: Mapping[str, Any]) -> str:
    """Return the state of a job in one line."""
    step, steps, seconds = report["step"], report["steps"], report["seconds"]
    if report["stopped"] and not report["level"]:
        return PLACE_LOST if report["gave_way"] else "Stopped before it began."
    if report["stopped"]:
        why = "Its time was over" if report["late"] else "Stopped"
        why = "Others were waiting: stopped" if report["gave_way"] else why
        return f"{why} after {step} of {steps} steps, {seconds:.0f} s. The picture so far is yours."
    if report["done"]:
        done = f"Done: {count(steps, 'step')} in {seconds:.0f} s." if steps else "Done."
        return " ".join([done, *report["notes"]])
    if not report["level"]:
        return waiting(report) if report["ahead"] else STARTING
    left = report["seconds_left"]
    return (
        f"Size {report['level']} of {report['levels']} · step {step} of {steps} · {seconds:.0f} s"
        + ("" if left is None else f" · about {left:.0f} s left")
        + (" · moved to another worker" if report["restarts"] else "")
    )


def waiting(report: Mapping[str, Any]) -> str:
    """Return how many jobs are ahead, and for how long, if that is known."""
    others = f"Waiting for {count(report['ahead'], 'picture')} to be finished first"
    wait = report["wait"]
    return f"{others}." if wait is None else f"{others}: about {wait:.0f} s."


def screen_reader_line(report: Mapping[str, Any]) -> str:
    """Return the state for screen readers: it changes only when something has happened."""
    if report["done"]:
        return status_line(report)
    if not report["level"]:
        others = count(report["ahead"], "picture")
        return f"Waiting for {others} to be finished first." if report["ahead"] else STARTING
    return f"Painting size {report['level']} of {report['levels']}."
