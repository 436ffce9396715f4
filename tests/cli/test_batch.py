"""A batch paints every photo in the manner of every painting, and goes on where it was stopped."""

import errno
import gc
import io
import json
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image

import styletx.cli.paint as command_line
from styletx.cli.batch import batch as work
from styletx.cli.batch.command import batch as many
from styletx.cli.batch.command import parser
from styletx.cli.batch.outputs import SOFT_LOCK, Manifest, is_done, open_output_folder
from styletx.cli.batch.progress import BatchProgress
from styletx.cli.main import main as cli_main
from styletx.core.engine import stylize
from styletx.errors import OutOfMemory, Unwritable, WeightsError
from styletx.imaging.files import save
from styletx.recipe import fingerprint, input_fingerprints, read_recipe, to_json
from styletx.runners import registry
from styletx.runners.local import Local
from styletx.settings import PRESETS, Settings
from tests.helpers.paths import ROOT
from tests.helpers.scripted import PICTURE, progress, result
from tests.helpers.settings import OTHER
from tests.helpers.waiting import until


class Scripted:
    """A runner that paints at once, or as it is told, and remembers what it was asked for."""

    def __init__(self):
        self.runs, self.room, self.faults = [], 1, {}
        self.precisions, self.device = [], "cpu, float32"
        self.closed = self.at_work = self.most_at_work = 0
        self.meanwhile = lambda: None

    def slots(self):
        return self.room

    def close(self):
        pass

    def __call__(self, content, styles, settings, *, weights=None, precision=None):
        self.precisions.append(precision)
        self.runs.append((content.getpixel((0, 0)), styles[0].picture.getpixel((0, 0)), settings))
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        try:
            yield replace(progress(1), settings=settings, device=self.device)
            self.meanwhile()
            if content.getpixel((0, 0)) in self.faults:
                raise self.faults[content.getpixel((0, 0))]
            yield replace(progress(2), settings=settings)
            # of its own, as of every run: Pillow keeps what is being saved with the picture
            yield replace(result(), settings=settings, device=self.device, picture=PICTURE.copy())
        finally:
            self.at_work -= 1
            self.closed += 1


RED, GREEN, BLUE = (200, 0, 0), (0, 200, 0), (0, 0, 200)
GOLD, GREY = (200, 160, 0), (90, 90, 90)


def paint(path, color):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 40), color).save(path)
    return path


@pytest.fixture
def runner(monkeypatch):
    runner = Scripted()
    monkeypatch.setattr(registry, "get_runner", lambda: runner)
    monkeypatch.setattr(work, "POLL_S", 0.01)
    return runner


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to work in, with three photos and two paintings."""
    monkeypatch.chdir(tmp_path)
    for name, color in {"a": RED, "b": GREEN, "c": BLUE}.items():
        paint(tmp_path / "in" / f"{name}.png", color)
    for name, color in {"spring": GOLD, "wave": GREY}.items():
        paint(tmp_path / "by" / f"{name}.png", color)
    return tmp_path


def batch(*words):
    return many([*(words or ("in", "--style", "by")), "-o", "out"])


def manifest():
    return [json.loads(line) for line in Path("out/manifest.jsonl").read_text().splitlines()]


def outcomes():
    return Counter(line["outcome"] for line in manifest())


def pictures():
    return sorted(path.name for path in Path("out").glob("*.png"))


ALL = [f"{photo}-{painting}.png" for photo in "abc" for painting in ("spring", "wave")]


def test_every_photo_is_painted_in_the_manner_of_every_painting(here, runner, capsys):
    assert batch() == 0
    assert pictures() == ALL
    told = capsys.readouterr()
    assert "out/c-wave.png: 40x40 pixels in 0 s\n" in told.out.replace("\\", "/")
    assert told.err.splitlines()[-1] == "6 pictures: 6 painted, 0 there already, 0 failed."


def test_paintings_come_one_after_the_other_and_each_is_read_once(here, runner, monkeypatch):
    seen = []
    monkeypatch.setattr(
        work, "read_image", lambda path, _: seen.append(path.stem) or Image.open(path)
    )
    batch()
    assert [style for _, style, _ in runner.runs] == 3 * [GOLD] + 3 * [GREY]
    assert seen == ["spring", "a", "b", "c", "wave", "a", "b", "c"]


def test_photos_are_in_memory_only_while_they_are_painted(here, runner, monkeypatch):
    alive, most = weakref.WeakSet(), []

    def read(path, longest):
        picture = Picture(path)
        alive.add(picture)
        gc.collect()
        most.append(len([one for one in alive if one.path.parent.name == "in"]))
        return picture

    class Picture:
        def __init__(self, path):
            self.path = path

        def getpixel(self, place):
            return ()

    monkeypatch.setattr(work, "read_image", read)
    gc.freeze()  # there is much that has nothing to do with it
    assert batch() == 0
    gc.unfreeze()
    assert max(most) == 1


def test_the_picture_carries_its_recipe_as_one_painted_alone(here, runner):
    batch("in/a.png", "--style", "by/wave.png", "--steps", "7")
    paths = {"content": Path("in/a.png"), "style": Path("by/wave.png")}
    event = replace(result(), settings=Settings(steps=7))
    save(PICTURE, "alone.png", note=to_json(event, input_fingerprints(paths, {})))
    assert Path("out/a-wave.png").read_bytes() == Path("alone.png").read_bytes()


def test_every_setting_and_the_preset_are_options_as_of_one_picture(here, runner):
    options = [
        word
        for name, value in OTHER.items()
        for word in (f"--{name.replace('_', '-')}", f"{value}")
    ]
    batch("in/a.png", "--style", "by/wave.png", *options)
    batch("in/a.png", "--style", "by/wave.png", "--preset", "oil", "--steps", "9")
    asked = [settings for *_, settings in runner.runs]
    assert asked == [Settings(**OTHER), replace(PRESETS["Oil"], steps=9)]
    alone, many = (
        {word for action in one._actions for word in action.option_strings}
        for one in (command_line.parser(), parser())
    )
    assert alone - many == {"--shares", "--masks", "--keep-mask", "--recipe"}


def test_the_command_line_knows_the_word_batch(here, runner):
    assert cli_main(["batch", "in", "--style", "by", "-o", "out"]) == 0
    assert pictures() == ALL


def test_what_is_wrong_with_the_settings_is_told_before_anything_is_made(here, runner, capsys):
    assert batch("in", "--style", "by", "--size", "8") == 1
    assert capsys.readouterr().err == "size is 8, but must lie between 64 and 4096.\n"
    assert not Path("out").exists()


# Which pictures, and what they are called


def test_files_folders_and_patterns_are_taken_once_each(here, runner):
    paint(here / "in" / "deep" / "d.webp", RED)
    assert batch("in/a.png", "in", "in/**/*.webp", "./in/b.png", "--style", "by/w*.png") == 0
    assert pictures() == [f"{photo}-wave.png" for photo in "abcd"]


def test_of_a_folder_its_own_pictures_are_taken_and_the_rest_is_told(here, runner, capsys):
    paint(here / "in" / "deep" / "d.png", RED)
    paint(here / "in" / ".hidden.png", RED)
    for number in range(6):
        Path(f"in/note{number}.txt").touch()
    assert batch("in", "--style", "by/wave.png") == 0
    assert pictures() == ["a-wave.png", "b-wave.png", "c-wave.png"]
    told = capsys.readouterr().err.splitlines()[0].replace("\\", "/")
    listed = ", ".join(f"in/note{number}.txt" for number in range(4))
    assert told == f"Skipped, as no pictures by their names: in/deep, {listed} and 2 more files."


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["empty", "--style", "by"], "There is no picture in empty."),
        (["in", "--style", "empty"], "There is no picture in empty."),
        (["in/*.jpg", "--style", "by"], "There is no picture in in/*.jpg."),
        (["http://h/a.jpg?w=9", "--style", "by"], "http://h/a.jpg?w=9 is an address, not a file."),
    ],
)
def test_a_folder_and_a_pattern_without_a_picture_are_told(here, runner, capsys, words, sentence):
    Path("empty").mkdir()
    assert batch(*words) == 1
    assert capsys.readouterr().err.startswith(sentence)


@pytest.mark.parametrize(
    "word", ["at [2024]/[x].png", "at [2024]/*.png", "a* [2024]/*.png", "at [2024]/**/[x]*.png"]
)
def test_brackets_are_parts_of_names_where_there_are_such(here, runner, word):
    paint(here / "at [2024]" / "[x].png", RED)
    assert batch(word, "--style", "by/wave.png") == 0
    assert pictures() == ["[x]-wave.png"]


def test_brackets_are_patterns_where_there_are_no_such_names(here, runner):
    assert batch("in/[ab].png", "--style", "by/wave.png") == 0
    assert pictures() == ["a-wave.png", "b-wave.png"]


def test_two_of_one_name_become_two_pictures_whatever_the_order(here, runner):
    paint(here / "more" / "a.png", BLUE)
    paint(here / "more" / "A.jpg", GREEN)
    photos = ["in/a.png", "more/a.png", "more/A.jpg", "in/b.png"]
    assert batch(*photos, "--style", "by/wave.png") == 0
    made = {line["photo"]: line["picture"] for line in manifest()}
    assert len({name.casefold() for name in made.values()}) == 4
    assert made["in/b.png"] == "b-wave.png"
    assert all(name[:7].casefold() == "a-wave-" for photo, name in made.items() if "b" not in photo)
    assert batch(*reversed(photos), "--style", "by/wave.png") == 0
    assert batch(*(str(here / photo) for photo in photos), "--style", "by/wave.png") == 0
    assert outcomes() == {"painted": 4, "there": 8}


def test_a_photo_and_a_painting_may_meet_another_pair_in_one_name(here, runner):
    photos = [paint(here / "x" / name, RED) for name in ("a-b.png", "a.png")]
    styles = [paint(here / "y" / name, RED) for name in ("c.png", "b-c.png")]
    assert batch(*map(str, photos), "--style", *map(str, styles)) == 0
    assert len(pictures()) == 4


def test_names_too_long_together_are_cut(here, runner):
    photos = [paint(here / "x" / f"{200 * 'ä'[:1]}{n}.png".replace("ä", "o"), RED) for n in "12"]
    style = paint(here / "y" / f"{200 * 'p'}.png", RED)
    assert batch(*map(str, photos), "--style", str(style)) == 0
    assert len(pictures()) == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
def test_odd_files_are_sentences(here, runner, capsys):
    Path("in/loop.png").symlink_to("loop.png")
    Path("in/again.png").symlink_to("a.png")
    os.mkfifo("in/pipe.png")
    assert batch("in", "x" * 300, "--style", "by/wave.png") == 1
    assert "cannot be looked into: File name too long.\n" in capsys.readouterr().err
    assert batch("in", "\0", "--style", "by/wave.png") == 1
    assert capsys.readouterr().err == "? is not a valid file name.\n"
    assert batch("in", "--style", "by/wave.png") == 1
    assert pictures() == ["a-wave.png", "b-wave.png", "c-wave.png"]
    assert outcomes() == {"painted": 3, "failed": 2}


def test_who_listens_no_more_stops_nothing(here, runner, monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    paint(here / "in" / "ä.png", RED)
    assert batch() == 0


# What is not touched


def test_a_file_that_is_not_ours_is_never_written_over(here, runner, capsys):
    foreign = paint(here / "out" / "a-wave.png", BLUE).read_bytes()
    Path("out/b-wave.png").write_text("no picture")
    Path("out/c-wave.png").mkdir()
    assert batch() == 1
    assert Path("out/a-wave.png").read_bytes() == foreign
    assert Path("out/b-wave.png").read_text() == "no picture"
    told = capsys.readouterr().err
    assert (
        "in/a.png with by/wave.png: a-wave.png is there already and was not painted by this "
        "program; move it away, or choose another folder.\n"
    ) in told.replace("\\", "/")
    assert told.endswith("6 pictures: 3 painted, 0 there already, 3 failed.\n")
    assert len(runner.runs) == 3


def test_a_file_that_appears_while_its_picture_is_painted_stays(here, runner):
    runner.meanwhile = lambda: Path("out/a-wave.png").write_text("mine")
    assert batch("in/a.png", "--style", "by/wave.png") == 1
    assert Path("out/a-wave.png").read_text() == "mine"


def test_photos_may_lie_where_the_pictures_go_and_those_are_not_painted_again(here, runner, capsys):
    for path in Path("in").iterdir():
        path.rename(path.name)
    inputs = {name: Path(name).read_bytes() for name in ("a.png", "b.png", "c.png")}
    for _ in range(2):
        assert many(["*.png", "--style", "by/wave.png", "-o", "."]) == 0
    assert sorted(path.stem for path in Path().glob("*-*.png")) == ["a-wave", "b-wave", "c-wave"]
    assert {name: Path(name).read_bytes() for name in inputs} == inputs
    told = capsys.readouterr().err
    assert "Skipped, as painted by this program: a-wave.png, b-wave.png, c-wave.png.\n" in told
    assert many(["*-wave.png", "--style", "by/wave.png", "-o", "."]) == 1
    assert "were painted into this very folder; give others.\n" in capsys.readouterr().err


def test_photos_of_a_phone_are_painted(here, runner):
    pillow_heif.register_heif_opener()
    Image.new("RGB", (40, 40), RED).save("in/phone.HEIC", "HEIF")
    assert batch("in", "--style", "by/wave.png") == 0
    assert outcomes() == {"painted": 4}


def test_a_picture_that_is_skipped_is_no_success_and_a_file_of_another_kind_is_one(
    here, runner, capsys
):
    Path("in/notes.txt").write_text("red, green, blue")
    assert batch("in", "--style", "by/wave.png") == 0
    Path("in/layers.psd").write_bytes(b"8BPS")
    assert batch("in", "--style", "by/wave.png") == 1
    told = capsys.readouterr().err
    assert "Skipped, as no pictures by their names: in/notes.txt." in told
    assert "Skipped, as pictures of a format that is not read here: in/layers.psd." in told


@pytest.mark.skipif(sys.platform == "win32", reason="it has locks of its own")
@pytest.mark.parametrize("refusal", [None, errno.ENOLCK, errno.EOPNOTSUPP])
def test_two_batches_do_not_paint_into_one_folder(here, runner, capsys, monkeypatch, refusal):
    """Also where it is on a network that has no locks."""

    def flock(*_):
        raise OSError(refusal, "No locks available")

    if refusal:
        monkeypatch.setattr("fcntl.flock", flock)
    with open_output_folder(Path("out")):
        assert batch() == 1
    told = "Another batch is painting into out; wait for it, or choose another folder."
    left = f" If there is none, remove {SOFT_LOCK} from it." if refusal else ""
    assert capsys.readouterr().err == f"{told}{left}\n"
    assert batch() == 0


def test_a_folder_that_cannot_be_made_is_told(here, runner, capsys):
    Path("out").write_text("a file")
    assert batch() == 1
    assert capsys.readouterr().err.startswith("Nothing can be written into out: ")


# What goes wrong


def test_a_photo_that_cannot_be_read_does_not_stop_the_rest(here, runner, capsys):
    Path("in/b.png").write_text("no picture")
    assert batch("in", "in/none.png", "--style", "by") == 1
    assert pictures() == [name for name in ALL if "b-" not in name]
    told = capsys.readouterr().err.replace("\\", "/")
    assert told.count("in/b.png: b.png is not a picture that can be read here.") == 1
    assert told.count("in/none.png: There is no file in/none.png.") == 1
    assert told.endswith("8 pictures: 4 painted, 0 there already, 4 failed.\n")
    failed = [line for line in manifest() if line["outcome"] == "failed"]
    assert all("error" in line for line in failed)


def test_a_painting_that_cannot_be_read_is_told_once(here, runner, capsys):
    Path("by/spring.png").write_bytes(b"")
    assert batch() == 1
    assert capsys.readouterr().err.count("spring.png is empty.") == 1
    assert outcomes() == {"failed": 3, "painted": 3}


def test_a_run_that_fails_does_not_stop_the_rest_and_leaves_nothing(here, runner, capsys):
    runner.faults = {GREEN: OutOfMemory("It does not fit.")}
    assert batch("in", "--style", "by/wave.png") == 1
    assert pictures() == ["a-wave.png", "c-wave.png"]
    told = capsys.readouterr().err.replace("\\", "/")
    assert "in/b.png with by/wave.png: It does not fit.\n" in told
    (failed,) = (line for line in manifest() if line["outcome"] == "failed")
    assert (failed["photo"], failed["error"]) == (str(Path("in/b.png")), "It does not fit.")


def test_a_last_good_picture_of_a_run_that_broke_is_no_picture_of_the_batch(here, monkeypatch):
    class Breaks(Scripted):
        def __call__(self, *given, **more):
            yield result(step=1)
            raise OutOfMemory("It does not fit.")

    monkeypatch.setattr(registry, "get_runner", Breaks)
    assert batch() == 1
    assert pictures() == []


def test_a_fault_of_the_program_is_told_by_its_kind_and_logged_whole(here, runner, capsys):
    runner.faults = {GREEN: KeyError("oops")}
    assert batch("in", "--style", "by/wave.png") == 1
    told = capsys.readouterr().err.replace("\\", "/")
    assert (
        "in/b.png with by/wave.png: This is a fault of the program, KeyError; errors.log tells "
        "more.\n"
    ) in told
    assert "Traceback" not in told
    assert "KeyError: 'oops'" in Path("out/errors.log").read_text()
    assert outcomes() == {"failed": 1, "painted": 2}


def test_without_a_fault_there_is_no_log(here, runner):
    batch()
    assert not Path("out/errors.log").exists()


def test_what_every_picture_would_meet_stops_all(here, runner, capsys):
    runner.faults = dict.fromkeys((RED, GREEN, BLUE), WeightsError("There are no weights."))
    assert batch() == 1
    told = capsys.readouterr().err.splitlines()
    assert told.count("There are no weights.") == 1
    assert told[-1] == (
        "Stopped before 5 of 6 pictures: 0 painted, 0 there already, 1 failed; the same command "
        "goes on from here."
    )


def test_a_full_disk_stops_all_and_leaves_nothing_half_written(here, runner, capsys, monkeypatch):
    def full(picture, path, **more):
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    assert batch() == 1
    assert "cannot be written: No space left on device.\n" in capsys.readouterr().err
    assert len(runner.runs) == 1
    assert sorted(path.name for path in Path("out").iterdir()) == [".lock", "manifest.jsonl"]


def test_a_manifest_that_takes_no_more_stops_all_and_keeps_the_picture(
    here, runner, capsys, monkeypatch
):
    def full(manifest, **facts):
        raise Unwritable("manifest.jsonl cannot be written: No space left on device.")

    monkeypatch.setattr(Manifest, "add", full)
    assert batch() == 1
    assert pictures() == ["a-spring.png"]
    told = capsys.readouterr().err.splitlines()
    # "Stopping …" comes as well where its thread takes a while to end
    assert "manifest.jsonl cannot be written: No space left on device." in told[-3:-1]
    assert told[-1].startswith("Stopped before 5 of 6 pictures: 1 painted,")


# Started again


def test_what_is_there_is_not_painted_again(here, runner, capsys):
    assert batch() == 0
    assert batch() == 0
    assert len(runner.runs) == 6
    assert outcomes() == {"painted": 6, "there": 6}
    told = capsys.readouterr().err.splitlines()[-1]
    assert told == "6 pictures: 0 painted, 6 there already, 0 failed."


def test_pictures_of_one_batch_have_one_precision_also_where_it_goes_on(here, runner):
    runner.device = "cpu, bfloat16"
    assert batch("in/b.png", "in/c.png", "--style", "by/wave.png") == 0
    assert runner.precisions == [None, "bfloat16"]
    assert batch("in", "--style", "by/wave.png") == 0
    assert runner.precisions == [None, "bfloat16", "bfloat16"]
    assert len(runner.runs) == 3


def test_dates_do_not_matter_and_copies_of_the_inputs_are_the_same(here, runner):
    batch()
    for path in (*Path("in").iterdir(), *Path("by").iterdir()):
        os.utime(path)
    for path in Path("out").glob("*.png"):
        os.utime(path, (0, 0))
    assert batch() == 0
    assert len(runner.runs) == 6


@pytest.mark.parametrize("what", ["settings", "photo", "weights", "version", "unfinished", "cut"])
def test_what_has_changed_is_painted_anew(here, runner, monkeypatch, what):
    words, painting = ["in/a.png", "in/b.png"], ["--style", "by/wave.png"]
    assert batch(*words, *painting) == 0
    out, more = Path("out/a-wave.png"), []
    if what == "settings":
        more = ["--steps", "5"]
    elif what == "photo":
        paint(here / "in" / "a.png", GOLD)
    elif what == "weights":
        monkeypatch.setenv("STYLETX_WEIGHTS", "torchvision")
    elif what == "version":
        monkeypatch.setattr("styletx.cli.batch.outputs.VERSION", "99.0")
    elif what == "unfinished":
        paths = {"content": Path("in/a.png"), "style": Path("by/wave.png")}
        save(PICTURE, out, note=to_json(result(step=1), input_fingerprints(paths, {})))
    else:
        out.write_bytes(out.read_bytes()[:-40])
    assert batch(*words, *painting, *more) == 0
    anew = 1 if what in ("photo", "unfinished", "cut") else 2
    assert len(runner.runs) == 2 + anew
    if what in ("settings", "photo", "unfinished", "cut"):
        assert batch(*words, *painting, *more) == 0
        assert len(runner.runs) == 2 + anew


@pytest.mark.parametrize("painted_with", ["my, own.pth", "my, own.pth, factored"])
def test_whether_convolutions_were_factored_does_not_matter(tmp_path, painted_with):
    path, inputs = tmp_path / "a.png", {"content": "1" * 64, "style": "2" * 64}
    painted = replace(result(), weights=painted_with)
    save(PICTURE, path, note=to_json(painted, inputs))
    assert is_done(path, painted.settings, inputs, "my, own.pth")
    assert not is_done(path, painted.settings, inputs, "my")


def test_a_picture_of_another_version_is_ours_to_replace(here, runner):
    note = {"styletx": "9.1", "settings": {"glaze": 2}, "inputs": {}}
    Path("out").mkdir()
    save(PICTURE, "out/a-wave.png", note=json.dumps(note))
    assert batch("in/a.png", "--style", "by/wave.png") == 0
    assert read_recipe(Path("out/a-wave.png")).inputs["content"] == fingerprint(Path("in/a.png"))


def test_what_had_its_seconds_is_done_whatever_steps_they_came_to(here, runner):
    words = ("in/a.png", "--style", "by/wave.png", "--seconds", "5")
    assert batch(*words) == batch(*words) == 0
    assert outcomes() == {"painted": 1, "there": 1}
    assert batch(*words[:-1], "6") == 0
    assert len(runner.runs) == 2


def test_a_failed_one_is_tried_again(here, runner):
    runner.faults = {GREEN: OutOfMemory("It does not fit.")}
    batch()
    runner.faults = {}
    assert batch() == 0
    assert outcomes() == {"failed": 2, "painted": 6, "there": 4}


def test_the_manifest_tells_of_each_picture(here, runner):
    batch("in/a.png", "--style", "by/wave.png", "--size", "100")
    (line,) = manifest()
    settings, seconds = line.pop("settings"), line.pop("seconds")
    assert line == {
        "photo": str(Path("in/a.png")),
        "painting": str(Path("by/wave.png")),
        "picture": "a-wave.png",
        "outcome": "painted",
        "steps": 3,
    }
    assert Settings(**settings) == Settings(size=100)
    assert 0 <= seconds < 60


def test_a_line_of_the_manifest_is_there_as_soon_as_its_picture(here, runner):
    seen = []
    runner.meanwhile = lambda: seen.append(len(manifest()))
    batch()
    assert seen == [0, 1, 2, 3, 4, 5]


def test_a_manifest_whose_last_line_was_cut_goes_on_with_a_new_one(here, runner):
    batch("in/a.png", "--style", "by/wave.png")
    whole = Path("out/manifest.jsonl").read_bytes()
    Path("out/manifest.jsonl").write_bytes(whole + whole[:50])
    batch("in/a.png", "in/b.png", "--style", "by/wave.png")
    lines = Path("out/manifest.jsonl").read_bytes().splitlines()
    assert lines[1] == whole[:50]
    assert [json.loads(line)["outcome"] for line in lines[2:]] == ["there", "painted"]


def test_what_a_killed_batch_left_half_written_goes_with_the_next(here, runner):
    Path("out").mkdir()
    Path("out/.a-wave.styletx-part.png").write_bytes(b"half")
    assert batch() == 0
    assert not list(Path("out").glob(".*.png"))


# Stopped


@pytest.fixture
def stop(monkeypatch):
    """Send a signal to this process, and wait until it is seen."""
    said = []
    monkeypatch.setattr(BatchProgress, "write", lambda _, sentence, file: said.append(sentence))

    def send(number):
        os.kill(os.getpid(), number)
        until(lambda: "Stopping …" in said)

    return send


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_run_and_the_same_command_goes_on(here, runner, capsys, stop, number):
    before = signal.getsignal(number)
    runner.meanwhile = lambda: len(runner.runs) == 3 and stop(number)
    assert batch() == 1
    assert pictures() == ["a-spring.png", "b-spring.png"]
    assert runner.closed == 3
    assert not [path for path in Path("out").iterdir() if "part" in path.name]
    assert capsys.readouterr().err == (
        "Stopped before 4 of 6 pictures: 2 painted, 0 there already, 0 failed; the same command "
        "goes on from here.\n"
    )
    assert outcomes() == {"painted": 2, "stopped": 1}
    assert signal.getsignal(number) is before
    runner.meanwhile = lambda: None
    assert batch() == 0
    assert outcomes() == {"painted": 6, "stopped": 1, "there": 2}


def test_ctrl_c_before_anything_is_painted_is_told(here, runner, capsys, monkeypatch):
    def pressed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("styletx.cli.batch.command.find_images", pressed)
    assert batch() == 1
    assert capsys.readouterr().err == "Stopped before anything was painted.\n"


# Several slots


def test_as_many_are_painted_at_a_time_as_there_are_slots(here, runner):
    together = threading.Barrier(3, timeout=30)
    runner.room, runner.meanwhile = 3, together.wait
    assert batch() == 0
    assert runner.most_at_work == 3
    assert batch() == 0
    assert outcomes() == {"painted": 6, "there": 6}


def test_places_may_come_and_go_meanwhile(here, runner):
    def grow():
        runner.room = 2
        until(lambda: runner.most_at_work == 2)
        runner.meanwhile = shrink

    def shrink():
        runner.room = 1

    runner.meanwhile = grow
    assert batch() == 0
    assert runner.most_at_work == 2
    runner.most_at_work, runner.meanwhile = 0, lambda: None
    assert batch("in", "--style", "by", "--steps", "9") == 0
    assert runner.most_at_work == 1


def test_all_that_are_painted_are_stopped_together(here, runner, stop):
    both = threading.Barrier(2, timeout=30)

    def stop_both():
        if both.wait() == 0:
            stop(signal.SIGTERM)
        both.wait()

    runner.room, runner.meanwhile = 2, stop_both
    assert batch() == 1
    assert (runner.closed, outcomes()["stopped"]) == (2, 2)


def test_a_runner_that_is_gone_is_a_sentence(here, runner, capsys):
    def gone():
        raise work.StyletxError("The cluster is gone.")

    runner.slots = gone
    runner.meanwhile = lambda: None
    assert batch("in/a.png", "in/b.png", "--style", "by/wave.png") == 1
    assert capsys.readouterr().err.endswith("The cluster is gone.\n")


# How long it takes


def test_the_time_left_is_honest_after_a_picture_or_two(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    now, terminal = [1000.0], Terminal()
    monkeypatch.setattr("tqdm.std.time", lambda: now[0])
    monkeypatch.setattr(sys, "stderr", terminal)
    bar = BatchProgress(12)

    def left():
        told = bar.bar.format_dict
        return (told["total"] - told["n"]) * told["elapsed"] / (told["n"] - told["initial"])

    for number in range(2):
        bar.finish(Path(f"there{number}"), painted=False)
    now[0] += 60  # the network is loaded
    for number in range(4):
        for second in range(10):
            step = replace(progress(1), seconds=float(second))
            bar.update(Path(f"{number}.png"), replace(step, seconds_left=10.0 - second))
            now[0] += 1
        bar.finish(Path(f"{number}.png"), painted=True)
        if number:
            assert left() == pytest.approx(10 * (9 - number), rel=0.15)
    bar.finish(Path("failed"), painted=False)
    assert left() == pytest.approx(50, rel=0.15)
    bar.close()
    assert "3.png" in terminal.getvalue()
    assert "left" in terminal.getvalue()


# As it is


@pytest.fixture
def engine(monkeypatch, eye):
    """The real engine, with a small eye."""

    class Small(Local):
        def __call__(self, content, styles, settings, *, weights=None, precision=None):
            return stylize(content, styles, settings, weights=replace(eye, source="embedded"))

    monkeypatch.setattr(registry, "get_runner", Small)


@pytest.mark.slow
def test_the_engine_paints_a_batch_and_finds_it_there_again(here, engine, eye):
    words = ("in", "--style", "by/wave.png", "--size", "64", "--steps", "2")
    Image.radial_gradient("L").save("by/wave.png")
    assert batch(*words) == batch(*words) == 0
    assert outcomes() == {"painted": 3, "there": 3}
    too_narrow = Image.new("RGB", (1000, 40))
    too_narrow.save("in/narrow.png")
    assert batch(*words) == 1
    (failed,) = (line for line in manifest() if line["outcome"] == "failed")
    assert "the network needs 16. Choose a size of at least 400." in failed["error"]


SMALL = ["--size", "64", "--steps", "2"]


def command(folder, *words):
    return subprocess.Popen(
        [sys.executable, "-m", "styletx", *map(str, words)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def lines(folder):
    path = folder / "out" / "manifest.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("total", "each"), [(12, 2), pytest.param(42, 10, marks=pytest.mark.release)]
)
def test_many_pictures_interrupted_and_killed_are_finished_and_each_is_painted_once(
    tmp_path, total, each
):
    """Interrupted and killed after so many more `each` time."""
    assets = ROOT / "assets"
    paintings = sorted((assets / "paintings").glob("*.jpg"))[: total // 6]
    words = ["batch", assets / "photos", "--style", *paintings, "-o", "out", *SMALL]
    dates = {}
    for number in (signal.SIGINT, signal.SIGKILL, None):
        so_far = lines(tmp_path)
        started = command(tmp_path, *words)
        if number:
            there = len(dates)
            until(lambda n=so_far + there + each: lines(tmp_path) >= n, 300)
            started.send_signal(number)
        _, told = started.communicate(timeout=500)
        assert started.returncode == {signal.SIGINT: 1, signal.SIGKILL: -9, None: 0}[number], told
        assert "Traceback" not in told
        if number != signal.SIGKILL:
            assert not list((tmp_path / "out").glob(".*part*"))
        if number == signal.SIGINT:
            assert "the same command goes on from here." in told
        found = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.png")}
        assert found.items() >= dates.items()
        assert len(found) >= len(dates) + (each if number else 0)
        dates = found
    assert len(dates) == total
    text = (tmp_path / "out" / "manifest.jsonl").read_text()
    told = [json.loads(line) for line in text.splitlines()]
    painted = Counter(line["picture"] for line in told if line["outcome"] == "painted")
    assert set(painted.values()) == {1}
    # who was killed between a picture and its line has the one and not the other
    assert set(painted) >= {path.name for path in dates} - {
        line["picture"] for line in told if line["outcome"] == "there"
    }


@pytest.mark.slow
def test_a_picture_of_a_batch_is_the_same_to_the_byte_as_one_painted_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photos, painting = ROOT / "assets/photos", f"{ROOT / 'assets/paintings/great_wave.jpg'}"
    pair, quick = [photos / "cat.jpg", photos / "dahlia.jpg"], ["--size", "128", "--steps", "4"]
    assert many([*map(str, pair), "--style", painting, "-o", "out", *quick]) == 0
    for photo in pair:
        assert cli_main([str(photo), painting, "-o", "alone.png", *quick]) == 0
        made = Path(f"out/{photo.stem}-great_wave.png")
        assert made.read_bytes() == Path("alone.png").read_bytes()
