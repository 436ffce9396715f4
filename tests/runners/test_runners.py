"""Runners in this process: the same from outside as `stylize`, off ZeroGPU's platform and on a
stand-in for it, and what is done where a cluster is lost. tests/e2e/test_ray.py has a real one."""

import json
import subprocess
import sys
from contextlib import closing
from contextvars import ContextVar
from importlib.metadata import version
from types import SimpleNamespace

import pytest

from styletx import Progress, Result, Settings, StyletxError, stylize
from styletx.runners import registry
from styletx.runners.local import Local
from styletx.runners.queue import JobQueue
from styletx.runners.ray.client import ClusterUnavailable
from styletx.runners.ray.driver import WorkerPool
from styletx.runners.ray.options import RayOptions
from styletx.runners.ray.runner import MAX_RESUMES, Cluster, WorkerLost
from styletx.runners.registry import get_runner
from styletx.runners.zerogpu import duration
from tests.helpers.paths import ROOT
from tests.helpers.scripted import progress, result

QUICK = Settings(size=256, steps=6)
ENDLESS = Settings(size=512, steps=2000)


def test_events_results_and_numbers_are_those_of_stylize(given):
    *progress, result = Local()(**given, settings=QUICK, report_every=0)
    assert [event.step for event in progress] == [0, 1, 2, 3, 4, 5]
    assert [event.level for event in progress] == [1, 1, 1, 2, 2, 2]
    assert all(isinstance(event, Progress) for event in progress)
    assert isinstance(result, Result)
    assert (result.step, result.stopped, result.restarts, result.picture.size) == (
        6,
        0,
        0,
        (256, 171),
    )
    here = list(stylize(**given, settings=QUICK, report_every=0))
    assert result.picture.tobytes() == here[-1].picture.tobytes()
    assert progress[-1].losses == here[-2].losses


def test_it_stops_when_it_is_closed_and_the_next_begins(given):
    runner = Local()
    for _ in range(2):
        with closing(runner(**given, settings=ENDLESS)) as events:
            assert next(events).step == 0
            assert next(events).step > 0
    assert list(runner(**given, settings=QUICK))[-1].step == 6


@pytest.mark.parametrize(
    ("paintings", "settings", "sentence"),
    [
        (0, QUICK, "Please choose at least one painting."),
        (9, QUICK, "There are 9 paintings, but at most 4 can be mixed."),
        (1, Settings(size=4096, seconds=0.01), "In 0.01 s this machine cannot paint 4096 pixels"),
    ],
)
def test_what_is_wrong_is_a_sentence(given, paintings, settings, sentence):
    given["styles"] *= paintings
    with pytest.raises(StyletxError, match=sentence.replace(".", r"\.")):
        list(Local()(**given, settings=settings))


def test_a_bug_is_no_sentence(given):
    given["styles"] = ["not a style"]
    with pytest.raises(Exception, match="has no attribute") as raised:
        list(Local()(**given, settings=QUICK))
    assert not isinstance(raised.value, StyletxError)


@pytest.mark.slow
def test_a_painter_stops_its_runs_and_keeps_their_pictures(given):
    queue = JobQueue(Local())
    try:
        run = queue.submit(ENDLESS, lambda over: given)
        watching = run.watch()
        while not isinstance(event := next(watching), Progress) or event.step < 5:
            pass
        run.stop()
        *_, last = watching
        assert isinstance(last, Result)
        assert last.stopped
        run.future.exception(60)
        assert list(queue.submit(QUICK, lambda over: given).watch())[-1].step == 6
    finally:
        queue.close()


def test_a_runner_that_there_is_not_or_that_needs_a_package_is_a_sentence(monkeypatch):
    with pytest.raises(StyletxError, match="STYLETX_RUNNER is 'spark', but must be local, zerogpu"):
        get_runner({"STYLETX_RUNNER": "spark"})
    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    with pytest.raises(StyletxError, match="needs a package that is not installed"):
        get_runner({"STYLETX_RUNNER": "ray"})
    with pytest.raises(StyletxError, match="STYLETX_RAY_CPUS is 'few', but must be a number"):
        RayOptions.of({"STYLETX_RAY_CPUS": "few"})


def test_this_process_paints_unless_something_else_is_said():
    assert type(get_runner({})) is Local
    assert type(get_runner({"STYLETX_RUNNER": "ray"})) is Cluster  # which is not begun by that
    assert RayOptions.of({}) == RayOptions(cpus=2, gpus=0, fallback=0)


# What follows is a cluster without Ray: what its workers tell is made up


@pytest.mark.parametrize(("gpus", "slots"), [(0.1, 10), (0.2, 5), (0.25, 4), (0.3, 3), (2, 0)])
def test_parts_of_a_card_add_up(gpus, slots):
    pool = WorkerPool(b"", cpus=0.1, gpus=gpus)
    assert pool.slots_of({"CPU": 4.0, "GPU": 1.0}) == slots
    assert pool.slots_of({"CPU": 4.0}) == 0
    assert WorkerPool(b"", cpus=0.1, gpus=0).slots_of({"CPU": 4.0}) == 40


@pytest.fixture
def script(monkeypatch):
    """A script of what each worker tells, and after which report it was asked to go on."""
    script = SimpleNamespace(workers=[], asked=[])

    def painted(cluster, given):
        script.asked.append(given["resume_from"])
        for event in script.workers.pop(0):
            if isinstance(event, Exception):
                raise event
            yield event

    monkeypatch.setattr(Cluster, "painted", painted)
    return script


def steps(runner):
    return [event.step for event in runner(None, [])]


def test_a_run_goes_on_after_its_last_report_where_a_worker_was_lost(script):
    first, second = progress(1), progress(2)
    script.workers += [[first, WorkerLost()], [WorkerLost()], [second, result()]]
    assert steps(Cluster(RayOptions(), Local())) == [1, 2, 3]
    assert script.asked == [None, first, first]


def test_a_run_whose_workers_are_lost_again_and_again_is_a_sentence(script):
    script.workers += [[progress(1), WorkerLost("killed")]] * (MAX_RESUMES + 1)
    sentence = rf"were lost {MAX_RESUMES + 1} times \(killed\); please try again\."
    with pytest.raises(StyletxError, match=sentence):
        steps(Cluster(RayOptions(), Local()))
    assert not script.workers


def test_a_worker_that_is_lost_after_its_result_is_not_missed(script):
    script.workers += [[progress(1), result(), WorkerLost()]]
    assert steps(Cluster(RayOptions(), Local())) == [1, 3]


def test_where_the_cluster_is_gone_this_machine_goes_on_or_a_sentence_comes(script):
    def here(**given):
        yield progress(given["resume_from"].step + 1)

    script.workers += [[progress(1), ClusterUnavailable.because("it is gone.")]] * 2
    assert steps(Cluster(RayOptions(fallback=1), here)) == [1, 2]
    sentence = r"The Ray cluster is unavailable: it is gone\. Try again later"
    with pytest.raises(ClusterUnavailable, match=sentence):
        steps(Cluster(RayOptions(fallback=0), here))


def test_ray_is_tested_as_it_is_offered():
    assert f"ray>={version('ray')[:4]}" in (ROOT / "pyproject.toml").read_text()


# What follows is ZeroGPU: off the platform, and as the platform does it


def test_off_the_platform_the_hubs_package_changes_nothing(given):
    runner = get_runner({"STYLETX_RUNNER": "zerogpu"})
    assert list(runner(**given, settings=QUICK))[-1].step == 6
    assert type(get_runner({"SPACES_ZERO_GPU": "true"})) is type(runner)


def test_what_the_hub_refuses_is_said_in_its_words_and_it_knows_who_asks(monkeypatch, given):
    import spaces
    from gradio import Error

    asking, asked = ContextVar("asking", default="nobody"), []

    def refusing(duration):
        def lent(*given, **more):
            asked.append(asking.get())
            raise Error("You have used up your quota; try again in 2 hours.")
            yield

        return lambda work: lent

    monkeypatch.setattr(spaces, "GPU", refusing)
    queue = JobQueue(get_runner({"STYLETX_RUNNER": "zerogpu"}))
    asking.set("ann")
    run = queue.submit(QUICK, lambda over: given)
    with pytest.raises(StyletxError, match="used up your quota"):
        list(run.watch())
    assert asked == ["ann"]
    queue.close()


@pytest.mark.parametrize(
    ("settings", "least", "most"),
    [
        ({"size": 64, "steps": 1}, 15, 15),
        ({}, 15, 30),
        ({"size": 4096, "steps": 2000}, 120, 120),
        ({"seconds": 60}, 60, 70),
    ],
)
def test_a_card_is_asked_for_as_long_as_the_plan_says(settings, least, most):
    assert least <= duration(None, [], Settings(**settings)) <= most


@pytest.mark.slow
def test_as_the_platform_does_it_a_run_reports_while_it_works_and_ends_where_it_is_closed():
    command = [sys.executable, "-m", "tests.helpers.zerogpu"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["first"] == 0 < told["second"] <= told["stopped"] < 1000  # of 2000 steps
    assert told["left"] == 0  # processes
    assert told["step"] == 3  # of the next run
    assert told["seconds"] == duration(None, [], Settings())
