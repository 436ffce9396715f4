"""Deaths on a Ray cluster of this machine, again and again and under load: no run is lost.

tests/e2e/test_ray.py has one of each kind.
"""

import os
import subprocess
import sys
import threading
from contextlib import closing

import pytest

from styletx import Settings, StyletxError
from styletx.runners.queue import JobQueue
from styletx.runners.ray.runner import MAX_RESUMES, ClusterUnavailable
from tests.helpers.paths import ROOT
from tests.helpers.ray_cluster import (
    ENDLESS,
    QUICK,
    begin_and_stop,
    cluster,
    kill,
    paint_soon,
    painting,
    running,
    variables,
)
from tests.helpers.waiting import until

pytestmark = pytest.mark.release


@pytest.fixture
def nodes():
    """A cluster of one place, which the test may ruin."""
    with cluster() as nodes:
        yield nodes


@pytest.fixture
def runner(nodes):
    with running(nodes) as runner:
        yield runner


def both(runner, given):
    """Two small runs at once."""
    threads = [threading.Thread(target=paint_soon, args=(runner, given)) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()


def test_a_run_whose_workers_are_killed_again_and_again_is_a_sentence(runner, nodes, given):
    moved = []
    with pytest.raises(StyletxError, match=f"were lost {MAX_RESUMES + 1} times"):
        for event in runner(**given, settings=ENDLESS):
            moved.append(event.restarts)
            if event.step > 5:
                kill(nodes)
    assert set(moved) == set(range(MAX_RESUMES + 1))


def watched(queue, given, settings, many):
    """So many runs, how each of them ends, and who waits for that."""
    ends, runs = [], [queue.submit(settings, lambda over: given) for _ in range(many)]
    watching = [
        threading.Thread(target=lambda run=run: ends.append(list(run.watch())[-1])) for run in runs
    ]
    for one in watching:
        one.start()
    return runs, ends, watching


def test_a_node_that_dies_under_load_loses_no_run(runner, nodes, given):
    queue = JobQueue(runner)
    _, node = (nodes.add_node(num_cpus=1) for _ in range(2))
    try:
        until(lambda: queue.slots() == 3)
        runs, _, watching = watched(queue, given, ENDLESS, 3)
        until(lambda: painting(runs) == 3)  # before which short runs could be over
        for run in runs:
            queue.stop(run.id)
        for one in watching:
            one.join(60)
        runs, ends, watching = watched(queue, given, Settings(size=256, steps=150), 5)
        until(lambda: painting(runs) == 3)
        nodes.remove_node(node, allow_graceful=False)
        for one in watching:
            one.join(300)
        assert [(end.step, end.stopped) for end in ends] == [(150, False)] * 5
        # its own run, and those that came by its proxy: on one machine all nodes share a port
        assert any(end.restarts for end in ends)
    finally:
        queue.close()


def test_where_there_is_one_place_the_next_run_has_it_as_soon_as_one_is_stopped(
    runner, nodes, given
):
    for _ in range(5):
        begin_and_stop(runner, given)
        assert paint_soon(runner, given).restarts == 0
    both(runner, given)  # of which one waits
    # a worker that dies while it is free is not waited for, even where another is free as well
    node = nodes.add_node(num_cpus=1)
    both(runner, given)
    nodes.remove_node(node, allow_graceful=False)
    for _ in range(2):
        paint_soon(runner, given)


@pytest.mark.parametrize("fallback", [0, 1])
def test_where_the_cluster_is_gone_this_machine_goes_on_or_a_sentence_comes(nodes, given, fallback):
    """With the patience that a page has."""
    with (
        running(nodes, fallback=fallback) as runner,
        closing(runner(**given, settings=ENDLESS)) as events,
    ):
        before = next(event for event in events if event.step > 5)
        nodes.head_node.kill_all_processes(check_alive=False, allow_graceful=False)
        if fallback:
            moved = next(event for event in events if event.restarts)
            assert next(events).step > moved.step >= before.step
            assert runner.ready()
            return
        with pytest.raises(StyletxError, match="cluster is unavailable|were lost"):
            list(events)
        with pytest.raises(ClusterUnavailable, match="cluster is unavailable"):
            next(runner(**given, settings=QUICK))
        until(lambda: not runner.ready())
        assert runner.slots() == 1  # for a run that says so


def test_a_batch_of_many_photos_is_painted_on_the_cluster(nodes, tmp_path):
    command = [sys.executable, "-m", "styletx", "batch", "assets/photos", "--style"]
    command += ["assets/paintings/poppies.jpg", "-o", tmp_path, "--size", "64", "--steps", "2"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | variables(nodes),
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("*.png"))) == len(list((ROOT / "assets/photos").glob("*.jpg")))
