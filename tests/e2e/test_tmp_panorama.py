import pytest
from tests.e2e.test_browser import *
from tests.e2e.test_browser import visit
from PIL import Image

pytestmark = pytest.mark.slow
for n in [n for n in dir() if n.startswith("test_")]:
    del globals()[n]


def test_pano(visit, files, tmp_path):
    page = visit(**NARROW, accept_downloads=True)
    red = Image.linear_gradient("L").resize((4200, 120))
    Image.merge("RGB", (red, red.rotate(180), red)).save(files / "photo.png")
    give(page, files, photo="photo", painting="painting")
    choose(page, Size=640, Steps=2)
    unfold_the_brush(page)
    canvas = page.locator("#brush canvas").first
    canvas.scroll_into_view_if_needed()
    print(page.locator("#brush").inner_text())
    page.locator("#brush").screenshot(path="/tmp/h/w21b/brush.png")
    draw_a_line(page, canvas.bounding_box(), (0.2, 0.5), (0.4, 0.5))
    page.locator("#brush").screenshot(path="/tmp/h/w21b/brush2.png")
    fold_the_brush(page)
    press_and_wait(page)
    picture_of(page, "/tmp/h/w21b/pano.png")
