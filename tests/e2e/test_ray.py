"""Runs on a Ray cluster of this machine: as anywhere else, and no lost worker loses a picture.

The tests share one cluster of one place. In the end `python app.py` paints there as well.
tests/release/test_ray_deaths.py has more deaths.
"""

import asyncio
import json
import pickle
import pkgutil
import re
import subprocess
import threading
from contextlib import closing, contextmanager
from types import SimpleNamespace
from unittest.mock import MagicMock

import httpx
import kubernetes_validate
import pytest
import ray
import yaml
from gradio_client.exceptions import AppError
from PIL import Image
from ray.serve.schema import ServeDeploySchema
from starlette.requests import Request

from styletx.cli.batch import command as batch
from styletx.core.engine import stylize
from styletx.errors import StyletxError
from styletx.events import Result
from styletx.runners import registry
from styletx.runners.local import Local
from styletx.runners.queue import JobQueue
from styletx.runners.ray import runner as page
from styletx.runners.ray.application import Gateway, build
from styletx.runners.ray.options import RayOptions
from styletx.runners.ray.runner import ClusterUnavailable
from styletx.runners.ray.wire import BUG, GONE, decode, unframe
from styletx.settings import Settings
from tests.helpers import attacks
from tests.helpers.paths import ASSETS, ROOT
from tests.helpers.programs import needs
from tests.helpers.ray_cluster import (
    AGES,
    CONTROLLER,
    ENDLESS,
    GATEWAY,
    QUICK,
    TOKEN,
    begin_and_stop,
    cluster,
    kill,
    paint_soon,
    painting,
    running,
    variables,
)
from tests.helpers.server import Server, paint
from tests.helpers.waiting import until

pytestmark = pytest.mark.slow
# Some seconds of work, of which a report comes within a twentieth, to kill somebody by
KILLED = {"settings": Settings(size=128, steps=150), "report_every": 0.05}


@pytest.fixture(scope="module")
def nodes():
    """The cluster: a head with one place, and the application."""
    with cluster() as nodes:
        yield nodes


@pytest.fixture(scope="module")
def app(nodes, tmp_path_factory):
    """`python app.py` on that cluster, which takes no place before its first run."""
    app = Server(tmp_path_factory.mktemp("on_ray") / "cache", **variables(nodes))
    yield app
    app.close()


@pytest.fixture(scope="module")
def runner(nodes, app):
    """One for all tests. Meanwhile the app starts, so that the tests of it need not wait."""
    with running(nodes) as runner:
        yield runner


def test_events_results_and_numbers_are_those_of_stylize(runner, given):
    how = {"settings": QUICK, "report_every": 0, "precision": "float32"}  # or each measures its own
    there, here = (list(paints(**given, **how)) for paints in (runner, stylize))
    for event, other in zip(there, here, strict=True):
        assert type(event) is type(other)
        assert (event.level, event.step, event.losses) == (other.level, other.step, other.losses)
    assert there[-1].picture.tobytes() == here[-1].picture.tobytes()
    assert (there[-1].stopped, there[-1].restarts) == (False, 0)


def test_it_stops_when_it_is_closed_and_the_next_begins(runner, given):
    """… in the only place that there is, two of them in turn."""
    begin_and_stop(runner, given)
    other = threading.Thread(target=paint_soon, args=(runner, given))
    other.start()
    assert paint_soon(runner, given).restarts == 0
    other.join()


def test_what_is_wrong_is_the_same_sentence(runner, given):
    cases = [({"styles": []}, QUICK), ({"styles": given["styles"] * 9}, QUICK)]
    cases += [({}, Settings(size=4096, seconds=0.01))]  # whose sentence goes on with a time
    for wrong, settings in cases:
        told = []
        for paints in (runner, Local()):
            with pytest.raises(StyletxError) as raised:
                list(paints(**given | wrong, settings=settings))
            told.append(str(raised.value).partition(";")[0])
        assert told[0] == told[1]


def test_a_bug_is_no_sentence(runner, given):
    with pytest.raises(Exception, match="has no attribute") as raised:
        list(runner(**given | {"styles": ["not a style"]}, settings=QUICK))
    assert not isinstance(raised.value, StyletxError)


@contextmanager
def watched(runner, given, number):
    """A painter's endless runs, each with somebody who watches it, and what they were told last."""
    queue, ends = JobQueue(runner), []
    runs = [queue.submit(ENDLESS, lambda over: given) for _ in range(number)]
    watching = [
        threading.Thread(target=lambda run=run: ends.append(list(run.watch())[-1])) for run in runs
    ]
    try:
        for one in watching:
            one.start()
        yield queue, runs, ends
    finally:
        queue.close()
        for one in watching:
            one.join()


def test_a_painter_stops_its_runs_and_keeps_their_pictures(runner, given):
    with watched(runner, given, 1) as (queue, runs, ends):
        until(lambda: painting(runs), AGES)
        runs[0].stop()
        until(lambda: ends)
        assert isinstance(ends[0], Result)
        assert ends[0].stopped
        assert list(queue.submit(QUICK, lambda over: given).watch())[-1].step == 6


def test_a_batch_is_painted_on_the_cluster(runner, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "get_runner", lambda: runner)
    monkeypatch.setattr(runner, "close", lambda: None)  # the next tests need it
    photo, painting = (str(ASSETS / name) for name in ("photos/cat.jpg", "paintings/poppies.jpg"))
    small = ["--size", "64", "--steps", "2"]
    assert batch.batch([photo, "--style", painting, "-o", str(tmp_path), *small]) == 0
    assert (tmp_path / "cat-poppies.png").exists()


def test_as_many_runs_are_painted_at_once_as_there_are_places(runner, nodes, given):
    """… and no more, also where a node appears or goes."""
    until(lambda: runner.slots() == 1, AGES)
    with watched(runner, given, 3) as (queue, runs, _):
        until(lambda: painting(runs) == 1, AGES)
        assert [queue.ahead_of(run) for run in queue.line()] == [0, 1, 2]
        node = nodes.add_node(num_cpus=1)
        try:
            until(lambda: painting(runs) == 2, AGES)
            assert [queue.ahead_of(run) for run in queue.line()] == [0, 0, 1]
            queue.line()[0].stop()
            until(lambda: painting(runs) == 2, AGES)
        finally:
            nodes.remove_node(node)
        until(lambda: runner.slots() == 1, AGES)


def test_a_run_whose_worker_is_killed_is_finished_by_another(runner, nodes, given):
    """… as is one whose worker has died while it was free."""
    paint_soon(runner, given)
    assert kill(nodes)
    told = []
    for event in runner(**given, **KILLED):
        told.append(event)
        if event.step and not event.restarts:
            kill(nodes)
    before = [event.step for event in told if not event.restarts]
    after = [event.step for event in told if event.restarts]
    assert {event.restarts for event in told} == {0, 1}
    assert after[0] == before[-1]  # from where it was last heard of
    assert isinstance(told[-1], Result)
    assert (told[-1].step, told[-1].stopped) == (150, False)


def test_a_gateway_that_is_killed_loses_no_run(runner, nodes, given):
    events = runner(**given, **KILLED)
    told = [next(events), next(events)]
    assert kill(nodes, GATEWAY)
    told += events
    assert told[-1].step == 150
    assert told[-1].restarts > 0


def test_a_controller_that_is_killed_disturbs_no_run(runner, nodes, given):
    events = runner(**given, **KILLED)
    told = [next(events), next(events)]
    assert kill(nodes, CONTROLLER)
    told += events
    assert (told[-1].step, told[-1].restarts) == (150, 0)
    paint_soon(runner, given)


def test_who_does_not_know_the_token_is_not_let_in(nodes, given):
    with running(nodes, token="guess") as stranger:
        with pytest.raises(ClusterUnavailable, match="it has another STYLETX_RAY_TOKEN"):
            paint_soon(stranger, given)
        until(lambda: not stranger.ready())
    assert (
        httpx.get(nodes.url).status_code == httpx.post(nodes.url, content=b"a").status_code == 401
    )


def test_what_is_no_job_is_refused_and_the_next_is_painted(runner, nodes, given):
    known = {"Authorization": f"Bearer {TOKEN}"}
    answer = httpx.post(nodes.url, content=pickle.dumps({"settings": QUICK}), headers=known)
    (message,) = unframe([answer.content])
    assert "SafetensorError" in decode(message)[BUG]
    paint_soon(runner, given)


def test_more_than_any_node_has_is_a_sentence_at_once(monkeypatch):
    """… where a gateway looks, which never starts the workers that there is no room for."""
    monkeypatch.setattr(ray, "nodes", lambda: [{"Alive": True, "Resources": {"CPU": 2.0}}])
    gateway = Gateway(MagicMock(), "word", RayOptions(cpus=3))
    asked = Request(
        {"type": "http", "method": "POST", "headers": [(b"authorization", b"Bearer word")]}
    )
    (message,) = unframe([asyncio.run(gateway(asked)).body])
    assert decode(message) == {GONE: "none of its nodes has 3 processors"}


def test_an_address_where_nobody_is_is_a_sentence_at_once(monkeypatch, given):
    monkeypatch.setattr(page, "PATIENCE_S", 1)  # of a page that begins before its cluster
    nowhere = SimpleNamespace(url="http://127.0.0.1:1/")
    with running(nowhere, fallback=1) as runner:
        runner.warm_up()
        assert runner.ready()
        assert paint_soon(runner, given).step == 6  # here
    with running(nowhere) as runner:
        for ask in (runner.warm_up, lambda: paint_soon(runner, given)):
            with pytest.raises(ClusterUnavailable, match="no answer from http://127.0.0.1:1/, whi"):
                ask()


def test_where_the_cluster_is_gone_this_machine_goes_on_or_a_sentence_comes(monkeypatch, given):
    monkeypatch.setattr(page, "PATIENCE_S", 5)
    with (
        cluster() as nodes,
        running(nodes, fallback=1) as runner,
        closing(runner(**given, settings=ENDLESS)) as events,
    ):
        before = next(event for event in events if event.step)
        nodes.head_node.kill_all_processes(check_alive=False, allow_graceful=False)
        moved = next(event for event in events if event.restarts)
        assert next(events).step > moved.step >= before.step
        assert runner.ready()
        runner.instead = None
        with pytest.raises(ClusterUnavailable, match="cluster is unavailable"):
            paint_soon(runner, given)
        until(lambda: not runner.ready())
        assert runner.slots() == 1  # for a run that says so


def test_the_manifest_for_kubernetes_names_what_there_is():
    manifest = yaml.safe_load((ROOT / "styletx/runners/ray/kuberay.yaml").read_text())
    config = ServeDeploySchema.model_validate(yaml.safe_load(manifest["spec"]["serveConfigV2"]))
    (application,) = config.applications
    assert pkgutil.resolve_name(application.import_path) is build
    cluster = manifest["spec"]["rayClusterConfig"]
    assert cluster["rayVersion"] == ray.__version__
    head, workers = cluster["headGroupSpec"], *cluster["workerGroupSpecs"]
    for group in (head, workers):
        pod = {"apiVersion": "v1", "kind": "PodTemplate", "template": group["template"]}
        kubernetes_validate.validate(pod, kubernetes_validate.latest_version(), strict=True)
    (container,) = workers["template"]["spec"]["containers"]
    room = {"CPU": float(container["resources"]["limits"]["cpu"])}
    assert RayOptions().slots_of(room) == 1


# What follows is the page: `python app.py`, whose runs are painted on the cluster


@pytest.fixture(scope="module")
def served(app):
    return app.wait()


@pytest.fixture
def visitor(served, tmp_path):
    return lambda: served.client(tmp_path)


SMALL = {"size": 128, "steps": 10}
LARGE = {"size": 256, "steps": 2000}


def test_a_page_is_told_of_a_run_until_its_one_picture(visitor):
    told = list(paint(visitor(), **SMALL))
    reports = [report for _, report in told]
    assert [r["step"] for r in reports] == sorted(r["step"] for r in reports)
    assert {r["run_id"] for r in reports} == {reports[0]["run_id"]}
    assert [r["done"] for r in reports].count(True) == 1
    with Image.open(told[-1][0]) as picture:
        assert (picture.format, picture.size) == ("PNG", (128, 85))


def test_a_page_shows_pictures_meanwhile_and_stop_gives_the_picture_so_far(visitor):
    job, previews = paint(visitor(), **LARGE), set()
    for path, report in job:
        previews |= {path} if path and path.endswith(".jpg") else set()
        if report["step"] > 3 and len(previews) > 1:
            break
    assert visitor().predict(report["run_id"], api_name="/stop") == {"stopped": True}
    path, last = job.result(timeout=AGES)
    assert (last["done"], last["stopped"]) == (True, True)
    assert 3 < last["step"] < 2000
    with Image.open(path) as picture:
        assert (picture.format, picture.size) == ("PNG", (256, 171))


def test_a_client_that_is_killed_stops_its_run(served, visitor):
    needs("curl")
    call = f"{served.url}gradio_api/call/v2/stylize"
    _, told = attacks.ask(call, attacks.given(served.url, **LARGE))
    command = ["curl", "--silent", "--no-buffer", f"{call}/{json.loads(told)['event_id']}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as dying:
        assert any(re.search(r'"step": *[1-9]', line) for line in dying.stdout)
        dying.kill()
    assert paint(visitor(), **SMALL).result(timeout=AGES)[1]["step"] == 10


def test_what_a_worker_finds_wrong_comes_back_as_a_sentence(visitor):
    with pytest.raises(AppError) as refused:
        paint(visitor(), seconds=0.01).result(timeout=AGES)
    assert "In 0.01 s this machine cannot paint 512 pixels even once" in str(refused.value)
