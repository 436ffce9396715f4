"""Wherever a run is painted, it looks the same from outside; and no lost worker loses a picture."""

import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from contextvars import ContextVar
from multiprocessing import AuthenticationError, get_context
from multiprocessing.connection import Client
from pathlib import Path

import gradio as gr
import pytest
import ray
import spaces
from ray.cluster_utils import Cluster as Nodes

import styletx.runners as runners
from styletx import Progress, Result, Settings, Style, StyletxError
from styletx.cluster import MOVES, Cluster, Share
from styletx.dispatcher import Dispatcher
from styletx.link import ClusterGone
from styletx.painter import Painter
from styletx.runners import Local, chosen, duration
from tests.helpers.paths import ROOT

QUICK = Settings(size=256, steps=6)
ENDLESS = Settings(size=512, steps=2000)  # a smaller one ends within a minute
slow = pytest.mark.slow


@pytest.fixture(scope="module")
def nodes():
    """A cluster on this machine: a head that paints nothing, and two nodes with a place each."""
    nodes = Nodes(head_node_args={"num_cpus": 0, "include_dashboard": False}, initialize_head=True)
    for _ in range(2):
        nodes.add_node(num_cpus=1)
    yield nodes
    nodes.shutdown()


@pytest.fixture
def on_ray(nodes, monkeypatch):
    """Makes a runner on that cluster."""
    monkeypatch.setenv("RAY_ADDRESS", nodes.address)
    made = []

    def make(**share):
        made.append(Cluster(Share(cpus=1, **share), Local()))
        return made[-1]

    yield make
    for one in made:
        let_go(one)


def let_go(runner):
    runner.close()
    if runner.link.process:
        runner.link.process.wait(20)


@pytest.fixture(params=["local", pytest.param("ray", marks=slow)])
def runner(request):
    return Local() if request.param == "local" else request.getfixturevalue("on_ray")()


def test_events_results_and_numbers_are_those_of_stylize(runner, sunset, weave, eye):
    *progress, result = runner(sunset, [Style(weave)], QUICK, weights=eye, report_every=0)
    assert [event.step for event in progress] == [0, 1, 2, 3, 4, 5]
    assert [event.level for event in progress] == [1, 1, 1, 2, 2, 2]
    assert all(isinstance(event, Progress) for event in progress)
    assert isinstance(result, Result)
    assert (result.step, result.stopped, result.moved, result.picture.size) == (6, 0, 0, (256, 171))
    here = list(runners.stylize(sunset, [Style(weave)], QUICK, weights=eye, report_every=0))
    assert result.picture.tobytes() == here[-1].picture.tobytes()
    assert progress[-1].losses == here[-2].losses


def test_it_stops_when_it_is_closed_and_the_next_begins_at_once(runner, sunset, weave, eye):
    for _ in range(3):
        with closing(runner(sunset, [Style(weave)], ENDLESS, weights=eye)) as events:
            assert next(events).step == 0
            assert next(events).step > 0
    begun = time.monotonic()
    assert list(runner(sunset, [Style(weave)], QUICK, weights=eye))[-1].step == 6
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize(
    ("paintings", "settings", "sentence"),
    [
        (0, QUICK, "Please choose at least one painting."),
        (9, QUICK, "There are 9 paintings, but at most 4 can be mixed."),
        (1, Settings(size=4096, seconds=0.01), "In 0.01 s this machine cannot paint 4096 pixels"),
    ],
)
def test_what_is_wrong_is_the_same_sentence(
    runner, sunset, weave, eye, paintings, settings, sentence
):
    with pytest.raises(StyletxError, match=sentence.replace(".", r"\.")):
        list(runner(sunset, [Style(weave)] * paintings, settings, weights=eye))


def test_a_bug_is_no_sentence(runner, sunset, eye):
    with pytest.raises(Exception, match="has no attribute") as raised:
        list(runner(sunset, ["not a style"], QUICK, weights=eye))
    assert not isinstance(raised.value, StyletxError)


def test_a_painter_stops_its_runs_and_keeps_their_pictures(runner, sunset, weave, eye):
    painter = Painter(runner)
    try:
        given = {"content": sunset, "styles": [Style(weave)], "weights": eye}
        run = painter.start(ENDLESS, lambda over: given)
        watching = run.watch()
        while not isinstance(event := next(watching), Progress) or event.step < 5:
            pass
        run.stop()
        *_, last = watching
        assert isinstance(last, Result)
        assert last.stopped
        run.future.exception(10)
        assert list(painter.start(QUICK, lambda over: given).watch())[-1].step == 6
    finally:
        painter.close()


@slow
def test_as_many_runs_are_painted_at_once_as_there_are_places(on_ray, nodes, sunset, weave, eye):
    """… and no more, also where a node appears or goes."""
    runner = on_ray()
    runner.warm_up()
    assert runner.places() == 2
    painter = Painter(runner)
    given = {"content": sunset, "styles": [Style(weave)], "weights": eye}
    runs = [painter.start(ENDLESS, lambda over: given) for _ in range(4)]
    watching = [threading.Thread(target=list, args=(run.watch(),)) for run in runs]
    before = set(nodes.worker_nodes)
    try:
        for one in watching:
            one.start()
        assert until(lambda: painting(runs) == 2)
        assert [painter.ahead_of(run) for run in painter.line()] == [0, 0, 1, 2]
        node = nodes.add_node(num_cpus=1)
        assert until(lambda: runner.places() == 3 and painting(runs) == 3)
        painter.line()[0].stop()
        assert until(lambda: painting(runs) == 3)  # the fourth has come in
        nodes.remove_node(node)
        assert until(lambda: runner.places() == 2, 60)
    finally:
        for extra in set(nodes.worker_nodes) - before:
            nodes.remove_node(extra)
        painter.close()
        for one in watching:
            one.join()


def until(true, seconds=40):
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.1)
    return true()


def painting(runs):
    """How many of them have come further than their beginning and are not over."""
    return sum(not run.over and run.latest is not None and run.latest.step > 0 for run in runs)


def workers():
    """The processes that paint."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if (
                process.name.isdigit()
                and b"ray::Worker.paint" in (process / "cmdline").read_bytes()
            ):
                found.append(int(process.name))
        except OSError:  # gone meanwhile
            continue
    return found


@slow
def test_a_run_whose_worker_is_killed_is_finished_by_another(on_ray, sunset, weave, eye):
    settings, told = Settings(size=256, steps=300), []
    for event in on_ray()(sunset, [Style(weave)], settings, weights=eye):
        told.append(event)
        if event.step > 20 and not event.moved:
            for process in workers():
                os.kill(process, signal.SIGKILL)
    before = [event.step for event in told if not event.moved]
    after = [event.step for event in told if event.moved]
    assert {event.moved for event in told} == {0, 1}
    assert after[0] == before[-1]  # from where it was last heard of
    assert isinstance(told[-1], Result)
    assert (told[-1].step, told[-1].stopped) == (300, False)


@slow
def test_a_run_whose_workers_are_killed_again_and_again_is_a_sentence(on_ray, sunset, weave, eye):
    moved = []
    with pytest.raises(StyletxError, match=f"were lost {MOVES + 1} times"):
        for event in on_ray()(sunset, [Style(weave)], ENDLESS, weights=eye):
            moved.append(event.moved)
            if event.step > 5:
                for process in workers():
                    os.kill(process, signal.SIGKILL)
    assert set(moved) == set(range(MOVES + 1))


@slow
def test_a_node_that_dies_under_load_loses_no_run(on_ray, nodes, sunset, weave, eye):
    painter, node = Painter(on_ray()), nodes.add_node(num_cpus=1)
    settings = Settings(size=256, steps=150)
    given = {"content": sunset, "styles": [Style(weave)], "weights": eye}
    try:
        assert until(lambda: painter.places() == 3)
        runs = [painter.start(settings, lambda over: given) for _ in range(5)]
        ends = []
        watching = [
            threading.Thread(target=lambda run=run: ends.append(list(run.watch())[-1]))
            for run in runs
        ]
        for one in watching:
            one.start()
        assert until(lambda: painting(runs) == 3)
        nodes.remove_node(node, allow_graceful=False)
        for one in watching:
            one.join(120)
        assert [(end.step, end.stopped) for end in ends] == [(150, False)] * 5
        assert sum(end.moved for end in ends) == 1
    finally:
        painter.close()


@pytest.fixture
def alone(monkeypatch):
    """A cluster of one place, that may be lost."""
    nodes = Nodes(head_node_args={"num_cpus": 1, "include_dashboard": False}, initialize_head=True)
    monkeypatch.setenv("RAY_ADDRESS", nodes.address)
    yield nodes
    nodes.shutdown()


@pytest.fixture
def single(alone):
    """A runner on it."""
    runner = Cluster(Share(cpus=1), Local())
    yield runner
    let_go(runner)


def paint_soon(runner, sunset, weave, eye, seconds=15):
    """A run that is done at once, since its worker is there."""
    begun = time.monotonic()
    result = list(runner(sunset, [Style(weave)], Settings(size=64, steps=2), weights=eye))[-1]
    assert time.monotonic() - begun < seconds
    return result


@slow
def test_where_there_is_one_place_the_next_run_has_it_as_soon_as_one_is_stopped(
    single, alone, sunset, weave, eye
):
    paint_soon(single, sunset, weave, eye, 60)
    for _ in range(5):
        with closing(single(sunset, [Style(weave)], ENDLESS, weights=eye)) as events:
            assert next(events).step == 0
        assert paint_soon(single, sunset, weave, eye).moved == 0
    first = threading.Thread(
        target=list, args=(single(sunset, [Style(weave)], QUICK, weights=eye),)
    )
    first.start()  # two at once, of which one waits
    assert paint_soon(single, sunset, weave, eye).moved == 0
    first.join(15)
    # a worker that dies while it is free is not waited for, even where another is free as well
    node = alone.add_node(num_cpus=1)
    both = [
        threading.Thread(target=list, args=(single(sunset, [Style(weave)], QUICK, weights=eye),))
        for _ in range(2)
    ]
    for one in both:
        one.start()
    for one in both:
        one.join(60)
    alone.remove_node(node, allow_graceful=False)
    for _ in range(2):
        paint_soon(single, sunset, weave, eye, 40)


@slow
def test_a_process_between_that_is_killed_or_asked_by_strangers_loses_no_run(
    single, sunset, weave, eye
):
    paint_soon(single, sunset, weave, eye, 60)
    address = ("127.0.0.1", single.link.port)
    with socket.create_connection(address):  # says nothing
        with pytest.raises(AuthenticationError):
            Client(address, authkey=b"wrong")
        paint_soon(single, sunset, weave, eye)
    events = single(sunset, [Style(weave)], Settings(size=256, steps=300), weights=eye)
    told = [next(events), next(events)]
    single.link.process.kill()
    told += events
    assert (told[-1].step, told[-1].moved) == (300, 1)


@slow
def test_more_than_any_node_has_is_a_sentence_at_once(alone, sunset, weave, eye, caplog):
    runner = Cluster(Share(cpus=3), Local())
    try:
        with caplog.at_level("INFO"):
            runner.warm_up()
        assert "cluster: 0 places (no node has room for a run)" in caplog.messages
        with pytest.raises(ClusterGone, match="none of its nodes has 3 processors"):
            paint_soon(runner, sunset, weave, eye, 5)
        assert not runner.ready()
    finally:
        let_go(runner)


@slow
def test_an_address_where_nobody_is_is_a_sentence_and_the_next_time_at_once(
    monkeypatch, sunset, weave, eye
):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    runner = Cluster(Share(fallback=1), Local())
    runner.warm_up()
    assert runner.ready()
    assert paint_soon(runner, sunset, weave, eye, 3).step == 2  # here
    with pytest.raises(ClusterGone, match="no answer from 127.0.0.1:1, which RAY_ADDRESS names"):
        next(Cluster(Share(), Local())(sunset, [Style(weave)], QUICK, weights=eye))


@slow
def test_a_batch_is_painted_on_the_cluster(alone, tmp_path):
    command = [sys.executable, "-m", "styletx", "batch", "assets/photos", "--style"]
    command += ["assets/paintings/poppies.jpg", "-o", tmp_path, "--size", "64", "--steps", "2"]
    where = {"STYLETX_RUNNER": "ray", "STYLETX_RAY_CPUS": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | where, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("*.png"))) == len(list((ROOT / "assets/photos").glob("*.jpg")))


@pytest.mark.parametrize(("gpus", "places"), [(0.1, 10), (0.2, 5), (0.25, 4), (0.3, 3), (2, 0)])
def test_parts_of_a_card_add_up(gpus, places):
    dispatcher = Dispatcher(b"", cpus=0.1, gpus=gpus)
    assert dispatcher.places_of({"CPU": 4.0, "GPU": 1.0}) == places
    assert dispatcher.places_of({"CPU": 4.0}) == 0
    assert Dispatcher(b"", cpus=0.1, gpus=0).places_of({"CPU": 4.0}) == 40


@slow
@pytest.mark.parametrize("fallback", [0, 1])
def test_where_the_cluster_is_gone_this_machine_goes_on_or_a_sentence_comes(
    alone, sunset, weave, eye, fallback
):
    runner, settings, told = Cluster(Share(cpus=1, fallback=fallback), Local()), ENDLESS, []

    def paint():
        for event in runner(sunset, [Style(weave)], settings, weights=eye):
            told.append(event)
            if event.step > 5 and not event.moved and len(told) < 50:
                alone.head_node.kill_all_processes(check_alive=False, allow_graceful=False)
            if event.moved and event.step > told[-2].step:
                return

    try:
        if fallback:
            paint()
            assert told[-1].moved >= 1
            assert runner.ready()
        else:
            with pytest.raises(StyletxError, match="that paints cannot be used|were lost"):
                paint()
            with pytest.raises(ClusterGone, match="cannot be used"):
                next(runner(sunset, [Style(weave)], QUICK, weights=eye))
            assert until(lambda: not runner.ready())
            assert runner.places() == 1  # for a run that says so
    finally:
        let_go(runner)


def test_a_runner_that_there_is_not_or_that_needs_a_package_is_a_sentence(monkeypatch):
    with pytest.raises(StyletxError, match="STYLETX_RUNNER is 'spark', but must be local, zerogpu"):
        chosen({"STYLETX_RUNNER": "spark"})
    monkeypatch.setattr(runners, "find_spec", lambda name: None)
    with pytest.raises(StyletxError, match="needs a package that is not installed"):
        chosen({"STYLETX_RUNNER": "ray"})
    with pytest.raises(StyletxError, match="STYLETX_RAY_CPUS is 'few', but must be a number"):
        Share.of({"STYLETX_RAY_CPUS": "few"})


def test_this_process_paints_unless_something_else_is_said():
    assert type(chosen({})) is Local
    assert type(chosen({"STYLETX_RUNNER": "ray"})) is Cluster  # which is not begun by that
    assert Share.of({}) == Share(cpus=2, gpus=0, fallback=0)


# What follows is ZeroGPU: off the platform, and as the platform does it


def test_off_the_platform_the_hubs_package_changes_nothing(sunset, weave, eye):
    runner = chosen({"STYLETX_RUNNER": "zerogpu"})
    assert list(runner(sunset, [Style(weave)], QUICK, weights=eye))[-1].step == 6
    assert type(chosen({"SPACES_ZERO_GPU": "true"})) is type(runner)


def test_what_the_hub_refuses_is_said_in_its_words_and_it_knows_who_asks(
    monkeypatch, sunset, weave
):
    asking, asked = ContextVar("asking", default="nobody"), []

    def refusing(duration):
        def lent(*given, **more):
            asked.append(asking.get())
            raise gr.Error("You have used up your quota; try again in 2 hours.")
            yield

        return lambda work: lent

    monkeypatch.setattr(spaces, "GPU", refusing)
    painter = Painter(chosen({"STYLETX_RUNNER": "zerogpu"}))
    asking.set("ann")
    run = painter.start(QUICK, lambda over: {"content": sunset, "styles": [Style(weave)]})
    with pytest.raises(StyletxError, match="used up your quota"):
        list(run.watch())
    assert asked == ["ann"]
    painter.close()


def lend(work):
    """As the platform does it: the work in a process that is forked for it, values pickled, and a
    look after each of them whether anybody still wants the next."""

    def lent(*given, **more):
        context = get_context("fork")
        here, there = context.Pipe()
        stop = context.Event()

        def run():
            arguments, options = pickle.loads(given_pickled)
            with closing(work(*arguments, **options)) as events:
                for event in events:
                    there.send_bytes(pickle.dumps(event))
                    if stop.is_set():
                        break
            there.send_bytes(pickle.dumps(None))

        given_pickled = pickle.dumps((given, more))
        process = context.Process(target=run)
        process.start()
        try:
            while (event := pickle.loads(here.recv_bytes())) is not None:
                yield event
        finally:
            stop.set()
            process.join()

    return lent


@slow
def test_as_the_platform_does_it_reports_come_soon_and_it_can_be_stopped():
    """In a process of its own, since what forks must not have painted before."""
    script = """
import sys, time
sys.path[:0] = ["tests"]
import spaces, torch
torch.set_num_threads(1)
from PIL import Image
from tests.helpers.network import small_weights
from test_runners import lend
asked = []
def GPU(duration):
    asked.append(duration)
    return lend
spaces.GPU = GPU
from styletx import Settings, Style
from styletx.runners import chosen
runner, eye = chosen({"SPACES_ZERO_GPU": "1"}), small_weights()
photo = Image.radial_gradient("L").convert("RGB")
begun = time.monotonic()
events = runner(photo, [Style(photo)], Settings(size=256, steps=2000), weights=eye)
assert next(events).step == 0
print(time.monotonic() - begun)
assert next(events).step > 0
begun = time.monotonic()
events.close()
print(time.monotonic() - begun)
*_, result = runner(photo, [Style(photo)], Settings(size=64, steps=3), weights=eye)
assert result.step == 3, result
print(asked[0](photo, [], Settings()))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    first, stopped, seconds = map(float, done.stdout.split())
    assert first < 1
    assert stopped < 1
    assert seconds == duration(None, [], Settings())


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


def test_ray_is_tested_as_it_is_offered():
    assert f"ray>={ray.__version__[:4]}" in (ROOT / "pyproject.toml").read_text()
