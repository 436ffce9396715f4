"""The page as a person meets it, in a real Chromium."""

import re
import time
from urllib.parse import urlsplit

import pytest
from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import expect

from styletx.reports import KINDS
from styletx.words import COMPARED
from tests.helpers.browser import DESKTOP, PHONE

pytestmark = pytest.mark.slow


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
    page.locator("#examples button").nth(number).click()
    expect(page.locator("#painted img")).to_be_visible(timeout=15_000)
    for name in ("photo", "painting"):
        expect(page.locator(f"#{name} img")).to_be_visible(timeout=15_000)


def status(page):
    return page.locator("#status")


def shown(page):
    """The address of the picture on show."""
    return page.locator("#painted img").get_attribute("src")


SCREENS = {
    "desktop": {**DESKTOP, "color_scheme": "light"},
    "desktop-dark": {**DESKTOP, "color_scheme": "dark"},
    "phone": {**PHONE, "color_scheme": "light"},
    "phone-dark": {**PHONE, "color_scheme": "dark"},
}


@pytest.mark.parametrize("screen", SCREENS.values(), ids=SCREENS)
def test_a_newcomer_finds_the_way_without_reading_anything(visit, screen, tmp_path):
    page = visit(**screen, accept_downloads=True)
    have_an_example_at_once(page)
    watch_it_being_painted(page)
    stop_and_keep_it(page, tmp_path)
    find_it_in_the_strip(page)
    repeat_it_from_its_recipe(page, tmp_path)
    assert page.evaluate("document.documentElement.scrollWidth") <= screen["viewport"]["width"]


def have_an_example_at_once(page):
    page.locator("#examples button").first.click()
    expect(page.locator("#painted img")).to_be_visible(timeout=2000)
    expect(page.locator("#paint")).to_have_text("Paint it again")


def watch_it_being_painted(page):
    example = shown(page)
    page.click("#paint")
    expect(page.locator("#painted img")).not_to_have_attribute("src", example, timeout=20_000)
    expect(status(page)).to_have_text(
        re.compile(r"Size \d of 3 · step \d+ of 48 · \d+ s · about \d+ s left"), timeout=20_000
    )
    pictures, deadline = {shown(page)}, time.monotonic() + 20
    while len(pictures) < 3 and time.monotonic() < deadline:
        page.wait_for_timeout(200)
        pictures.add(shown(page))
    assert len(pictures) >= 3
    expect(page.get_by_role("img", name=re.compile("Distance from the painting"))).to_be_visible()


def stop_and_keep_it(page, folder):
    started = time.monotonic()
    page.click("#stop")
    expect(status(page)).to_have_text(re.compile(r"Stopped after \d+ of 48 steps"))
    assert time.monotonic() - started < 1  # the answer takes half a second at most; a look, 0.1
    expect(page.locator("#painted img")).to_have_attribute("src", re.compile(r"\.png"))
    page.screenshot(path=folder / "stopped.png", full_page=True)
    for kind, ending in KINDS.items():
        expect(page.locator(f"#take-{kind}")).to_be_enabled(timeout=15_000)
        with page.expect_download() as download:
            page.click(f"#take-{kind}")
        assert download.value.suggested_filename == f"temple-great_wave{ending}"
        download.value.save_as(folder / f"kept{ending}")
    with Image.open(folder / "kept.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (512, 342))
    with Image.open(folder / "kept-film.webp") as film:
        assert film.n_frames >= 4


def find_it_in_the_strip(page):
    page.get_by_label("number input for Size").fill("256")
    page.locator("#surprise").click()
    expect(status(page)).to_have_text(re.compile("press Paint"))
    page.locator("#strip button").first.click()
    expect(status(page)).to_have_text(
        re.compile("temple-great_wave: its pictures and settings are back."), timeout=15_000
    )
    expect(page.get_by_label("number input for Size")).to_have_value("512")
    expect(page.locator("#painted img")).to_have_attribute("src", re.compile(r"\.png"))


def repeat_it_from_its_recipe(page, folder):
    page.get_by_label("number input for Steps").fill("7")
    page.get_by_text("Repeat a finished picture").click()
    page.set_input_files("#repeated input[type=file]", str(folder / "kept.jpg"))
    expect(page.get_by_label("number input for Steps")).to_have_value("48", timeout=15_000)
    expect(status(page)).to_contain_text("The pictures are those it was painted from")


def test_the_first_changed_picture_is_there_within_two_seconds(visit):
    page = visit(**DESKTOP)
    choose_example(page)
    page.wait_for_timeout(1500)  # until the page has come to rest
    page.evaluate(WATCH_THE_PICTURE)
    page.click("#paint")
    page.wait_for_function("window.changed !== undefined", timeout=20_000)
    seconds = page.evaluate("window.changed / 1000")
    page.click("#stop")
    assert seconds < 2


WATCH_THE_PICTURE = """() => {
  const picture = () => document.querySelector("#painted img");
  const before = picture()?.src;
  document.querySelector("#paint").addEventListener("click", () => {
    const pressed = performance.now();
    const look = () => {
      const now = picture();
      if (now && now.src !== before && now.complete && now.naturalWidth) {
        window.changed = performance.now() - pressed;
      } else requestAnimationFrame(look);
    };
    look();
  }, { once: true });
}"""  # from the click until another picture is decoded


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_in_the_way_of_anybody(visit, node_modules, scheme):
    """As far as axe-core can tell: at first, with everything unfolded, and with a result."""
    page = visit(**DESKTOP, color_scheme=scheme, reduced_motion="reduce")
    page.wait_for_timeout(1000)
    judge(page, node_modules)
    choose_example(page, 3)
    for box in page.locator("button.label-wrap").all():
        box.click()
    expect(page.locator("#code-python")).to_contain_text("handle_file('cat.jpg')", timeout=15_000)
    page.wait_for_timeout(1000)
    judge(page, node_modules)
    choose(page, Size=64, Steps=3)
    page.click("#paint")
    expect(page.locator("#take-film")).to_be_enabled(timeout=60_000)
    page.get_by_role("tab", name="Before and after").click()
    expect(page.get_by_role("slider", name=COMPARED)).to_be_visible()
    judge(page, node_modules)


def judge(page, node_modules):
    page.add_script_tag(path=node_modules / "axe-core" / "axe.min.js")
    violations = page.evaluate("axe.run().then(result => result.violations)")
    told = [(v["id"], [node["html"][:120] for node in v["nodes"]]) for v in violations]
    assert not told


def test_everything_can_be_done_with_the_keyboard_alone(visit):
    page = visit(**DESKTOP)

    def go_to(name, role="button", back=False):
        """Tab until something of that role and name has the focus, and can be seen to."""
        for _ in range(150):
            page.keyboard.press("Shift+Tab" if back else "Tab")
            focused = page.evaluate(FOCUSED)
            if (focused["role"], focused["name"]) == (role, name):
                assert focused["seen"], f"{name} does not show that it has the focus"
                return
        raise AssertionError(f"the keyboard does not reach {name}")

    go_to("Cat, Poppies")
    page.keyboard.press("Enter")
    expect(page.locator("#painted img")).to_be_visible(timeout=15_000)
    go_to("number input for Size", "input")
    page.keyboard.press("Control+A")
    page.keyboard.type("256")
    go_to("Paint it again", back=True)
    page.keyboard.press("Enter")
    expect(status(page)).to_have_text(re.compile("step"), timeout=15_000)  # there is one to keep
    go_to("Stop")
    page.keyboard.press("Enter")
    expect(page.locator("#take-film")).to_be_enabled(timeout=30_000)
    go_to("The picture", "tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    go_to(COMPARED, "input")
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    at = page.locator(".slider").evaluate("element => element.style.getPropertyValue('--at')")
    assert at == "60%"
    go_to("cat-poppies · size 256")
    page.keyboard.press("Enter")
    expect(status(page)).to_have_text(re.compile("are back"), timeout=15_000)
    go_to("Delete")
    page.keyboard.press("Enter")
    expect(status(page)).to_have_text(re.compile("Deleted, here and on the server."))
    expect(page.locator("#strip button")).to_have_count(0)


FOCUSED = """() => {
  const at = document.activeElement, style = getComputedStyle(at);
  const ring = [at, at.parentElement].some(element => {
    const its = getComputedStyle(element);
    return its.outlineStyle !== "none" || its.boxShadow !== "none";
  });
  return {
    role: at.getAttribute("role") ?? at.tagName.toLowerCase(),
    name: at.getAttribute("aria-label") ?? at.innerText.trim(),
    seen: ring,
  };
}"""


def test_nothing_jumps_while_the_picture_is_painted(visit):
    page = visit(**DESKTOP)
    choose_example(page)
    page.wait_for_timeout(500)
    names = ("#status", "#curves", "#take-png", "#examples", "#presets")
    places = "names => names.map(name => document.querySelector(name).getBoundingClientRect().top)"
    page.evaluate("window.scrollTo(0, 0)")
    before = page.evaluate(places, names)
    choose(page, Size=128)
    page.evaluate("window.scrollTo(0, 0)")
    page.click("#paint")
    moved, deadline = set(), time.monotonic() + 30
    while "Done" not in status(page).inner_text() and time.monotonic() < deadline:
        moved |= {now - was for now, was in zip(page.evaluate(places, names), before, strict=True)}
        page.wait_for_timeout(100)
    expect(page.locator("#take-film")).to_be_enabled(timeout=15_000)
    moved |= {now - was for now, was in zip(page.evaluate(places, names), before, strict=True)}
    assert moved == {0}


def test_own_pictures_are_painted_to_the_end(visit, files):
    page = visit(**DESKTOP)
    for name in ("photo", "painting"):
        page.set_input_files(f"#{name} input[type=file]", str(files / f"{name}.png"))
        expect(page.locator(f"#{name} img")).to_be_visible(timeout=15_000)
    page.get_by_label("number input for Size").fill("64")
    page.get_by_label("number input for Steps").fill("5")
    page.click("#paint")
    expect(status(page)).to_have_text(re.compile("Done: 5 steps"), timeout=30_000)
    expect(page.locator("#take-png")).to_be_enabled()


def test_a_picture_without_a_recipe_is_explained_on_the_page(visit, files):
    page = visit(**DESKTOP)
    page.get_by_text("Repeat a finished picture").click()
    page.set_input_files("#repeated input[type=file]", str(files / "photo.png"))
    expect(status(page)).to_contain_text("photo.png holds no recipe.", timeout=15_000)
    expect(page.get_by_test_id("toast-body")).to_contain_text("photo.png holds no recipe.")


def test_nothing_is_brought_over_a_run_and_the_slider_keeps_its_place(visit):
    page = visit(**DESKTOP)
    choose_example(page)
    page.get_by_role("tab", name="Before and after").click()
    slider = page.get_by_role("slider", name=COMPARED)
    slider.fill("15")
    choose(page, Size=128, Steps=300)
    page.click("#paint")
    expect(status(page)).to_have_text(re.compile("step [1-9]"), timeout=20_000)
    page.locator("#examples button").nth(3).click()
    expect(page.get_by_test_id("toast-body")).to_contain_text("wait for it, or stop it first")
    expect(page.locator("#photo img")).to_have_attribute("src", re.compile("temple"))
    page.click("#stop")
    expect(page.locator("#take-film")).to_be_enabled(timeout=30_000)
    page.wait_for_timeout(500)
    at = page.locator(".slider").evaluate("element => element.style.getPropertyValue('--at')")
    assert at == f"{slider.input_value()}%"


def test_what_is_missing_is_said_on_the_page(visit):
    page = visit(**DESKTOP)
    page.click("#paint")
    expect(page.locator("#photo")).to_contain_text("Please choose a photo.")  # where it is missing
    expect(page.locator("#painting")).to_contain_text("Please choose at least one painting.")
    expect(status(page)).to_contain_text("Please choose a photo.")
    read_out = page.get_by_role("status").filter(has_text="Please choose a photo.")
    expect(read_out).to_have_count(1)
    expect(page.locator("#paint")).to_be_enabled()
    expect(page.locator("#take-png")).to_be_disabled()


def test_a_file_that_is_no_picture_is_explained_on_the_page(visit, files):
    page = visit(**DESKTOP)
    (files / "broken.png").write_bytes(b"this is no picture")
    page.set_input_files("#photo input[type=file]", str(files / "broken.png"))
    page.set_input_files("#painting input[type=file]", str(files / "painting.png"))
    expect(page.locator("#painting img")).to_be_visible(timeout=15_000)
    page.click("#paint")
    expect(status(page)).to_contain_text("broken.png is not a picture that can be read")
    expect(page.locator("#photo")).to_contain_text("broken.png is not a picture that can be read")


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
    expect(page.locator("#take-png")).to_be_enabled()
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
        page.click("#take-png")
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

    tiles = page.locator("#strip button")
    expect(tiles).to_have_count(3, timeout=15_000)
    for place in (2, 0):
        tiles.nth(place).click()
        expect(status(page)).to_contain_text("are back", timeout=15_000)
    page.click("#compare")
    expect(page.locator("#compared")).to_contain_text("Right: photo-painting · size 256, steps 3")

    page.get_by_label("Classic Gatys", exact=True).check()
    expect(page.get_by_label("number input for Steps")).to_have_value("100")
    choose(page, Size=64, Steps=3)
    press_and_wait(page, "#paint")
    expect(status(page)).to_have_text(re.compile("Done: 3 steps"))


def test_after_a_reload_the_pictures_of_the_last_hour_are_still_there(visit):
    page = visit(**DESKTOP)
    choose_example(page)
    page.get_by_role("radio", name="Quick sketch").check()
    page.locator("#paint").click()
    expect(status(page)).to_contain_text("Done", timeout=60_000)
    expect(page.locator("#strip img")).to_have_count(1, timeout=15_000)
    page.reload()
    expect(page.locator("#strip img")).to_have_count(1, timeout=30_000)
    expect(status(page)).to_contain_text("still here")
    page.locator("#strip button.thumbnail-item, #strip .thumbnail-lg").first.click()
    expect(page.locator("#painted img")).to_be_visible(timeout=15_000)


def test_what_was_finished_while_the_page_was_away_is_brought_back(visit):
    page = visit(**DESKTOP)
    choose_example(page)
    page.get_by_role("radio", name="Quick sketch").check()
    page.locator("#paint").click()
    expect(page.locator("#strip img")).to_have_count(1, timeout=60_000)
    page.wait_for_function("localStorage.getItem('styletx-kept')")
    page.evaluate("localStorage.removeItem('styletx-kept')")  # as if it had not been told of this
    page.reload()
    expect(status(page)).to_contain_text("while this page was away", timeout=30_000)
    expect(page.locator("#painted img")).to_be_visible(timeout=15_000)
