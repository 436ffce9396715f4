"""The app as it is really used: `python app.py` in one process, its clients in others."""

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import gradio as gr
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image, ImageChops, ImageStat

from styletx import FIELDS, Settings
from styletx.api.schema import DEFAULTS
from styletx.events import precision_of
from styletx.recipe import read_recipe
from styletx.runners.queue import JobQueue
from styletx.server.request import PUBLIC_PATHS, STATIC_PREFIXES
from styletx.server.storage import folder_of
from styletx.ui.code_snippets import LANGUAGES
from styletx.ui.page import build_page
from tests.helpers import attacks
from tests.helpers.paths import ROOT
from tests.helpers.server import ENDLESS, PAINTING, PHOTO, QUICK, Server, first_report, paint
from tests.helpers.waiting import until

pytestmark = pytest.mark.slow

KEPT = {"stopped": True}


@pytest.fixture(scope="module")
def finished(server, tmp_path_factory):
    """The picture and the report of a run that is over."""
    client = server.client(tmp_path_factory.mktemp("finished"))
    return client.predict(content=PHOTO, style=PAINTING, **QUICK, api_name="/stylize")


def test_predict_gives_the_finished_picture_and_its_report(finished):
    path, report = finished
    assert Path(path).name == "temple-great_wave.png"
    with Image.open(path) as picture:
        assert (picture.format, picture.size) == ("PNG", (128, 85))
        assert picture.info["icc_profile"]
    assert (report["done"], report["stopped"], report["step"]) == (True, False, QUICK["steps"])
    assert report["settings"] == {
        name: QUICK.get(name, getattr(Settings(), name)) for name in FIELDS
    }
    assert report["losses"]["total"] > 0


def test_a_finished_run_is_gone_on_with_by_its_id_at_twice_its_size(client, finished):
    more = {"go_on": finished[1]["run_id"], "size": 256, "steps": 2}
    path, report = client.predict(content=PHOTO, style=PAINTING, **more, api_name="/stylize")
    assert (report["levels"], report["step"]) == (1, 2)
    with Image.open(path) as picture:
        assert picture.size == (256, 171)


def test_masks_shares_and_a_preset_reach_the_painter(client, tmp_path):
    with Image.open(PHOTO["path"]) as photo:
        mask = Image.new("L", photo.size)
        mask.paste(255, (0, 0, photo.width // 2, photo.height))
        small = photo.resize((128, 85), Image.Resampling.LANCZOS)
    mask.save(tmp_path / "mask.png")
    path, report = client.predict(
        content=PHOTO,
        style=PAINTING,
        style_2=PHOTO,
        share_2=0.5,
        keep_mask=handle_file(str(tmp_path / "mask.png")),
        preset="Keep colours",
        **QUICK,
        api_name="/stylize",
    )
    assert report["settings"]["colors"] == "photo"
    with Image.open(path) as picture:
        left, right = (
            ImageStat.Stat(ImageChops.difference(picture, small).crop(box)).mean
            for box in ((0, 0, 60, 85), (68, 0, 128, 85))
        )
    assert max(left) < 2
    assert min(right) > 4


def test_submit_streams_previews_and_reports_and_stop_gives_the_picture_so_far(client, server):
    job = paint(client, **ENDLESS)
    told = []
    for path, report in job:
        told.append((path, report))
        if len({path for path, _ in told if path}) > 2 and report["step"] > 3:
            break
    stopping = server.client(client.output_dir)  # another one: whoever knows the id may
    assert stopping.predict(report["run_id"], api_name="/stop") == KEPT
    path, last = job.result(timeout=120)
    assert (last["done"], last["stopped"]) == (True, True)
    assert 3 < last["step"] < ENDLESS["steps"]
    with Image.open(path) as picture:
        assert (picture.format, picture.size) == ("PNG", (256, 171))
    reports = [report for _, report in told]
    assert [r["step"] for r in reports] == sorted(r["step"] for r in reports)
    assert {r["run_id"] for r in reports} == {last["run_id"]}
    assert not any(r["done"] for r in reports)
    assert all(path.endswith(".jpg") for path, _ in told if path)
    kept = server.cache / "styletx" / "runs" / folder_of(last["run_id"]).name
    names = ["temple-great_wave.png", "thumbnail.jpg"]  # previews went with the run
    assert sorted(path.name for path in kept.glob("*.*")) == names


def test_stopping_an_unknown_run_says_so(client):
    assert client.predict("0" * 32, api_name="/stop") == {"stopped": False}


def test_a_finished_run_is_had_in_every_kind_and_its_settings_from_each(client, finished):
    _, report = finished
    for kind, format in {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP", "film": "WEBP"}.items():
        path = client.predict(report["run_id"], kind, api_name="/export")
        with Image.open(path) as picture:
            assert picture.format == format
            assert getattr(picture, "n_frames", 1) > 1 if kind == "film" else True
        if kind != "film":
            told = client.predict(handle_file(path), api_name="/recipe")
            precision = precision_of(read_recipe(Path(path)).device)
            assert told == {**report["settings"], "precision": precision}


def test_what_cannot_be_exported_or_read_is_a_sentence(client):
    for given, name, sentence in (
        (["0" * 32, "png"], "/export", "The picture of that run is no longer here"),
        (["../../etc", "png"], "/export", "The picture of that run is no longer here"),
        (["0" * 32, "tiff"], "/export", "kind is 'tiff', but must be png, jpeg, webp or film."),
        ([PHOTO], "/recipe", "temple.jpg holds no recipe."),
        ([None], "/recipe", "Please give a painted picture."),
    ):
        with pytest.raises(AppError) as refused:
            client.predict(*given, api_name=name)
        assert sentence in str(refused.value)


def test_a_run_as_code_gives_the_same_picture_from_python_and_the_command_line(
    client, server, tmp_path
):
    """On one thread less or more, the last bit of a number may differ: so all have the same."""
    photo = tmp_path / 'it\'s, my [1] "temple".jpg'
    shutil.copy(PHOTO["path"], photo)
    shutil.copy(PAINTING["path"], tmp_path / "-wave.jpg")
    content, style = (handle_file(str(tmp_path / name)) for name in (photo.name, "-wave.jpg"))
    given = {"content": content, "style": style, "style_2": content, "share_2": 0.25}
    chosen = {**QUICK, "detail": 0.5, "colors": "luminance"}
    wanted, _ = client.predict(**given, **chosen, api_name="/stylize")
    shells = {"python": [sys.executable, "-c"], "command-line": ["bash", "-ec"]}
    for language, write in LANGUAGES.items():
        code = write({**DEFAULTS, **given, **chosen}, server.url)
        done = subprocess.run(
            [*shells[language], code],
            cwd=tmp_path,
            env=os.environ
            | {
                "PYTHONPATH": str(ROOT),
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            },
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        painted = done.stdout.splitlines()[-1] if language == "python" else tmp_path / "painted.png"
        with Image.open(painted) as one, Image.open(wanted) as other:
            assert one.tobytes() == other.tobytes(), language
        Path(painted).unlink()


def test_what_is_wrong_comes_back_as_a_sentence(client, tmp_path):
    (tmp_path / "page.jpg").write_text("<html></html>")
    page = handle_file(str(tmp_path / "page.jpg"))
    for chosen, sentence in (
        ({"size": 8192}, "size is 8192, but must lie between 64 and 4096."),
        ({"steps": "many"}, "steps is 'many', but must be a whole number."),
        ({"init": "paper"}, "init is 'paper', but must be colors, photo or noise."),
        ({"detail": None}, "detail is None, but must be a number."),
        ({"content": None}, "Please choose a photo."),
        ({"content": page}, "page.jpg is not a picture that can be read here"),
        ({"mask_3": PAINTING}, "Painting 3 has a mask, but no picture: add one"),
        ({"share": -1}, "The share of painting 1 is -1, but must lie between 0 and 1000."),
        ({"content_layers": "conv4_2"}, "content_layers names 'conv4_2'; did you mean relu4_2?"),
        ({"go_on": "0" * 32}, "The picture of that run is no longer here; please paint it again."),
    ):
        with pytest.raises(AppError) as refused:
            paint(client, **chosen).result(timeout=120)
        assert sentence in str(refused.value)


def test_files_of_the_server_are_out_of_reach_and_what_was_uploaded_is_in_reach(server, finished):
    """A client that makes up an upload learns nothing of the file: not even what it is. That an
    upload is in reach shows that this asks for what can be had."""
    for name, secret in (
        ("content", "/etc/passwd"),
        ("style_2", str(ROOT / "README.md")),
        ("mask", "app.py"),
        ("keep_mask", "/etc/passwd"),
        ("init_image", str(ROOT / "app.py")),
    ):
        with pytest.raises(urllib.error.HTTPError) as refused:
            answer(server, **{name: made_up(secret)})
        assert refused.value.code == 422
        told = json.load(refused.value)["detail"]
        assert told == "A file of this call was not uploaded here; upload it first."
    uploaded = next(iter(server.cache.rglob("temple.jpg")))
    given = {"content": made_up(str(uploaded)), "style": None}
    assert "Please choose at least one painting." in answer(server, **given)


def made_up(path):
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def answer(server, **given):
    """Return the answer of /stylize, asked without a client."""
    call = f"{server.url}gradio_api/call/stylize"
    event = json.load(post(call, {"data": list({**DEFAULTS, **given}.values())}))["event_id"]
    with urllib.request.urlopen(f"{call}/{event}", timeout=120) as stream:
        told = stream.read().decode()
    assert "event: error" in told
    return told


def post(url, content):
    request = urllib.request.Request(
        url, json.dumps(content).encode(), {"Content-Type": "application/json"}
    )
    return urllib.request.urlopen(request, timeout=120)


@pytest.mark.parametrize("path", ["queue/data?session_hash=x", "call/v2/stylize/x", "call/stop/x"])
def test_events_for_pages_and_programs_are_not_held_back_by_a_proxy(server, path):
    told = attacks.headers_of(f"{server.url}gradio_api/{path}")
    assert told["Content-Type"].startswith("text/event-stream")
    assert told["X-Accel-Buffering"] == "no"


def test_the_queue_cannot_be_bypassed(server):
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(f"{server.url}gradio_api/run/stylize", {"data": []})
    assert refused.value.code == 404


def test_two_visitors_at_once_are_served_in_turn(server, client, tmp_path):
    first = paint(client, **ENDLESS)
    report = first_report(first, lambda report: report["step"] > 0)
    second = paint(server.client(tmp_path), **QUICK)
    assert first_report(second, lambda _: True)["ahead"] == 1
    client.predict(report["run_id"], api_name="/stop")
    (one, report_one), (two, report_two) = first.result(timeout=120), second.result(timeout=120)
    assert (report_one["stopped"], report_two["step"]) == (True, QUICK["steps"])
    with Image.open(one) as large, Image.open(two) as small:
        assert (large.size, small.size) == ((256, 171), (128, 85))


def test_a_cancelled_job_stops_its_run(client, server):
    job = paint(client, **ENDLESS)
    first_report(job, lambda report: report["step"] > 0)
    job.cancel()
    attacks.until_idle(server.url, 60)  # by itself it would be at work for many minutes


CLIENT_THAT_DIES = """
import sys
from gradio_client import Client, handle_file
client = Client(sys.argv[1], verbose=False)
job = client.submit(content=handle_file(sys.argv[2]), style=handle_file(sys.argv[3]),
                    size=256, steps=2000, api_name="/stylize")
for _, report in job:
    if report["step"]:
        print("painting", flush=True)
"""


def test_a_client_that_dies_stops_its_run(server):
    arguments = [sys.executable, "-c", CLIENT_THAT_DIES, server.url, PHOTO["path"]]
    with subprocess.Popen([*arguments, PAINTING["path"]], stdout=subprocess.PIPE) as dying:
        assert dying.stdout.readline() == b"painting\n"
        os.kill(dying.pid, signal.SIGKILL)
    attacks.until_idle(server.url, 60)


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    """A server that asks for a password, and would be shared if there were an internet."""
    folder = tmp_path_factory.mktemp("locked")
    server = Server(folder / "cache", "--auth", "ann:secret:word", "--share").wait()
    yield server
    server.close()


def test_a_password_is_asked_for_where_one_was_set(locked, tmp_path):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{locked.url}gradio_api/info", timeout=120)
    assert refused.value.code == 401
    client = Client(
        locked.url, verbose=False, auth=("ann", "secret:word"), download_files=str(tmp_path)
    )
    path, _ = client.predict(content=PHOTO, style=PAINTING, **QUICK, api_name="/stylize")
    assert path.endswith(".png")


def test_with_a_password_no_route_answers_without_it_but_those_that_ask_for_it(locked):
    known = gr.routes.App.create_app(build_page(JobQueue())).openapi()["paths"]
    asked = 0
    for route, methods in known.items():
        path = route.replace("{", "x").replace("}", "x")
        for method in methods:
            if path in PUBLIC_PATHS or path.startswith(STATIC_PREFIXES):
                continue
            request = urllib.request.Request(locked.url[:-1] + path, method=method.upper())
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request, timeout=120)
            assert refused.value.code in (401, 404), path  # closed to all, with or without
            asked += 1
    assert asked > 40
    assert attacks.ask(f"{locked.url}metrics")[0] == 401
    assert attacks.ask(f"{locked.url}healthz")[0] == 200


def test_sharing_without_the_internet_says_so_and_serves_on(locked):
    until(lambda: "Could not create share link" in locked.log.read_text())
    assert attacks.ask(f"{locked.url}healthz")[0] == 200


def test_what_keeps_the_app_from_starting_is_a_sentence_and_an_exit_status(server, tmp_path):
    """That each reason has a sentence is seen without a process; a taken port needs one."""
    port = str(urllib.parse.urlsplit(server.url).port)
    command = [sys.executable, ROOT / "app.py", "--port", port]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    told = f"The server could not start. Port {port} is taken, or not allowed here; choose another"
    assert told in done.stderr
    assert "Traceback" not in done.stderr
