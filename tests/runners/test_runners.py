"""Runners in this process: the same from outside as `stylize`, off ZeroGPU's platform and on a
stand-in for it, and what is done where a cluster is lost. tests/e2e/test_ray.py has a real one."""

import json
import pickle
import subprocess
import sys
from contextlib import closing
from contextvars import ContextVar
from dataclasses import replace
from importlib.metadata import version
from types import SimpleNamespace

import httpx
import pytest
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import save

from styletx import Progress, Result, Settings, Style, StyletxError, stylize
from styletx.errors import ImageError
from styletx.imaging.files import LEFT_OUT, normalize
from styletx.runners import registry
from styletx.runners.local import Local
from styletx.runners.queue import JobQueue
from styletx.runners.ray import runner as cluster
from styletx.runners.ray.options import RayOptions
from styletx.runners.ray.runner import MAX_RESUMES, Cluster, ClusterUnavailable, WorkerLost
from styletx.runners.ray.wire import END, ERROR, EVENT, GONE, TEXT, as_tensor, decode, encode, frame
from styletx.runners.registry import get_runner
from styletx.runners.zerogpu import duration
from tests.helpers.paths import ROOT
from tests.helpers.scripted import PICTURE, progress, result

QUICK = Settings(size=256, steps=6)
ENDLESS = Settings(size=512, steps=2000)
NOWHERE = "http://cluster.invalid/"


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
        get_runner({"STYLETX_RUNNER": "zerogpu"})
    with pytest.raises(StyletxError, match="STYLETX_RAY_URL is not set: it must be the address"):
        get_runner({"STYLETX_RUNNER": "ray"})
    with pytest.raises(StyletxError, match="STYLETX_RAY_TOKEN is not set: it must be a long"):
        get_runner({"STYLETX_RUNNER": "ray", "STYLETX_RAY_URL": NOWHERE})
    with pytest.raises(StyletxError, match="STYLETX_RAY_CPUS is 'few', but must be a number"):
        RayOptions.of({"STYLETX_RAY_CPUS": "few"})


def test_this_process_paints_unless_something_else_is_said():
    assert type(get_runner({})) is Local
    where = {"STYLETX_RAY_URL": NOWHERE, "STYLETX_RAY_TOKEN": "word"}
    assert type(get_runner({"STYLETX_RUNNER": "ray", **where})) is Cluster  # which asks nobody yet
    assert RayOptions.of({}) == RayOptions(cpus=2, gpus=0, fallback=0)


# What follows is a cluster without Ray: what its workers tell is made up


@pytest.mark.parametrize(("gpus", "slots"), [(0.1, 10), (0.2, 5), (0.25, 4), (0.3, 3), (2, 0)])
def test_parts_of_a_card_add_up(gpus, slots):
    options = RayOptions(cpus=0.1, gpus=gpus)
    assert options.slots_of({"CPU": 4.0, "GPU": 1.0}) == slots
    assert options.slots_of({"CPU": 4.0}) == 0
    assert RayOptions(cpus=0.1, gpus=0).slots_of({"CPU": 4.0}) == 40


def page(here=None, **options):
    """A page's runner on a cluster that nobody has asked yet."""
    return Cluster(NOWHERE, "word", RayOptions(**options), here or Local())


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
    return [event.step for event in runner(PICTURE, [])]


def test_a_run_goes_on_after_its_last_report_where_a_worker_was_lost(script):
    first, second = progress(1), progress(2)
    script.workers += [[first, WorkerLost()], [WorkerLost()], [second, result()]]
    assert steps(page()) == [1, 2, 3]
    assert script.asked == [None, first, first]


def test_a_run_whose_workers_are_lost_again_and_again_is_a_sentence(script):
    script.workers += [[progress(1), WorkerLost("killed")]] * (MAX_RESUMES + 1)
    sentence = rf"were lost {MAX_RESUMES + 1} times \(killed\); please try again\."
    with pytest.raises(StyletxError, match=sentence):
        steps(page())
    assert not script.workers


def test_a_worker_that_is_lost_after_its_result_is_not_missed(script):
    script.workers += [[progress(1), result(), WorkerLost()]]
    assert steps(page()) == [1, 3]


def test_where_the_cluster_is_gone_this_machine_goes_on_or_a_sentence_comes(script):
    def here(**given):
        yield progress(given["resume_from"].step + 1)

    script.workers += [[progress(1), ClusterUnavailable.because("it is gone.")]] * 2
    assert steps(page(here, fallback=1)) == [1, 2]
    sentence = r"The Ray cluster is unavailable: it is gone\. Try again later"
    with pytest.raises(ClusterUnavailable, match=sentence):
        steps(page(here, fallback=0))


@pytest.fixture
def told(monkeypatch):
    """What a page's runner tells where the cluster gives these answers, each a status and messages,
    or an error of the connection, and what it asked of it."""

    def told(*answers, patience=45, ask=steps):
        coming, asked = iter(answers), []

        def answer(request):
            asked.append(request)
            status, *messages = next(coming)
            if status is None:
                raise httpx.ConnectError("nobody is there")
            parts = map(frame, messages) if request.method == "POST" else messages
            return httpx.Response(status, content=iter(parts))

        monkeypatch.setattr(cluster, "PATIENCE_S", patience)
        monkeypatch.setattr(cluster, "RETRY_S", 0)
        runner = page()
        headers = runner.http.headers
        runner.http = httpx.Client(transport=httpx.MockTransport(answer), headers=headers)
        runner.count()
        return ask(runner), asked

    return told


FIRST, LAST, OVER = (encode({EVENT: progress(1)}), encode({EVENT: result()}), encode({END: None}))


def test_a_page_asks_with_its_token_and_hears_events_between_signs_of_life(told):
    steps, asked = told((200, b"2"), (200, b"", FIRST, b"", LAST, OVER))
    assert steps == [1, 3]
    assert {request.headers["Authorization"] for request in asked} == {"Bearer word"}


def test_a_run_whose_answer_ends_early_goes_on_after_its_last_report(told):
    steps, asked = told((200, b"2"), (200, FIRST), (None,), (503,), (200, LAST, OVER))
    assert steps == [1, 3]
    assert decode(asked[1].content)["resume_from"] is None
    assert decode(asked[-1].content)["resume_from"].step == 1


def test_what_a_worker_finds_wrong_is_the_same_error(told):
    with pytest.raises(ImageError, match="It is blank"):
        told((200, b"2"), (200, encode({ERROR: ["ImageError", "It is blank."]})))
    with pytest.raises(StyletxError, match="Odd"):
        told((200, b"2"), (200, encode({ERROR: ["ANewKind", "Odd."]})))


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((401,), "unavailable: it has another STYLETX_RAY_TOKEN"),
        ((None,), f"no answer from {NOWHERE}, which STYLETX_RAY_URL names"),
        ((200, encode({GONE: "none of its nodes has 3 processors"})), "has 3 processors. Try"),
    ],
)
def test_why_a_cluster_cannot_paint_is_a_sentence_at_once(told, answer, sentence):
    with pytest.raises(ClusterUnavailable, match=sentence):
        told(answer if answer[0] != 200 else (200, b"0"), answer, patience=0)


def test_a_page_starts_once_a_cluster_lets_it_in(told):
    with pytest.raises(ClusterUnavailable, match="another STYLETX_RAY_TOKEN"):
        told(*[(401,)] * 3, patience=0, ask=Cluster.warm_up)
    with pytest.raises(ClusterUnavailable, match="no answer"):
        told(*[(None,)] * 3, patience=0, ask=Cluster.warm_up)
    told((None,), (503,), (200, b"2"), ask=Cluster.warm_up)  # which begins later than the page


# What follows is what goes between page and cluster


def test_a_job_and_its_events_arrive_as_they_were(given):
    painting = Image.new("RGBA", (3, 5), (1, 2, 3, 4))
    painting.info[LEFT_OUT] = "Half of it is missing."
    mask = Image.new("L", (3, 2), 7)
    styles = [Style(painting, 0.5, mask), Style(PICTURE)]
    job = {**given, "styles": styles, "settings": QUICK, "resume_from": progress(2), "keep": None}
    there = decode(encode(job))
    assert there["settings"] == QUICK
    first, second = there["styles"]
    assert (first.share, first.picture.mode, first.picture.info) == (0.5, "RGBA", painting.info)
    assert (first.mask.tobytes(), second.picture.tobytes()) == (mask.tobytes(), PICTURE.tobytes())
    assert there["keep"] is second.mask is None
    assert replace(there["resume_from"], preview=PICTURE) == progress(2)
    sent, arrived = given["weights"], there["weights"]
    assert arrived.source == sent.source
    for one, other in zip(sent.convolutions, arrived.convolutions, strict=True):
        assert all(map(torch.equal, one, other))
    assert replace(decode(encode(result())), picture=PICTURE) == result()


def test_a_version_that_has_more_settings_is_understood_where_they_are_not_used():
    assert b"style_weight" not in encode(Settings(size=256))
    assert b"style_weight" in encode(Settings(style_weight=2))


def test_a_picture_of_another_kind_arrives_as_a_run_sees_it():
    palette = Image.new("RGB", (40, 40), (200, 20, 20)).quantize(4)
    assert decode(encode(palette)).tobytes() == normalize(palette).tobytes()


@pytest.mark.parametrize("data", [b"", pickle.dumps("a word"), encode("a word")[:-1]])
def test_nothing_else_is_read_least_of_all_a_pickle(data):
    with pytest.raises(SafetensorError):
        decode(data)
    kind = json.dumps({"kind": "Popen", "parts": {}}).encode()
    with pytest.raises(KeyError, match="Popen"):
        decode(save({TEXT: as_tensor(kind)}))


def test_ray_is_tested_as_it_is_offered():
    assert f"ray[serve]>={version('ray')[:4]}" in (ROOT / "pyproject.toml").read_text()


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
