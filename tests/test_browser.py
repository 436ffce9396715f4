"""The page as a person meets it, in a real Chromium."""

import os
import re
import shutil
import time
from urllib.parse import urlsplit

import pytest
from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import expect, sync_playwright

pytestmark = pytest.mark.slow

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DESKTOP = {"viewport": {"width": 1280, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        assert "CI" not in os.environ, "CI must have a Chromium"
        pytest.skip("no Chromium is installed on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, server):
    """Open the page on a kind of screen; no request may leave the machine."""
    contexts, hosts, trouble = [], set(), []

    def open_page(**screen):
        contexts.append(browser.new_context(**screen))
        page = contexts[-1].new_page()
        page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.goto(server.url)
        expect(page.locator("#paint")).to_be_visible(timeout=30_000)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert hosts - {None} <= {"127.0.0.1"}
    assert not trouble


def choose_example(page, number=0):
    page.locator("#examples button.thumbnail-item").nth(number).click()
    for name in ("photo", "painting"):
        expect(page.locator(f"#{name} img")).to_be_visible(timeout=15_000)


def status(page):
    return page.locator("#status")


def shown(page):
    """The address of the picture on show."""
    return page.locator("#painted img").get_attribute("src")


def test_from_an_example_to_a_picture_to_keep(visit, tmp_path):
    page = visit(**DESKTOP, accept_downloads=True)
    choose_example(page)
    expect(status(page)).to_have_text("Temple, The Great Wave: press Paint.")
    page.click("#paint")
    expect(status(page)).to_have_text(re.compile("step [1-9]"), timeout=20_000)
    expect(page.locator("#painted img")).to_be_visible()
    expect(page.locator("#paint")).to_be_disabled()

    pictures, deadline = {shown(page)}, time.monotonic() + 20
    while len(pictures) < 4 and time.monotonic() < deadline:
        page.wait_for_timeout(200)
        pictures.add(shown(page))
    assert len(pictures) >= 4
    expect(status(page)).to_have_text(
        re.compile(r"Size \d of 3 · step \d+ of 48 · \d+ s · about \d+ s left")
    )

    started = time.monotonic()
    page.click("#stop")
    expect(status(page)).to_have_text(re.compile(r"Stopped after \d+ of 48 steps"))
    assert time.monotonic() - started < 1  # the answer takes half a second at most; a look, 0.1
    expect(page.locator("#painted img")).to_have_attribute("src", re.compile(r"\.png"))
    expect(page.locator("#stop")).to_be_disabled()
    expect(page.locator("#paint")).to_be_enabled()

    with page.expect_download() as download:
        page.click("#download")
    assert download.value.suggested_filename == "temple-great_wave.png"
    download.value.save_as(tmp_path / "kept.png")
    with Image.open(tmp_path / "kept.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (512, 342))


def test_own_pictures_are_painted_to_the_end(visit, files):
    page = visit(**DESKTOP)
    for name in ("photo", "painting"):
        page.set_input_files(f"#{name} input[type=file]", str(files / f"{name}.png"))
        expect(page.locator(f"#{name} img")).to_be_visible(timeout=15_000)
    page.get_by_label("number input for Size").fill("64")
    page.get_by_label("number input for Steps").fill("5")
    page.click("#paint")
    expect(status(page)).to_have_text(re.compile("Done: 5 steps"), timeout=30_000)
    expect(page.locator("#download")).to_be_enabled()


def test_what_is_missing_is_said_on_the_page(visit):
    page = visit(**DESKTOP)
    page.click("#paint")
    expect(page.get_by_test_id("toast-body")).to_contain_text("Please choose a photo.")
    expect(status(page)).to_contain_text("Please choose a photo.")  # which stays
    expect(page.locator("#paint")).to_be_enabled()
    expect(page.locator("#download")).to_be_disabled()


def test_a_file_that_is_no_picture_is_explained_on_the_page(visit, files):
    page = visit(**DESKTOP)
    (files / "broken.png").write_bytes(b"this is no picture")
    page.set_input_files("#photo input[type=file]", str(files / "broken.png"))
    page.set_input_files("#painting input[type=file]", str(files / "painting.png"))
    expect(page.locator("#painting img")).to_be_visible(timeout=15_000)
    page.click("#paint")
    expect(status(page)).to_contain_text("broken.png is not a picture that can be read")


def test_a_run_that_cannot_begin_leaves_the_last_picture(visit, files, sunset):
    page = visit(**DESKTOP)
    sunset.resize((2000, 200)).save(files / "panorama.png")
    page.get_by_label("number input for Size").fill("64")
    page.get_by_label("number input for Steps").fill("2")
    for name in ("photo", "painting"):
        page.set_input_files(f"#{name} input[type=file]", str(files / f"{name}.png"))
        expect(page.locator(f"#{name} img")).to_be_visible(timeout=15_000)
    page.click("#paint")
    expect(status(page)).to_have_text(re.compile("Done: 2 steps"), timeout=30_000)
    kept = shown(page)

    page.get_by_label("Remove Image").first.click()
    page.set_input_files("#photo input[type=file]", str(files / "panorama.png"))
    expect(page.locator("#photo img")).to_be_visible(timeout=15_000)
    page.click("#paint")
    expect(status(page)).to_contain_text("Choose a size of at least 160.", timeout=15_000)
    assert shown(page) == kept
    expect(page.locator("#download")).to_be_enabled()
    expect(page.locator("#paint")).to_be_enabled()


def test_closing_the_tab_frees_the_painter(visit):
    page = visit(**DESKTOP)
    choose_example(page)
    page.click("#paint")
    expect(status(page)).to_have_text(re.compile("step [1-9]"), timeout=20_000)
    page.close()
    started = time.monotonic()
    next_visitor = visit(**DESKTOP)
    choose_example(next_visitor)
    next_visitor.click("#paint")
    expect(status(next_visitor)).to_have_text(re.compile("step [1-9]"), timeout=20_000)
    assert time.monotonic() - started < 15
    next_visitor.click("#stop")
    expect(status(next_visitor)).to_have_text(re.compile("Stopped"))


@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_runs_over_the_edge(visit, screen, scheme):
    page = visit(**screen, color_scheme=scheme)
    expect(page.get_by_role("heading", name="styletx")).to_be_visible()
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= screen["viewport"]["width"]
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(value) for value in re.findall(r"\d+", background)[:3])
    assert (brightness < 200) == (scheme == "dark")


def give(page, files, **pictures):
    """Upload pictures of a folder to the fields of these names."""
    for field, name in pictures.items():
        field = field.replace("_", "-")
        page.set_input_files(f"#{field} input[type=file]", str(files / f"{name}.png"))
        expect(page.locator(f"#{field} img")).to_be_visible(timeout=15_000)


def choose(page, **numbers):
    for label, number in numbers.items():
        page.get_by_label(f"number input for {label}").fill(str(number))


def press_and_wait(page, button):
    """Until there is another finished picture."""
    image = page.locator("#painted img")
    before = shown(page) if image.count() else ""
    page.click(button)
    finished = (
        re.compile(rf"^(?!{re.escape(before)}$).*\.png$") if before else re.compile(r"\.png$")
    )
    expect(image).to_have_attribute("src", finished, timeout=60_000)
    expect(status(page)).to_have_text(re.compile("Done: "), timeout=15_000)


def brush_over(page, box, part):
    """Move the brush to and fro over a part of a box on the screen."""
    left, top, right, bottom = part

    def move(x, y):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=3)

    move(left, top)
    page.mouse.down()
    for row in range(8):
        for x in (left, right) if row % 2 else (right, left):
            move(x, top + row / 7 * (bottom - top))
    page.mouse.up()


def picture_of(page, path):
    with page.expect_download() as download:
        page.click("#download")
    download.value.save_as(path)
    return Image.open(path).convert("RGB")


def difference(one, other, box):
    pair = (picture.resize((96, 64)).crop(box) for picture in (one, other))
    return sum(ImageStat.Stat(ImageChops.difference(*pair)).mean) / 3


LEFT, RIGHT = (8, 8, 32, 56), (60, 8, 90, 56)


def test_what_is_brushed_over_stays_the_photo(visit, files, sunset, tmp_path):
    page = visit(**DESKTOP, accept_downloads=True)
    sunset.resize((384, 256)).save(files / "photo.png")
    give(page, files, photo="photo", painting="painting")
    page.get_by_text("Protect or divide the photo").click()
    canvas = page.locator("#brush canvas").first
    expect(canvas).to_be_visible(timeout=20_000)
    page.wait_for_timeout(1500)  # until the photo lies on it
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    brush_over(page, box, (0.27, 0.08, 0.48, 0.92))  # the photo's left half
    choose(page, Size=128, Steps=4)
    press_and_wait(page, "#paint")
    painted = picture_of(page, tmp_path / "kept.png")
    assert difference(painted, sunset, LEFT) < 3
    assert difference(painted, sunset, RIGHT) > 15


def test_several_paintings_a_preset_and_going_on(visit, files, tmp_path):
    page = visit(**DESKTOP, accept_downloads=True)
    Image.new("RGB", (64, 64), (10, 220, 40)).save(files / "green.png")
    page.get_by_text("More paintings").click()
    give(page, files, photo="photo", painting="painting", painting_2="green")
    page.get_by_label("number input for Share of painting 1").fill("0.1")
    choose(page, Size=128, Steps=4)
    press_and_wait(page, "#paint")
    first = picture_of(page, tmp_path / "first.png")
    red, green, blue = ImageStat.Stat(first).mean
    assert green > max(red, blue)
    assert first.size == (128, 85)

    press_and_wait(page, "#twice")
    expect(page.get_by_label("number input for Size")).to_have_value("256")
    larger = picture_of(page, tmp_path / "larger.png")
    assert larger.size == (256, 171)
    assert difference(larger, first, LEFT) < 25
    expect(status(page)).to_have_text(re.compile("Done: 2 steps"))  # of four at two sizes

    choose(page, Steps=3)
    press_and_wait(page, "#more")
    expect(status(page)).to_have_text(re.compile("Done: 3 steps"))

    page.get_by_label("Classic Gatys", exact=True).check()
    expect(page.get_by_label("number input for Steps")).to_have_value("100")
    choose(page, Size=64, Steps=3)
    press_and_wait(page, "#paint")
    expect(status(page)).to_have_text(re.compile("Done: 3 steps"))
