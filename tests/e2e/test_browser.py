"""The page as a person meets it, in a real Chromium."""

import re
from functools import partial

import pillow_heif
import pytest
from PIL import Image, ImageChops, ImageOps, ImageStat
from playwright.sync_api import expect

from styletx.api.job_files import EXPORT_FORMATS
from styletx.ui.results import PHOTO_PERCENT
from styletx.ui.strings import COMPARED, MASKS
from tests.helpers.browser import (
    DESKTOP,
    ENDLESS,
    PHONE,
    WATCH_THE_PICTURE,
    choose,
    choose_example,
    give,
    press_and_wait,
    shown,
    status,
    unfold,
)

pytestmark = pytest.mark.slow

# A brush draws with WebGL: without a graphics card a move takes as long as the canvas is wide.
NARROW = {"viewport": {"width": 340, "height": 700}}


def turn(page, scheme):
    """Ask for it light or dark, and see that it is."""
    page.emulate_media(color_scheme=scheme)
    page.wait_for_function(
        """scheme => {
          const background = getComputedStyle(document.body).backgroundColor.match(/\\d+/g);
          const brightness = background.slice(0, 3).reduce((sum, one) => sum + Number(one), 0);
          return (brightness < 200) === (scheme === "dark");
        }""",
        arg=scheme,
    )


LIGHT, DARK = {"color_scheme": "light"}, {"color_scheme": "dark"}


@pytest.mark.parametrize(
    "screen",
    [
        pytest.param(DESKTOP | LIGHT, id="desktop"),
        pytest.param(DESKTOP | DARK, id="desktop-dark", marks=[pytest.mark.release]),
        pytest.param(PHONE | LIGHT, id="phone", marks=[pytest.mark.release]),
        pytest.param(PHONE | DARK, id="phone-dark"),
    ],
)
def test_a_newcomer_finds_the_way_without_reading_anything(visit, screen, tmp_path):
    page = visit(**screen, accept_downloads=True)
    see_nothing_run_over_the_edge(page, screen)
    have_an_example_at_once(page)
    watch_it_being_painted(page)
    stop_and_keep_it(page, tmp_path)
    let_it_fill_the_screen(page, screen)
    find_it_in_the_strip(page)
    repeat_it_from_its_recipe(page, tmp_path)
    see_nothing_run_over_the_edge(page, screen)


def see_nothing_run_over_the_edge(page, screen):
    expect(page.get_by_role("heading", name="styletx")).to_be_visible()
    for scheme in sorted(("light", "dark"), key=screen["color_scheme"].__eq__):  # its own last
        turn(page, scheme)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= screen["viewport"]["width"]
        box = page.locator("main").bounding_box()
        assert abs(2 * box["x"] + box["width"] - width) <= 1  # as much room left as right


def have_an_example_at_once(page):
    page.locator("#examples button").first.click()
    expect(page.locator("#painted img")).to_have_attribute("src", re.compile("temple-great_wave"))
    expect(page.locator("#paint")).to_have_text("Paint it again")
    expect(status(page)).to_contain_text("painted earlier")


def watch_it_being_painted(page):
    choose(page, **ENDLESS)
    page.evaluate(WATCH_THE_PICTURE)
    page.click("#paint")
    page.wait_for_function("window.changed")
    expect(status(page)).to_have_text(  # the first picture comes long before the last
        re.compile(r"Size \d of 3 · step \d+ of 2000 · \d+ s · about \d+ s left")
    )
    page.wait_for_function(
        """() => {
          window.seen ??= new Set();
          return window.seen.add(document.querySelector("#painted img").src).size >= 3;
        }"""
    )
    page.get_by_role("button", name="Curves").click()
    expect(page.get_by_role("img", name=re.compile("Distance from the painting"))).to_be_visible()


def stop_and_keep_it(page, folder):
    page.click("#stop")
    expect(status(page)).to_have_text(re.compile(r"Stopped after \d+ of 2000 steps"))
    expect(page.locator("#painted img")).to_have_attribute("src", re.compile(r"\.png"))
    for kind, ending in EXPORT_FORMATS.items():
        expect(page.locator(f"#take-{kind}")).to_be_visible()
        with page.expect_download() as download:
            page.click(f"#take-{kind}")
        assert download.value.suggested_filename == f"temple-great_wave{ending}"
        download.value.save_as(folder / f"kept{ending}")
    with Image.open(folder / "kept.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (512, 342))
    with Image.open(folder / "kept-film.webp") as film:
        assert film.n_frames >= 4


def let_it_fill_the_screen(page, screen):
    page.locator("#painted").get_by_role("button", name="Fullscreen").click()
    see_nothing_run_over_the_edge(page, screen)
    box = page.locator("#painted").bounding_box()
    assert {name: box[name] for name in ("width", "height")} == screen["viewport"]
    corners = [(2, 2), (2, box["height"] - 2), (box["width"] / 2, box["height"] / 2)]
    for corner in corners:  # is anything over it?
        assert page.evaluate("at => !!document.elementFromPoint(...at).closest('#painted')", corner)
    page.keyboard.press("Escape")


def find_it_in_the_strip(page):
    choose(page, Size=256)
    page.locator("#surprise").click()
    expect(status(page)).to_have_text(re.compile("press Paint"))
    page.locator("#strip button").first.click()
    expect(status(page)).to_have_text("Its pictures and settings are back.")
    expect(page.get_by_label("number input for Size")).to_have_value("512")
    expect(page.locator("#painted img")).to_have_attribute("src", re.compile(r"\.png"))


def repeat_it_from_its_recipe(page, folder):
    choose(page, Steps=7)
    page.get_by_text("Repeat a finished picture").click()
    page.set_input_files("#repeated input[type=file]", str(folder / "kept.jpg"))
    expect(page.get_by_label("number input for Steps")).to_have_value("2000")
    expect(status(page)).to_contain_text("The pictures are those it was painted from")


def test_nothing_is_in_the_way_of_anybody_in_the_light_or_in_the_dark(visit, node_modules):
    """axe-core finds nothing at first, with everything unfolded, and with a result."""
    page = visit(**DESKTOP, reduced_motion="reduce")
    page.add_script_tag(path=node_modules / "axe-core" / "axe.min.js")
    judge(page)
    choose_example(page, 3)
    for box in page.locator("button.label-wrap").filter(has_not_text=MASKS).all():
        box.click()
    expect(page.locator("#code-python")).to_contain_text("handle_file('cat.jpg')")
    judge(page)
    page.set_viewport_size(NARROW["viewport"])
    unfold_the_brush(page)
    judge(page, "#masks")
    fold_the_brush(page)
    page.set_viewport_size(DESKTOP["viewport"])
    choose(page, Size=64, Steps=3)
    press_and_wait(page)
    expect(page.get_by_role("slider", name=COMPARED)).to_be_visible()
    judge(page)


def judge(page, part="html"):
    for unfinished in ("p.loading", "div.empty[aria-label]:not([role])"):  # until page.js is there
        expect(page.locator(unfinished)).to_have_count(0)
    for scheme in ("light", "dark"):
        turn(page, scheme)
        violations = page.evaluate("part => axe.run(part).then(told => told.violations)", part)
        told = [(v["id"], [node["html"][:120] for node in v["nodes"]]) for v in violations]
        assert not told, scheme


def tab_to(page, name, role="button", back=False):
    """Tab until something of that role and name has the focus, and can be seen to."""
    for _ in range(150):
        page.keyboard.press("Shift+Tab" if back else "Tab")
        focused = page.evaluate(FOCUSED)
        if (focused["role"], focused["name"]) == (role, name):
            assert focused["seen"], f"{name} does not show that it has the focus"
            return
    raise AssertionError(f"the keyboard does not reach {name}")


def test_everything_can_be_done_with_the_keyboard_alone(visit):
    page = visit(**DESKTOP)
    go_to = partial(tab_to, page)
    go_to("Cat, Poppies")
    page.keyboard.press("Enter")
    expect(page.locator("#painted img")).to_be_visible()
    type_number(page, "Size", 128)
    go_to("Paint it again")
    go_to("How it is made")
    page.keyboard.press("Enter")
    type_number(page, **ENDLESS)
    go_to("Paint it again", back=True)
    page.keyboard.press("Enter")
    expect(status(page)).to_have_text(re.compile("step"))  # there is one to keep
    expect(page.locator("#stop")).to_be_focused()  # which is where Paint was
    page.keyboard.press("Enter")
    expect(page.locator("#paint")).to_be_focused()
    expect(page.locator("#take-film")).to_be_visible()
    go_to(COMPARED, "input")
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    at = page.locator(".slider").evaluate("element => element.style.getPropertyValue('--at')")
    assert at == f"{PHOTO_PERCENT + 10}%"
    go_to("128 px, Steps 2000 · cat-poppies")
    page.keyboard.press("Enter")
    expect(status(page)).to_have_text(re.compile("are back"))
    go_to("Delete", back=True)
    page.once("dialog", lambda asked: asked.accept())
    page.keyboard.press("Enter")
    expect(status(page)).to_have_text(re.compile("Deleted, here and on the server."))
    expect(page.locator("#strip button")).to_have_count(0)


def type_number(page, label="Steps", number=0, Steps=0):
    tab_to(page, f"number input for {label}", "input", back=label != "Steps")
    page.keyboard.press("Control+A")
    page.keyboard.type(str(Steps or number))


FOCUSED = """() => {
  const at = document.activeElement, style = getComputedStyle(at);
  const ring = [at, at.parentElement].some(element => {
    const its = getComputedStyle(element);
    return its.outlineStyle !== "none" || its.boxShadow !== "none";
  });
  return {
    role: at.getAttribute("role") ?? at.tagName.toLowerCase(),
    name: at.getAttribute("aria-label") ?? at.innerText.trim().split("\\n")[0],
    seen: ring,
  };
}"""


def test_own_pictures_are_painted_to_the_end_and_stay_when_a_run_cannot_begin(visit, files, sunset):
    page = visit(**DESKTOP)
    paint_without_a_jump(page, files)
    begin_a_run_that_cannot_be(page, files, sunset.resize((2000, 200)))


def paint_without_a_jump(page, files):
    """The fields and the bar do not move, and from the second picture on nothing does."""
    given = ["#photo", "#presets", "#bar", "#looks"]
    give(page, files, photo="photo", painting="painting")
    choose(page, Size=64, Steps=5)
    for places in (given, [*given, "#view", "#take", "#curves", "#yours"]):
        page.evaluate("window.scrollTo({ top: 0, behavior: 'instant' })")
        page.evaluate(WATCH_THE_PLACES, places)
        press_and_wait(page)
        expect(status(page)).to_have_text(re.compile("Done: 5 steps"))
        assert page.evaluate("[...window.moved]") == [0], places


WATCH_THE_PLACES = """names => {
  const places = () => names.map(name => document.querySelector(name).getBoundingClientRect().top);
  const before = places(), moved = window.moved = new Set();
  const look = () => {
    places().forEach((now, at) => moved.add(now - before[at]));
    requestAnimationFrame(look);
  };
  look();
}"""  # in every frame that is drawn


def begin_a_run_that_cannot_be(page, files, panorama):
    kept = shown(page)
    panorama.save(files / "panorama.png")
    page.get_by_label("Remove Image").first.click()
    give(page, files, photo="panorama")
    page.click("#paint")
    expect(status(page)).to_contain_text("Choose a size of at least 160.")
    assert shown(page) == kept
    expect(page.locator("#take-png")).to_be_visible()
    expect(page.locator("#paint")).to_be_enabled()


def test_nothing_is_brought_over_a_run_and_the_slider_keeps_its_place(visit):
    page = visit(**DESKTOP)
    choose_example(page)
    slider = page.get_by_role("slider", name=COMPARED)
    slider.fill("15")
    choose(page, Size=512, **ENDLESS)
    page.click("#paint")
    expect(status(page)).to_have_text(re.compile("step [1-9]"))
    page.locator("#examples button").nth(3).click()
    expect(page.get_by_test_id("toast-body")).to_contain_text("wait for it, or stop it first")
    expect(page.locator("#photo img")).to_have_attribute("src", re.compile("temple"))
    page.click("#stop")
    compared = page.locator(".slider img").first
    expect(compared).to_have_attribute("src", re.compile(r"\.png$"))  # the new one, no example
    at = page.locator(".slider").evaluate("element => element.style.getPropertyValue('--at')")
    assert at == f"{slider.input_value()}%"


PHONE_SCREENS = 1.5 * PHONE["viewport"]["height"]


@pytest.mark.parametrize(
    ("screen", "high"),
    [
        pytest.param({"viewport": {"width": 1280, "height": 800}}, 800, id="desktop"),
        pytest.param(PHONE, PHONE_SCREENS, id="phone"),
    ],
)
def test_a_first_visit_shows_all_that_is_needed_at_a_glance_and_nothing_before_its_time(
    visit, screen, high
):
    page = visit(**screen)
    for part in ("photo", "painting", "presets", "set-size", "set-style_weight", "paint"):
        assert bottom(page, part) <= high, part
    expect(page.locator("#examples img")).to_have_count(6)
    assert bottom(page, "examples") <= high
    for part in ("stage", "stop", "yours", "delete"):
        expect(page.locator(f"#{part}")).to_have_count(0)
    for part in ("masks", "reset", "afresh"):
        expect(page.locator(f"#{part}")).to_be_hidden()
    page.get_by_text("The same from code").click(timeout=10_000)  # which lies under nothing


def bottom(page, part):
    box = page.locator(f"#{part}").bounding_box()
    return box["y"] + box["height"]


def test_pictures_come_from_anywhere_and_change_their_places(visit, files):
    page = visit(**DESKTOP)
    photo, painting = ([list((files / f"{n}.png").read_bytes()), n] for n in ("photo", "painting"))
    page.evaluate(DROP, ["#heading", *photo])  # anywhere: the photo first
    expect(page.locator("#photo img")).to_have_attribute("src", re.compile("photo"))
    page.evaluate(PASTE, painting)  # then the painting
    expect(page.locator("#painting img")).to_have_attribute("src", re.compile("painting"))
    page.click("#swap")
    expect(page.locator("#photo img")).to_have_attribute("src", re.compile("painting"))
    page.locator("#examples img").nth(3).drag_to(page.locator("#heading"))
    expect(page.locator("#painting img")).to_have_attribute("src", re.compile("poppies"))
    expect(page.locator("#photo img")).to_have_attribute("src", re.compile("painting"))
    choose(page, Size=64, Steps=2)
    press_and_wait(page)
    kept = shown(page)
    for field in ("content", "style"):
        page.click(f"#as-{field}")
    for field in ("photo", "painting"):
        expect(page.locator(f"#{field} img")).to_have_attribute("src", kept)
    expect(page.locator("#more")).to_have_count(0)  # it was of another photo


PASTE = """([bytes, name]) => {
  const clipboardData = new DataTransfer();
  clipboardData.items.add(new File([new Uint8Array(bytes)], `${name}.png`, { type: "image/png" }));
  document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
}"""


def test_what_differs_from_the_preset_is_marked_and_goes_back_with_one_click(visit):
    page = visit(**DESKTOP)
    marked = partial(page.evaluate, MARKED)
    assert marked() == []
    choose(page, Steps=1500)  # beyond the slider
    page.get_by_label("number input for Size").fill("300")
    page.wait_for_function(f"({MARKED})().length === 3")
    assert marked() == ["How it is made", "Size", "Steps"]
    page.click("#reset")
    expect(page.get_by_label("number input for Steps")).to_have_value("48")
    expect(page.locator("#reset")).to_be_hidden()
    assert marked() == []
    page.get_by_label("number input for Size").fill("300")
    page.get_by_label("Oil", exact=True).check(force=True)
    unfold(page, "looks")
    expect(page.get_by_label("number input for Stroke size")).to_have_value("2")
    expect(page.get_by_label("number input for Size")).to_have_value("300")  # which somebody chose


MARKED = """() => [...document.querySelectorAll("#panel span")]
  .filter(span => getComputedStyle(span, "::after").content.includes("•"))
  .map(span => span.innerText.trim().split("\\n")[0]).sort()"""


DROP = """([target, bytes, name]) => {
  const dropped = new DataTransfer();
  dropped.items.add(new File([new Uint8Array(bytes)], name));
  const options = { dataTransfer: dropped, bubbles: true, cancelable: true };
  document.querySelector(target).dispatchEvent(new DragEvent("drop", options));
}"""


def test_pictures_that_no_browser_shows_are_shown(visit, files, sunset):
    page = visit(**DESKTOP)
    pillow_heif.register_heif_opener()
    sunset.save(files / "scan.tif")
    sunset.save(files / "IMG_1.HEIC", "HEIF")
    page.set_input_files("#photo input[type=file]", str(files / "scan.tif"))
    page.wait_for_function("document.querySelector('#photo img')?.naturalWidth > 0")
    expect(status(page)).to_have_text("Received: photo.")
    page.set_input_files("#painting input[type=file]", str(files / "IMG_1.HEIC"))
    page.wait_for_function("document.querySelector('#painting img')?.naturalWidth > 0")
    page.get_by_text("More paintings").click()
    page.evaluate(
        DROP,
        ["#painting-2 button", list((files / "IMG_1.HEIC").read_bytes()), "IMG_2.heic"],
    )
    page.wait_for_function("document.querySelector('#painting-2 img')?.naturalWidth > 0")


def test_a_frame_around_a_painting_is_shown_and_counts_again_with_one_click(visit, files, weave):
    ImageOps.expand(weave.resize((200, 200)), 60, "white").save(files / "framed.png")
    page = visit(**PHONE)
    give(page, files, painting="framed")
    expect(page.locator("#outlines svg")).to_be_visible()
    expect(page.locator("#outlines")).to_contain_text("What is dark is left out of painting 1")
    page.locator("#count-frames").click()
    expect(page.locator("#outlines svg")).to_have_count(0)
    expect(page.locator("#count-frames")).to_be_hidden()
    unfold(page, "looks")
    expect(page.get_by_label("is part of it")).to_be_checked()


WATCH_FOR_THE_DAMAGE = """() => {
  const look = () => {
    window.said = document.querySelector("#photo").innerText.includes("broken.png is damaged");
    if (!window.said) requestAnimationFrame(look);
  };
  look();
}"""  # since any call of the page that ends later has Gradio take back what a field says


def test_what_is_missing_or_cannot_be_used_is_explained_on_the_page(visit, files):
    page = visit(**DESKTOP)
    press_paint_without_pictures(page)
    give_a_file_that_is_no_picture(page, files)
    repeat_a_picture_without_a_recipe(page, files)


def press_paint_without_pictures(page):
    page.click("#paint")
    expect(page.locator("#photo")).to_contain_text("Please choose a photo.")  # where it is missing
    expect(page.locator("#painting")).to_contain_text("Please choose at least one painting.")
    expect(status(page)).to_contain_text("Please choose a photo.")
    read_out = page.get_by_role("status").filter(has_text="Please choose a photo.")
    expect(read_out).to_have_count(1)
    expect(page.locator("#paint")).to_be_enabled()
    expect(page.locator("#stage")).to_have_count(0)


def give_a_file_that_is_no_picture(page, files):
    """Its first bytes say so before it is sent; of a damaged one the server does."""
    (files / "page.png").write_bytes(b"this is no picture")
    sent = []
    page.on("request", lambda request: sent.append(request.url))
    page.set_input_files("#photo input[type=file]", str(files / "page.png"))
    expect(status(page)).to_contain_text("page.png is not a picture that can be read")
    expect(page.get_by_test_id("toast-body")).to_contain_text("page.png is not a picture")
    assert not [url for url in sent if "upload" in url]
    whole = (files / "photo.png").read_bytes()
    (files / "broken.png").write_bytes(whole[: len(whole) // 2])
    page.set_input_files("#photo input[type=file]", str(files / "broken.png"))
    expect(status(page)).to_contain_text("broken.png is damaged")
    give(page, files, painting="painting")
    expect(status(page)).to_contain_text("Received: painting.")
    page.evaluate(WATCH_FOR_THE_DAMAGE)
    page.click("#paint")
    expect(status(page)).to_contain_text("broken.png is damaged")
    page.wait_for_function("window.said")


def repeat_a_picture_without_a_recipe(page, files):
    page.get_by_text("Repeat a finished picture").click()
    page.set_input_files("#repeated input[type=file]", str(files / "photo.png"))
    expect(status(page)).to_contain_text("photo.png holds no recipe.")
    toast = page.get_by_test_id("toast-body").filter(has_text="photo.png holds no recipe.")
    expect(toast).to_be_visible()


def test_what_is_brushed_over_stays_the_photo(visit, files, sunset, tmp_path):
    page = visit(**NARROW, accept_downloads=True)
    sunset.resize((192, 128)).save(files / "photo.png")
    give(page, files, photo="photo", painting="painting")
    choose(page, Size=128, Steps=4)
    unfold_the_brush(page)
    expect(page.locator("#brush")).to_contain_text("98%")  # at which the photo fits on the canvas
    canvas = page.locator("#brush canvas").first
    canvas.scroll_into_view_if_needed()
    draw_a_line(page, canvas.bounding_box(), (0.3, 0.4), (0.3, 0.6))  # over the photo's left part
    fold_the_brush(page)
    press_and_wait(page)
    painted = picture_of(page, tmp_path / "kept.png")
    assert difference(painted, sunset, LEFT) < 3
    assert difference(painted, sunset, RIGHT) > 15


def draw_a_line(page, box, begin, end):
    """With the brush, between two places of a box on the screen."""
    (left, top), (x, y) = begin, end
    page.mouse.move(box["x"] + left * box["width"], box["y"] + top * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.mouse.up()


def unfold_the_brush(page):
    page.get_by_text(MASKS).click()
    expect(page.locator("#brush canvas").first).to_be_visible()
    expect(page.locator("#brush")).not_to_contain_text("processing")


def fold_the_brush(page):
    """So that it is not drawn any more."""
    page.get_by_text(MASKS).click()
    expect(page.locator("#brush canvas").first).to_be_hidden()


def picture_of(page, path):
    with page.expect_download() as download:
        page.click("#take-png")
    download.value.save_as(path)
    return Image.open(path).convert("RGB")


def difference(one, other, box):
    pair = (picture.resize((96, 64)).crop(box) for picture in (one, other))
    return sum(ImageStat.Stat(ImageChops.difference(*pair)).mean) / 3


LEFT, RIGHT = (8, 8, 32, 56), (60, 8, 90, 56)


def test_several_paintings_a_preset_and_going_on(visit, files, tmp_path):
    page = visit(**DESKTOP, accept_downloads=True)
    first = mix_two_paintings(page, files, tmp_path)
    double_it(page, first, tmp_path)
    go_on_with_a_preset(page)
    compare_the_last_with_the_first(page)
    start_over(page)


def mix_two_paintings(page, files, folder):
    green = Image.new("RGB", (64, 64), (10, 220, 40))
    green.paste((20, 210, 50), (0, 0, 64, 32))
    green.save(files / "green.png")
    page.get_by_text("More paintings").click()
    give(page, files, photo="photo", painting="painting", painting_2="green")
    page.get_by_label("number input for Share of painting 1").fill("0.1")
    choose(page, Size=128, Steps=4)
    press_and_wait(page)
    first = picture_of(page, folder / "first.png")
    red, green, blue = ImageStat.Stat(first).mean
    assert green > max(red, blue)
    assert first.size == (128, 85)
    return first


def double_it(page, first, folder):
    press_and_wait(page, "#twice")
    expect(page.get_by_label("number input for Size")).to_have_value("256")
    larger = picture_of(page, folder / "larger.png")
    assert larger.size == (256, 171)
    assert difference(larger, first, LEFT) < 25
    expect(status(page)).to_have_text(re.compile("Done: 2 steps"))  # of four at two sizes


def go_on_with_a_preset(page):
    page.get_by_label("Classic Gatys", exact=True).check(force=True)
    expect(page.get_by_label("number input for Steps")).to_have_value("100")
    choose(page, Size=64, Steps=3)
    press_and_wait(page, "#more")
    expect(status(page)).to_have_text(re.compile("Done: 3 steps"))


def compare_the_last_with_the_first(page):
    tiles = page.locator("#strip button")
    expect(tiles).to_have_count(3)
    for place in (2, 0):
        before = shown(page)
        tiles.nth(place).click()
        expect(page.locator("#painted img")).not_to_have_attribute("src", before)
        expect(page.locator("#painted img")).to_be_visible()
    page.once("dialog", lambda asked: asked.dismiss())
    page.click("#delete")
    slider = page.get_by_role("slider", name=COMPARED)
    slider.fill("15")
    page.click("#compare")
    expect(slider).to_have_value("50")
    expect(page.locator("#compared")).to_contain_text(
        "Right: 64 px, Classic Gatys, Steps 3 · photo-painting"
    )
    caption, pictures = (page.locator(f".slider {part}").bounding_box() for part in ("p", "input"))
    assert caption["height"] < pictures["height"] / 3
    page.click("#compare")
    expect(page.locator("#compared")).not_to_contain_text("Right")


def start_over(page):
    page.click("#afresh")
    expect(page.locator("#strip img")).to_have_count(3)  # once the page is there again
    for part in ("stage", "photo img", "painting-2 img"):
        expect(page.locator(f"#{part}")).to_have_count(0)


def test_a_page_may_be_framed_by_the_hub_and_by_nobody_else(browser, server, tmp_path):
    """A browser here can only try the latter: a page of another host is not shown this one."""
    (tmp_path / "frame.html").write_text(f'<iframe src="{server.url}"></iframe>')
    page = browser.new_page()
    with page.expect_console_message(lambda told: "frame-ancestors" in told.text, timeout=60_000):
        page.goto((tmp_path / "frame.html").as_uri())
    assert not any(frame.query_selector("#paint") for frame in page.frames)
    page.close()
