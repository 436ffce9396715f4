"""The page in a real Chromium, and what a person does there."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

DESKTOP = {"viewport": {"width": 1280, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}

ENDLESS = {"Steps": 2000}  # a run that is still at work whenever it is looked at
LONGEST = 180_000  # milliseconds until what must come is missing, on however busy a machine
expect.set_options(timeout=LONGEST)

WATCH_THE_PICTURE = """() => {
  const picture = () => document.querySelector("#painted img");
  const before = picture()?.src;
  window.changed = undefined;
  document.querySelector("#paint").addEventListener("click", () => {
    const pressed = performance.now();
    const look = () => {
      const now = picture();
      if (now && now.src !== before && now.complete && now.naturalWidth) {
        window.changed = (performance.now() - pressed) / 1000;
      } else requestAnimationFrame(look);
    };
    look();
  }, { once: true });
}"""  # seconds from the click until another picture is decoded


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser that is installed here; none is fetched."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        try:
            yield browser
        finally:
            browser.close()


def open_page(context: BrowserContext, url: str) -> Page:
    """Open the page, and return it once Paint can be pressed and the page's script listens, which
    can be a third of a second later."""
    context.set_default_timeout(LONGEST)
    page = context.new_page()
    page.goto(url)
    expect(page.locator("#paint")).to_be_enabled()
    expect(page.locator("#said")).to_have_role("status")
    return page


def status(page: Page) -> Locator:
    return page.locator("#status")


def shown(page: Page) -> str | None:
    """The address of the picture on show."""
    return page.locator("#painted img").get_attribute("src")


def choose_example(page: Page, number: int = 0) -> None:
    page.locator("#examples button").nth(number).click()
    for name in ("painted", "photo", "painting"):
        expect(page.locator(f"#{name} img")).to_be_visible()


def give(page: Page, folder: Path, **pictures: str) -> None:
    """Upload pictures of a folder to the fields of these names."""
    for field, name in pictures.items():
        field = field.replace("_", "-")
        page.set_input_files(f"#{field} input[type=file]", str(folder / f"{name}.png"))
        expect(page.locator(f"#{field} img")).to_be_visible()


def choose(page: Page, **numbers: float) -> None:
    for label, number in numbers.items():
        field = page.get_by_label(f"number input for {label}")
        if not field.is_visible():
            unfold(page, "making")
        field.fill(str(number))


def unfold(page: Page, group: str) -> None:
    """Open a group of settings, and see it drawn: what is typed before is lost, but nobody is as
    fast."""
    page.locator(f"#{group} > .label-wrap").click()
    expect(page.locator(f"#{group} input").last).to_be_visible()
    page.evaluate("new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")


def press_and_wait(page: Page, button: str = "#paint") -> None:
    """Until there is another finished picture, which can be taken away."""
    image = page.locator("#painted img")
    before = shown(page) if image.count() else None
    page.click(button)
    if before:
        expect(image).not_to_have_attribute("src", before)
    expect(status(page)).to_have_text(re.compile("Done: "))
    expect(image).to_have_attribute("src", re.compile(r"\.png$"))
    expect(page.locator("#take-film")).to_be_visible()
