"""How heavy the page is, how soon it answers, what a film costs; and the pictures of it.

python -m tests.benchmarks.page
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect

from styletx import Settings
from styletx.api.job_files import convert_picture
from styletx.imaging.files import save
from tests.helpers.browser import (
    DESKTOP,
    PHONE,
    WATCH_THE_PICTURE,
    choose_example,
    launched,
    open_page,
)
from tests.helpers.paths import ROOT
from tests.helpers.server import Server

TIMES = 5


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, launched() as browser:
        server = Server(Path(folder) / "cache").wait()
        try:
            rows = {**weight(browser, server.url), **answers(browser, server.url)}
            rows |= film(server.cache)
            show(browser, server.url)
        finally:
            server.close()
    sys.stdout.write("| what | figure |\n|---|---|\n")
    sys.stdout.writelines(f"| {what} | {figure} |\n" for what, figure in rows.items())


def weight(browser: Browser, url: str) -> dict[str, str]:
    """Return the bytes of a first visit and its seconds, each time with an empty cache."""
    seconds, sizes, ours, requests = [], [], [], []
    for _ in range(TIMES):
        page = browser.new_context(**DESKTOP).new_page()
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        received: list[float] = []
        files: list[str] = []
        session.on(
            "Network.loadingFinished", lambda e, r=received: r.append(e["encodedDataLength"])
        )
        page.on("response", lambda answer, f=files: f.append(answer.url))
        started = time.monotonic()
        page.goto(url)
        page.wait_for_function("document.querySelector('#paint')?.disabled === false")
        seconds.append(time.monotonic() - started)
        page.wait_for_timeout(3000)  # for the pictures
        sizes.append(sum(received) / 1e6)
        requests.append(len(received))
        ours.append(
            sum(Path(url.split("file=")[1]).stat().st_size for url in files if "file=" in url)
        )
        page.context.close()
    return {
        "fetched by a first visit, pictures included": f"{median(sizes):.1f} MB "
        f"in {median(requests):.0f} requests",
        "of that our pictures": f"{median(ours) / 1e3:.0f} kB",
        "until Paint can be pressed": f"{median(seconds):.1f} s",
    }


def answers(browser: Browser, url: str) -> dict[str, str]:
    """From a click to what it answers: on Paint with the first changed picture on the screen, on
    Stop with the line that says that it has."""
    page = open_page(browser.new_context(**DESKTOP), url)
    first, stopped = [], []
    for _ in range(TIMES):
        choose_example(page)
        page.wait_for_timeout(1500)  # until the page has come to rest
        page.evaluate(WATCH_THE_PICTURE)
        page.click("#paint")
        page.wait_for_function("window.changed")
        first.append(page.evaluate("window.changed"))
        page.evaluate(WATCH_THE_STOP)
        page.click("#stop")
        page.wait_for_function("window.stopped")
        stopped.append(page.evaluate("window.stopped"))
        expect(page.locator("#take-film")).to_be_visible()
    page.context.close()
    return {
        "from the click on Paint to the first changed picture": spread(first),
        "from the click on Stop to its answer": spread(stopped),
    }


WATCH_THE_STOP = """() => {
  window.stopped = undefined;
  document.querySelector("#stop").addEventListener("click", () => {
    const pressed = performance.now();
    const look = () => {
      if (document.querySelector("#status").innerText.startsWith("Stopped")) {
        window.stopped = (performance.now() - pressed) / 1000;
      } else requestAnimationFrame(look);
    };
    look();
  }, { once: true });
}"""


def film(cache: Path) -> dict[str, str]:
    """The making of a film of a whole run, in this process, against what that run took."""
    from styletx import Style, stylize
    from styletx.api.job_files import JobFiles
    from styletx.imaging.files import read_image

    photo = ROOT / "assets/photos/temple.jpg"
    painting = ROOT / "assets/paintings/great_wave.jpg"
    files = JobFiles(cache / "film", "film", photo, {})
    for event in stylize(read_image(photo), [Style(read_image(painting))], Settings()):
        path = files.show(event)
    started = time.monotonic()
    made = convert_picture(Path(str(path)), "film")
    seconds = time.monotonic() - started
    with Image.open(made) as moving:
        frames = moving.n_frames
    started = time.monotonic()
    for kind in ("jpeg", "webp"):
        convert_picture(Path(str(path)), kind)
    others = time.monotonic() - started
    return {
        "making the JPEG and the WebP of a run with default settings": f"{others:.2f} s",
        "making the film of a run with default settings": f"{seconds:.2f} s, "
        f"{seconds / event.seconds:.1%} of the run; {frames} frames, "
        f"{made.stat().st_size / 1e6:.1f} MB",
    }


def show(browser: Browser, url: str) -> None:
    """The pictures of the page in the README: a desktop in daylight, a phone in the dark."""
    for name, screen in {"desktop": DESKTOP, "phone": {**PHONE, "color_scheme": "dark"}}.items():
        page = open_page(browser.new_context(**screen), url)
        paint(page, 1)
        if name == "desktop":
            paint(page, 0)
        page.evaluate("window.scrollTo(0, 0)")
        page.wait_for_timeout(1000)
        shot = Path(tempfile.mkdtemp()) / "page.png"
        page.screenshot(path=shot)
        with Image.open(shot) as picture:
            save(picture.convert("RGB"), ROOT / "assets" / f"page-{name}.jpg", quality=85)
        page.context.close()


def paint(page: Page, example: int) -> None:
    choose_example(page, example)
    page.wait_for_timeout(1000)
    page.click("#paint")
    page.wait_for_timeout(1000)
    expect(page.locator("#take-film")).to_be_visible()


def spread(seconds: list[float]) -> str:
    return f"{median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"


def median(values: list[float]) -> float:
    return statistics.median(values)


if __name__ == "__main__":
    main()
