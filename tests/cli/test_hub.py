"""The Hugging Face Hub, and what goes there. A stand-in speaks its language and keeps what it is
given."""

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from dataclasses import replace
from types import SimpleNamespace

import pytest
from huggingface_hub import close_session, constants
from PIL import Image

import styletx.cli.paint as command_line
from styletx._version import VERSION
from styletx.cli.hub import deploy
from styletx.cli.main import MODULES
from styletx.cli.main import main as cli_main
from styletx.imaging.files import save
from styletx.recipe import fingerprint, to_json
from styletx.settings import FIELDS, Settings
from tests.helpers.hub import TOKEN, Hub, Repo
from tests.helpers.paths import ROOT
from tests.helpers.scripted import PICTURE, result
from tests.helpers.server import Server

SECRET = "not-to-be-seen-anywhere"
STYLED = {"styletx/__init__.py": b"", "app.py": b"import gradio"}


@pytest.fixture
def environment(monkeypatch):
    """The commands meet the Hub by the environment alone, as for everybody."""

    def at(hub):
        monkeypatch.setenv("HF_ENDPOINT", f"{hub.url}/")
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        return hub

    return at


@pytest.fixture
def hub(environment):
    with Hub() as hub:
        yield environment(hub)


@pytest.fixture
def small(monkeypatch, tmp_path):
    """An app of few bytes, so that it need not be sent whole for every promise."""
    app = tmp_path / "app"
    for path in ("styletx/__init__.py", "assets/page.css", "assets/photos/cat.jpg", *deploy.ALONE):
        (app / path).parent.mkdir(parents=True, exist_ok=True)
        (app / path).write_text(f"---\n{path}\n")
    monkeypatch.setattr(deploy, "ROOT", app)
    return app


@pytest.fixture
def run(capsys):
    """Calls the command line: exit status, what it said, what it said on stderr."""

    def call(*words):
        status = cli_main([str(word) for word in words])
        told = capsys.readouterr()
        return status, told.out, told.err

    return call


def deployed(run, *options, to="me/styletx"):
    return run("deploy", to, *options)


def expected():
    """The files of this clone that belong on a Space, as git knows them."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("this is no clone")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    left_out = re.compile(r"tests/|\.|pyproject\.toml|Dockerfile|constraints\.txt|assets/\w+\.py")
    return {path for path in listed if not left_out.match(path) and (ROOT / path).is_file()}


def test_a_space_gets_the_apps_files_in_one_commit_and_no_others(hub, run):
    status, out, err = deployed(run)
    assert (status, out) == (0, f"{hub.url}/spaces/me/styletx\n")
    assert err == ""
    repo = hub.space()
    assert len(repo.commits) == 2  # the Hub's own and this
    sent = deploy.files_to_upload("me/styletx")
    assert set(repo.files) == {".gitattributes", *sent}
    for path in sent:
        here = sent[path] if path == "README.md" else (ROOT / path).read_bytes()
        assert repo.files[path] == here, path
    assert not repo.private


@pytest.mark.slow
def test_the_apps_files_are_those_that_git_knows():
    assert set(deploy.files_to_upload("me/styletx")) == expected()


def test_the_readme_there_names_the_spaces_own_picture_and_the_one_here_stays():
    before = (ROOT / "README.md").read_bytes()
    sent = deploy.files_to_upload("some-body/my_app")["README.md"]
    assert (ROOT / "README.md").read_bytes() == before
    own = b"huggingface.co/spaces/some-body/my_app/resolve/main/assets/page-desktop.jpg"
    assert own in sent
    assert sent == before.replace(own.replace(b"some-body/my_app", b"styletx/styletx"), own, 1)


def test_nothing_that_merely_lies_there_is_sent(small):
    wanted = set(deploy.files_to_upload("me/styletx"))
    assert len(wanted) == 7
    for stray in (
        ".env", "notes.txt", "other.py", "tests/test_a.py", ".git/config", "painted.png",
        "styletx/__pycache__/hub.pyc", "styletx/weights.pth", "styletx/.hidden/x.py",
        "assets/__pycache__/a.pyc", "assets/.private.jpg", "assets/.cache/a.jpg", "assets/a.psd",
        "assets/paint_more.py",
    ):  # fmt: skip
        (small / stray).parent.mkdir(parents=True, exist_ok=True)
        (small / stray).write_text("secret")
    (small / "assets" / "photos" / "elsewhere.jpg").symlink_to(ROOT)
    (small / "assets" / "photos" / "link.jpg").symlink_to(small / ".env")
    assert set(deploy.files_to_upload("me/styletx")) == wanted


def test_what_is_no_longer_here_goes_from_the_space_and_its_owners_own_stays(hub, run, small):
    old = {"styletx/old.py": b"", "assets/photos/old.jpg": b"", "packages.txt": b"vim"}
    hub.repos["space", "me/styletx"] = Repo(**STYLED, **old)
    assert deployed(run)[0] == 0
    assert set(hub.space().files) == {
        ".gitattributes",
        "packages.txt",
        *deploy.files_to_upload("me/x"),
    }


def test_deploying_what_is_there_already_makes_no_commit(hub, run, small):
    assert deployed(run)[0] == deployed(run)[0] == 0
    assert len(hub.space().commits) == 2


def test_another_app_is_not_overwritten(hub, run, small):
    hub.repos["space", "me/styletx"] = Repo(**{"app.py": b"another"})
    status, _, err = deployed(run)
    assert status == 1
    assert err == (
        "me/styletx holds another app, which this one would overwrite; choose another name, or "
        "delete that Space first.\n"
    )
    assert hub.space().files["app.py"] == b"another"


def test_secrets_variables_and_hardware_are_set_before_the_app_comes(hub, run, small, monkeypatch):
    monkeypatch.setenv("HIDDEN", SECRET)
    words = ("--secret", "HIDDEN", "--secret", "PASS=a=b", "--variable", "STYLETX_MAX_SIZE=512")
    status, out, err = deployed(run, *words, "--hardware", "t4-small", "--private")
    assert status == 0
    assert hub.space().secrets == {"HIDDEN": SECRET, "PASS": "a=b"}
    assert hub.space().variables == {"STYLETX_MAX_SIZE": "512"}
    assert (hub.space().hardware, hub.space().private) == ("t4-small", True)
    assert SECRET not in out + err
    asked = hub.asked
    commit = asked.index("POST /api/spaces/me/styletx/commit/main")
    assert asked.index("POST /api/spaces/me/styletx/secrets") < commit


def test_what_is_to_be_private_is_not_put_where_it_is_public(hub, run, small, kept):
    hub.repos["space", "me/styletx"] = Repo(**STYLED)
    hub.repos["dataset", "me/painted"] = Repo()
    for words in (("deploy", "me/styletx"), ("push", kept, "me/painted")):
        status, _, err = run(*words, "--private", *(["--secret", "A=b"] * (words[0] == "deploy")))
        assert status == 1
        assert f"{words[-1]} is there already and public; make it private" in err
    assert len(hub.space().commits) == len(hub.dataset().commits) == 1
    assert hub.space().secrets == {}


def test_a_dry_run_says_what_would_be_sent_and_opens_no_socket(run, monkeypatch):
    def opened(*_, **__):
        raise AssertionError("it opened a socket")

    for way in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, way, opened)
    words = ["--dry-run", "--secret", f"PASS={SECRET}", "--variable", "STYLETX_MAX_SIZE=512"]
    status, out, err = deployed(run, *words)
    assert (status, err) == (0, "")
    listed = re.findall(r"^ *([\d,]+)  (\S+)$", out, re.MULTILINE)
    sizes = {path: int(size.replace(",", "")) for size, path in listed}
    assert set(sizes) == set(deploy.files_to_upload("me/styletx"))
    assert all(sizes[path] == (ROOT / path).stat().st_size for path in sizes if path != "README.md")
    assert f"{sum(sizes.values()):,}  bytes in {len(sizes)} files" in out
    assert out.endswith("secret PASS\nvariable STYLETX_MAX_SIZE\n")
    assert SECRET not in out


def test_without_its_app_the_package_says_where_to_deploy_from(run, monkeypatch, tmp_path):
    monkeypatch.setattr(deploy, "ROOT", tmp_path)
    status, _, err = deployed(run, "--dry-run")
    assert status == 1
    assert err == (
        f"There is no app.py in {tmp_path}: styletx was installed there without its app. Deploy "
        "it from a clone of its repository.\n"
    )


@pytest.mark.parametrize("name", ["styletx", "me/a/b", "me/", "../x", "me/a b", "me/a--b", ""])
def test_a_name_that_the_hub_would_not_take_is_explained_before_it_is_asked(hub, run, kept, name):
    for words in (("deploy", name), ("push", kept, name)):
        status, _, err = run(*words)
        assert status == 1
        assert f"{name!r} is no name of a " in err
        assert "write OWNER/NAME" in err
    assert hub.asked == []


@pytest.mark.parametrize("word", [f"my key={SECRET}", SECRET, f"={SECRET}", "HF-TOKEN"])
def test_a_secret_in_the_wrong_form_is_explained_and_not_repeated(hub, run, word):
    status, out, err = deployed(run, "--secret", word)
    assert (status, out) == (1, "")
    assert err.startswith("A --secret is written NAME=VALUE, with a NAME of letters")
    assert word not in err
    assert hub.asked == []


def test_a_wrong_option_is_a_usage_error_that_repeats_no_value(hub, run, capsys):
    for words in (["--secrets", f"A={SECRET}"], ["--secret", "A=1", f"B={SECRET}"]):
        with pytest.raises(SystemExit) as ended:
            deployed(run, *words)
        assert ended.value.code == 2
    assert SECRET not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("refused", "status", "told", "sentence"),
    [
        ("whoami", 401, "no", "(status 401): Invalid user token."),
        ("repos/create", 402, "Pay first.", "(status 402): Pay first; try again later."),
        ("commit/main", 403, "Read-only", "(status 403): Read-only; set HF_TOKEN"),
        ("commit/main", 500, "a\ntrace\nback", "(status 500): a trace back; try"),
    ],
)
def test_what_the_hub_refuses_is_a_sentence(hub, run, small, kept, refused, status, told, sentence):
    hub.refuse[refused] = (status, told)
    for words in (("deploy", "me/styletx"), ("push", kept, "me/painted")):
        code, out, err = run(*words)
        assert (code, out) == (1, "")
        assert f"The Hub refuses that for {words[-1]} {sentence}" in err
        assert err.count("\n") == 1
        assert "Traceback" not in err
    assert all(len(repo.commits) == 1 for repo in hub.repos.values())


def test_a_secret_that_the_hub_repeats_is_not_shown(hub, run, small):
    hub.refuse["/secrets"] = (400, f"{SECRET} is too short")
    status, out, err = deployed(run, "--secret", f"PASS={SECRET}")
    assert status == 1
    assert "(status 400): … is too short" in err
    assert SECRET not in out + err
    assert len(hub.space().commits) == 1


@pytest.mark.parametrize(("token", "sentence"), [("", "not logged in"), ("wrong", "(status 401)")])
def test_who_is_not_logged_in_is_told_how(hub, run, small, kept, monkeypatch, token, sentence):
    monkeypatch.setenv("HF_TOKEN", token)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", "/nonexistent/token")
    for words in (("deploy", "me/styletx"), ("push", kept, "me/painted")):
        status, _, err = run(*words)
        assert status == 1
        assert sentence in err
        assert "HF_TOKEN" in err
        assert "`hf auth login`" in err
    assert hub.repos == {}


def test_a_hub_out_of_reach_is_a_sentence(hub, run, small, kept):
    hub.away = True
    for words in (("deploy", "me/styletx"), ("push", kept, "me/painted")):
        status, _, err = run(*words)
        assert status == 1
        assert err.startswith(f"The Hub at {hub.url} does not answer as it should: ")
        assert err.endswith("HF_ENDPOINT and HF_HUB_OFFLINE where they are set.\n")


def keep(path, **chosen):
    inputs = {"content": "ab" * 32, "style": "cd" * 32, "style_2": "ef" * 32, "share_2": 0.5}
    event = replace(result(), settings=Settings(**chosen))
    save(PICTURE, path, note=to_json(event, inputs))
    return path


@pytest.fixture
def kept(tmp_path):
    return keep(tmp_path / "kept.png", size=300)


def rows_of(repo):
    return [json.loads(line) for line in repo.files["metadata.jsonl"].splitlines()]


def name_of(path, ending):
    return f"{fingerprint(path)[:16]}.{ending}"


def test_pictures_are_pushed_with_their_recipes_as_rows_in_one_commit(hub, run, kept, tmp_path):
    other = keep(tmp_path / "other.JPG", detail=2.0)
    status, out, _ = run("push", kept, other, "me/painted")
    assert (status, out) == (0, f"2 of 2 new\n{hub.url}/datasets/me/painted\n")
    repo = hub.dataset()
    assert len(repo.commits) == 2
    names = name_of(kept, "png"), name_of(other, "jpeg")
    assert set(repo.files) == {".gitattributes", "metadata.jsonl", *names}
    assert repo.files[names[0]] == kept.read_bytes()
    assert repo.files[names[1]] == other.read_bytes()
    first, second = rows_of(repo)
    assert list(first) == list(second)
    assert (first["file_name"], second["file_name"]) == names
    assert Settings(**{name: first[name] for name in FIELDS}) == Settings(size=300)
    assert second["detail"] == 2.0
    facts = {"version": VERSION, "weights": "embedded", "device": "cpu, float32"}
    facts |= {"step": 3, "last_step": 3, "content_sha256": "ab" * 32, "style_sha256": "cd" * 32}
    facts |= {"style_2_sha256": "ef" * 32, "style_3_sha256": None, "keep_mask_sha256": None}
    facts |= {"share": 1.0, "share_2": 0.5, "share_3": None}
    assert first.items() >= facts.items()
    assert str(tmp_path) not in repo.files["metadata.jsonl"].decode()


def test_rows_that_are_there_stay_and_a_picture_pushed_twice_is_one_row(hub, run, kept, tmp_path):
    before = '{"file_name": "a.png", "said": "zwei\u2028Zeilen ü"}\r\n'.encode()
    hub.repos["dataset", "me/painted"] = Repo(**{"metadata.jsonl": before, "a.png": b"a"})
    copy = tmp_path / "copy.png"
    copy.write_bytes(kept.read_bytes())
    assert run("push", kept, copy, "me/painted")[1].startswith("1 of 1 new\n")
    assert run("push", kept, "me/painted")[1].startswith("0 of 1 new\n")
    repo = hub.dataset()
    assert len(repo.commits) == 2
    assert repo.files["metadata.jsonl"].startswith(before.rstrip(b"\r\n") + b"\n")
    assert [row["file_name"] for row in rows_of(repo)] == ["a.png", name_of(kept, "png")]
    assert repo.files["a.png"] == b"a"


def test_a_picture_without_a_recipe_is_refused_before_anything_is_sent(hub, run, kept, files):
    status, _, err = run("push", kept, files / "photo.png", "me/painted")
    assert status == 1
    assert "photo.png holds no recipe." in err
    assert hub.asked == []


def test_a_commit_in_between_is_not_written_over(hub, run, kept):
    hub.meanwhile = lambda repo: repo.commit({**repo.files})
    status, _, err = run("push", kept, "me/painted")
    assert status == 1
    assert "(status 412): A commit has happened since" in err
    assert "metadata.jsonl" not in hub.dataset().files


def test_rows_that_cannot_be_read_are_not_written_over(hub, run, kept, monkeypatch):
    at_once = SimpleNamespace(**{**vars(time), "sleep": lambda _: None})
    monkeypatch.setattr("huggingface_hub.utils._http.time", at_once)
    for content, refusals, sentence in (
        (b'{"file_name": "a.png"}\n[1]\n', {}, "Line 2 of metadata.jsonl in me/painted is no row"),
        (b"", {"resolve": (503, "busy")}, "The Hub "),
        (b"", {"resolve": (403, "no")}, "The Hub "),
    ):
        repo = hub.repos["dataset", "me/painted"] = Repo(**{"metadata.jsonl": content})
        hub.refuse = refusals
        status, _, err = run("push", kept, "me/painted")
        assert status == 1
        assert sentence in err
        assert err.count("\n") == 1
        assert len(repo.commits) == 1


def test_the_help_of_the_command_line_names_the_commands():
    told = " ".join(command_line.parser().format_help().split())
    for word in MODULES.keys() - {"paint"}:
        assert f"python -m styletx {word} " in told


@pytest.mark.slow
def test_what_is_committed_is_all_that_the_app_needs(run, environment, tmp_path):
    with Hub().served() as hub:
        environment(hub)
        status, out, err = deployed(run)
        assert (status, out) == (0, f"{hub.url}/spaces/me/styletx\n"), err
        close_session()
    for path, content in hub.space().files.items():
        (tmp_path / "space" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "space" / path).write_bytes(content)
    server = Server(tmp_path / "cache", app=tmp_path / "space" / "app.py").wait()
    try:
        with urllib.request.urlopen(f"{server.url}healthz", timeout=30) as answer:
            assert answer.status == 200
    finally:
        server.close()
    with Image.open(tmp_path / "space" / "assets" / "icon.png") as icon:
        assert icon.size
