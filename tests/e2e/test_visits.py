"""A visit survives: what became of a picture whose tab was away, closed or beside another, and
whose server was restarted, in a real Chromium."""

import re

import pytest
from playwright.sync_api import expect

from tests.helpers.browser import (
    DESKTOP,
    ENDLESS,
    choose,
    choose_example,
    open_page,
    press_and_wait,
    shown,
    status,
)
from tests.helpers.server import Server

pytestmark = pytest.mark.slow


def paint_on_and_on(page, example=0):
    choose_example(page, example)
    choose(page, Size=512, **ENDLESS)
    page.click("#paint")
    see_it_painted(page)


def see_it_painted(page):
    expect(status(page)).to_have_text(re.compile("step [1-9][0-9]* of 2000"))
    expect(page.locator("#photo img")).to_be_visible()
    expect(page.locator("#painted img")).to_be_visible()


def test_a_run_goes_on_while_its_tab_is_away_and_is_found_again_until_others_wait(visit):
    page = visit(**DESKTOP)
    paint_on_and_on(page)
    page.reload()
    see_it_painted(page)
    page.close()
    page = open_page(page.context, page.url)
    see_it_painted(page)
    another = open_page(page.context, page.url)  # which leaves the run to its tab
    expect(another.locator("#paint")).to_be_enabled()
    expect(another.locator("#stop")).to_have_count(0)
    another.close()
    page.click("#stop")
    expect(status(page)).to_have_text(re.compile("Stopped after [0-9]+ of 2000 steps"))
    expect(page.locator("#strip img")).to_have_count(1)
    page.reload()
    expect(status(page)).to_contain_text("Your last picture is here again")


def test_a_closed_tab_frees_the_painter_for_who_waits_and_its_picture_so_far_is_kept(visit):
    page = visit(**DESKTOP)
    paint_on_and_on(page)
    page.close()
    next_visitor = visit(**DESKTOP)
    choose_example(next_visitor)
    choose(next_visitor, Size=64, Steps=1)
    press_and_wait(next_visitor)
    page = open_page(page.context, page.url)
    expect(status(page)).to_have_text(re.compile("Others were waiting: stopped after [0-9]+ of"))
    expect(page.locator("#painted img")).to_have_attribute("src", re.compile(r"\.png$"))


@pytest.fixture
def start(tmp_path):
    """Start a server, again on the port of an earlier one, with the same cache."""
    servers = []

    def start_one(port=0):
        servers.append(Server(tmp_path / "cache", port=port))
        return servers[-1].wait()

    yield start_one
    for server in servers:
        server.close()


@pytest.fixture
def context(browser):
    context = browser.new_context(**DESKTOP)
    yield context
    context.close()


@pytest.mark.release
def test_a_tab_says_that_its_server_was_restarted_and_works_on_with_what_was_painted(
    context, start
):
    server = start()
    idle = open_page(context, server.url)
    choose_example(idle)
    choose(idle, Size=64, Steps=1)
    press_and_wait(idle)
    page = open_page(context, server.url)
    paint_on_and_on(page, 3)
    server.process.kill()
    told = page.get_by_test_id("toast-body")
    expect(told).to_contain_text("Connection to the server was lost. Attempting reconnection")
    server.process.wait()
    start(server.port)
    expect(status(page)).to_contain_text("The server was restarted before your last picture was")
    expect(page.locator("#photo img")).to_have_attribute("src", re.compile("cat"))
    expect(page.locator("#strip img")).to_have_count(1)
    idle.locator("#strip button").first.click()
    expect(status(idle)).to_contain_text("are back")
    press_and_wait(idle)
    expect(idle.locator("#strip img")).to_have_count(2)


@pytest.mark.release
def test_two_tabs_keep_both_pictures_and_each_finds_its_own_again_and_a_third_none_in_its_way(
    visit,
):
    first = visit(**DESKTOP)
    second = open_page(first.context, first.url)
    for page, example in ((first, 0), (second, 3)):
        choose_example(page, example)
        choose(page, Size=64, Steps=2)
        press_and_wait(page)
        expect(page.locator("#strip img")).to_have_count(1)
    for page, name in ((first, "temple"), (second, "cat")):
        kept = shown(page)
        page.reload()
        expect(page.locator("#strip img")).to_have_count(2)
        expect(status(page)).to_contain_text("Your last picture is here again")
        expect(page.locator("#painted img")).to_have_attribute("src", kept)
        expect(page.locator("#photo img")).to_have_attribute("src", re.compile(name))
    third = open_page(first.context, first.url)
    expect(third.locator("#strip img")).to_have_count(2)
    expect(status(third)).to_contain_text("still here")
    expect(third.locator("#painted img")).to_have_count(0)
    third.locator("#strip button").first.click()
    expect(third.locator("#painted img")).to_be_visible()
