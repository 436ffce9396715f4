"""The app as it is really used: `python app.py` in one process, its clients in others."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import gradio
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image, ImageChops, ImageStat

from styletx import ALLOWED, Settings
from styletx.endpoints import DEFAULTS
from styletx.reports import FRAMES
from styletx.snippets import LANGUAGES
from tests.helpers.paths import ROOT
from tests.helpers.server import ENDLESS, PAINTING, PHOTO, QUICK, Server, first_report, paint

pytestmark = pytest.mark.slow

KEPT = {"stopped": True}


def test_predict_gives_the_finished_picture_and_its_report(client):
    path, report = client.predict(content=PHOTO, style=PAINTING, **QUICK, api_name="/stylize")
    assert Path(path).name == "temple-great_wave.png"
    with Image.open(path) as picture:
        assert (picture.format, picture.size) == ("PNG", (128, 85))
        assert picture.info["icc_profile"]
    assert (report["done"], report["stopped"], report["step"]) == (True, False, 10)
    assert report["settings"] == {
        name: QUICK.get(name, getattr(Settings(), name)) for name in ALLOWED
    }
    assert report["losses"]["total"] > 0


def test_a_finished_run_is_gone_on_with_by_its_id_at_twice_its_size(client):
    _, first = client.predict(content=PHOTO, style=PAINTING, **QUICK, api_name="/stylize")
    more = {"go_on": first["run_id"], "size": 256, "steps": 4}
    path, report = client.predict(content=PHOTO, style=PAINTING, **more, api_name="/stylize")
    assert (report["levels"], report["step"]) == (1, 4)
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
        keep=handle_file(str(tmp_path / "mask.png")),
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


def test_submit_streams_previews_and_reports(client):
    told = list(paint(client, size=256, steps=40))
    reports = [report for _, report in told]
    assert [r["step"] for r in reports] == sorted(r["step"] for r in reports)
    assert len({r["step"] for r in reports}) > 3
    assert {r["run_id"] for r in reports} == {reports[0]["run_id"]}
    assert [r["done"] for r in reports].count(True) == 1
    previews = {path for path, _ in told[:-1] if path}
    assert len(previews) >= 2
    assert all(path.endswith(".jpg") for path in previews)
    assert told[-1][0].endswith(".png")


def test_stop_gives_the_picture_so_far_at_once(client, server):
    job = paint(client, **ENDLESS)
    report = first_report(job, lambda report: report["step"] > 3)
    started = time.monotonic()
    assert Client(server.url, verbose=False).predict(report["run_id"], api_name="/stop") == KEPT
    path, last = job.result(timeout=10)
    assert time.monotonic() - started < 2  # of which the client's own start is the most
    assert (last["done"], last["stopped"]) == (True, True)
    assert 3 < last["step"] < 2000
    with Image.open(path) as picture:
        assert (picture.format, picture.size) == ("PNG", (512, 342))


def test_stopping_an_unknown_run_says_so(client):
    assert client.predict("0" * 32, api_name="/stop") == {"stopped": False}


def test_a_finished_run_is_had_in_every_kind_and_its_settings_from_each(client):
    _, report = client.predict(content=PHOTO, style=PAINTING, **QUICK, api_name="/stylize")
    for kind, format in {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP", "film": "WEBP"}.items():
        path = client.predict(report["run_id"], kind, api_name="/export")
        with Image.open(path) as picture:
            assert picture.format == format
            assert getattr(picture, "n_frames", 1) > 1 if kind == "film" else True
        if kind != "film":
            assert client.predict(handle_file(path), api_name="/recipe") == report["settings"]


@pytest.mark.parametrize(
    ("given", "name", "sentence"),
    [
        (["0" * 32, "png"], "/export", "The picture of that run is no longer here"),
        (["../../etc", "png"], "/export", "The picture of that run is no longer here"),
        (["0" * 32, "tiff"], "/export", "kind is 'tiff', but must be png, jpeg, webp or film."),
        ([PHOTO], "/recipe", "temple.jpg holds no recipe."),
        ([None], "/recipe", "Please give a painted picture."),
    ],
)
def test_what_cannot_be_exported_or_read_is_a_sentence(client, given, name, sentence):
    with pytest.raises(AppError) as refused:
        client.predict(*given, api_name=name)
    assert sentence in str(refused.value)


def test_a_run_as_code_gives_the_same_picture_from_python_curl_and_the_command_line(
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
    shells = {
        "python": [sys.executable, "-c"],
        "curl": ["bash", "-ec"],
        "command-line": ["bash", "-ec"],
    }
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
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        painted = done.stdout.splitlines()[-1] if language == "python" else tmp_path / "painted.png"
        with Image.open(painted) as one, Image.open(wanted) as other:
            assert one.tobytes() == other.tobytes(), language
        Path(painted).unlink()


@pytest.fixture
def with_agents(tmp_path):
    """What Python finds besides, where the package that speaks the agents' protocol is wanted: it
    and what it needs in a folder of their own, since it wants other versions than the rest."""
    folder = tmp_path / "packages"
    (extra,) = re.findall(r'^mcp = \["(.+)>=', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    wanted = f"{extra}=={gradio.__version__}"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, wanted]
    done = subprocess.run(install, capture_output=True, text=True, timeout=600)
    if done.returncode:
        assert "CI" not in os.environ, done.stderr
        pytest.skip(f"{wanted} could not be installed")
    return {"PYTHONPATH": str(folder)}


def test_the_tool_for_agents_paints_tells_and_refuses_in_sentences(with_agents, tmp_path):
    server = Server(tmp_path / "cache", "--mcp", **with_agents).wait()
    try:
        url = f"{server.url}gradio_api/mcp/"
        asked = [sys.executable, ROOT / "tests" / "agent.py", url, PHOTO["path"], PAINTING["path"]]
        done = subprocess.run(
            asked, env=os.environ | with_agents, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        full = told["words"].split()[-1]
        with urllib.request.urlopen(full, timeout=10) as file, Image.open(file) as picture:
            assert picture.size == (512, 342)
    finally:
        server.close()
    assert told["tools"] == ["paint"]
    assert list(told["arguments"]) == ["content", "style", "preset", "size", "style_weight"]
    assert all(told["arguments"].values())
    assert told["picture"] == ["JPEG", 512, 342]
    assert re.search(r"^Done: 48 steps in \d+ s\. In full, 512x342: http", told["words"])
    assert told["seconds"] < 60
    assert any("step" in message for message in told["progress"])
    assert told["refusal"] == "size is 9999, but must lie between 64 and 4096."


def test_without_that_package_it_says_what_to_install(tmp_path):
    done = subprocess.run(
        [sys.executable, ROOT / "app.py", "--mcp"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "Agents need one more package: pip install 'gradio[mcp]'." in done.stderr


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ({"size": 8192}, "size is 8192, but must lie between 64 and 4096."),
        ({"steps": "many"}, "steps is 'many', but must be a whole number."),
        ({"init": "paper"}, "init is 'paper', but must be colors, photo or noise."),
        ({"detail": None}, "detail is None, but must be a number."),
        ({"content": None}, "Please choose a photo."),
        ({"mask_3": PAINTING}, "Painting 3 has a mask, but no picture: add one"),
        ({"share": -1}, "The share of painting 1 is -1, but must lie between 0 and 1000."),
        ({"content_layers": "conv4_2"}, "content_layers names 'conv4_2'; did you mean relu4_2?"),
        ({"go_on": "0" * 32}, "The picture of that run is no longer here; please paint it again."),
    ],
)
def test_what_is_wrong_comes_back_as_a_sentence(client, chosen, sentence):
    with pytest.raises(AppError) as refused:
        paint(client, **chosen).result(timeout=30)
    assert sentence in str(refused.value)


def test_a_file_that_is_no_picture_comes_back_as_a_sentence(client, tmp_path):
    page = tmp_path / "page.jpg"
    page.write_text("<html></html>")
    with pytest.raises(AppError, match="page.jpg is not a picture that can be read here"):
        paint(client, content=handle_file(str(page))).result(timeout=30)


@pytest.mark.parametrize("secret", ["/etc/passwd", str(ROOT / "README.md"), "app.py"])
@pytest.mark.parametrize("name", ["content", "style_2", "mask", "keep", "begun"])
def test_files_of_the_server_are_out_of_reach(server, secret, name):
    """A client that makes up an upload learns nothing of the file: not even what it is."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        answer(server, **{name: made_up(secret)})
    assert refused.value.code == 422
    told = json.load(refused.value)["detail"]
    assert told == "A file of this call was not uploaded here; upload it first."


def test_an_upload_that_is_not_made_up_is_in_reach(server, client):
    """Which shows that the test above asks for what can be had."""
    path, _ = client.predict(content=PHOTO, style=PAINTING, **QUICK, api_name="/stylize")
    assert path
    (uploads,) = {file.parent for file in server.cache.rglob("temple.jpg")}
    given = {"content": made_up(str(uploads / "temple.jpg")), "style": None}
    assert "Please choose at least one painting." in answer(server, **given)


def made_up(path):
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def answer(server, **given):
    """What /stylize says, asked without a client."""
    call = f"{server.url}gradio_api/call/stylize"
    event = json.load(post(call, {"data": list({**DEFAULTS, **given}.values())}))["event_id"]
    with urllib.request.urlopen(f"{call}/{event}", timeout=30) as stream:
        told = stream.read().decode()
    assert "event: error" in told
    return told


def post(url, content):
    request = urllib.request.Request(
        url, json.dumps(content).encode(), {"Content-Type": "application/json"}
    )
    return urllib.request.urlopen(request, timeout=10)


def test_the_queue_cannot_be_bypassed(server):
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(f"{server.url}gradio_api/run/stylize", {"data": []})
    assert refused.value.code == 404


def test_two_visitors_at_once_are_served_in_turn(server, tmp_path):
    first = paint(Client(server.url, verbose=False, download_files=str(tmp_path)), size=256)
    first_report(first, lambda report: report["step"] > 0)
    second = paint(Client(server.url, verbose=False, download_files=str(tmp_path)), **QUICK)
    assert first_report(second, lambda _: True)["ahead"] == 1
    (one, report_one), (two, report_two) = first.result(timeout=120), second.result(timeout=120)
    assert (report_one["step"], report_two["step"]) == (Settings().steps, 10)
    with Image.open(one) as large, Image.open(two) as small:
        assert (large.size, small.size) == ((256, 171), (128, 85))


def test_a_cancelled_job_stops_its_run(client, server, tmp_path):
    job = paint(client, **ENDLESS)
    first_report(job, lambda report: report["step"] > 0)
    job.cancel()
    assert seconds_until_free(server) < 5


CLIENT_THAT_DIES = """
import sys
from gradio_client import Client, handle_file
client = Client(sys.argv[1], verbose=False)
job = client.submit(content=handle_file(sys.argv[2]), style=handle_file(sys.argv[3]),
                    size=512, steps=2000, api_name="/stylize")
for _, report in job:
    if report["step"]:
        print("painting", flush=True)
"""


def test_a_client_that_dies_stops_its_run(server):
    photo, painting = (ROOT / "assets" / p for p in ("photos/cat.jpg", "paintings/poppies.jpg"))
    arguments = [sys.executable, "-c", CLIENT_THAT_DIES, server.url, photo, painting]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as dying:
        assert dying.stdout.readline() == "painting\n"
        os.kill(dying.pid, signal.SIGKILL)
    assert seconds_until_free(server) < 5


def seconds_until_free(server):
    """How long a new visitor waits until his own run begins."""
    started = time.monotonic()
    job = paint(Client(server.url, verbose=False), size=64, steps=1)
    first_report(job, lambda report: report["level"] > 0 or report["done"])
    return time.monotonic() - started


def test_previews_of_a_finished_run_do_not_pile_up(client, server):
    *_, (_, report) = paint(client, size=256, steps=60)
    folder = (
        server.cache
        / "styletx"
        / "runs"
        / hashlib.sha256(report["run_id"].encode()).hexdigest()[:32]
    )
    names = ["temple-great_wave.png", "thumbnail.jpg"]
    assert sorted(path.name for path in folder.glob("*.*")) == names
    (private,) = folder.glob("private-*")
    assert 2 <= len(list(private.iterdir())) <= FRAMES + 4


def test_terminating_stops_the_run_and_ends_the_server(tmp_path):
    server = Server(tmp_path / "cache").wait()
    job = paint(Client(server.url, verbose=False), **ENDLESS)
    first_report(job, lambda report: report["step"] > 0)
    started = time.monotonic()
    assert server.close() == 0
    assert time.monotonic() - started < 10  # Gradio waits 5 s for connections that are still open


def test_a_password_is_asked_for_where_one_was_set(tmp_path):
    server = Server(tmp_path / "cache", "--auth", "ann:secret:word").wait()
    try:
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{server.url}gradio_api/info", timeout=10)
        assert refused.value.code == 401
        client = Client(server.url, verbose=False, auth=("ann", "secret:word"))
        path, _ = client.predict(content=PHOTO, style=PAINTING, **QUICK, api_name="/stylize")
        assert path.endswith(".png")
    finally:
        server.close()


@pytest.mark.parametrize(
    ("options", "variables", "sentence"),
    [
        (["--auth", "ann"], {}, "--auth is written NAME:PASSWORD"),
        ([], {"STYLETX_WEIGHTS": "nowhere.pth"}, "VGG19's weights could not be read from"),
        ([], {"STYLETX_RUNNER": "spark"}, "STYLETX_RUNNER is 'spark', but must be local, zerogpu"),
        (["--port", "99999"], {}, "The server could not start. bind(): port must be 0-65535."),
    ],
)
def test_what_keeps_the_app_from_starting_is_a_sentence(tmp_path, options, variables, sentence):
    done = subprocess.run(
        [sys.executable, ROOT / "app.py", *options],
        env=os.environ | variables,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_a_sentence(server):
    port = str(urllib.parse.urlsplit(server.url).port)
    command = [sys.executable, ROOT / "app.py", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "The server could not start." in done.stderr
    assert "Traceback" not in done.stderr


def test_sharing_without_the_internet_says_so_and_serves_on(tmp_path):
    server = Server(tmp_path / "cache", "--share").wait()
    try:
        deadline = time.monotonic() + 60
        while "Could not create share link" not in server.log.read_text():
            assert time.monotonic() < deadline, server.log.read_text()
            time.sleep(0.5)
        path, _ = Client(server.url, verbose=False).predict(
            content=PHOTO, style=PAINTING, **QUICK, api_name="/stylize"
        )
        assert path.endswith(".png")
    finally:
        server.close()
