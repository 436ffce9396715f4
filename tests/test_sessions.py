"""Gradio remembers little of each page and call, and of those who listen whatever others do."""

import threading
from collections import Counter
from types import SimpleNamespace

import gradio as gr
import pytest
from gradio.blocks import BlocksConfig
from gradio.state_holder import SessionState

from styletx.sessions import CALLS, NewsOf, remember_little


@pytest.fixture
def remembered(monkeypatch):
    for name in ("MAX_EVENTS", "CACHE_FREQUENCY"):
        monkeypatch.setenv(f"GRADIO_ANALYTICS_{name}", "")  # so that it is put back
    monkeypatch.setattr(BlocksConfig, "__copy__", BlocksConfig.__copy__)
    remember_little()


@pytest.fixture
def page(remembered):
    with gr.Blocks() as page:
        told = gr.Textbox("before", label="told")
        gr.Button("go").click(lambda: gr.Textbox("after"), None, told)
    return page


def test_a_session_has_its_parts_and_changes_them_without_a_description_of_any(page):
    session = SessionState(page)
    (told,) = (key for key, part in page.blocks.items() if isinstance(part, gr.Textbox))
    assert session[told] is page.blocks[told]
    session[told] = changed = gr.Textbox("after", render=False)
    session._update_config(told)
    session._update_value_in_config(told, "after")
    assert session[told] is changed
    assert list(session.components) == []
    assert SessionState(page)[told] is page.blocks[told]


def test_the_page_itself_is_described_as_ever(page):
    described = page.get_config_file()["components"]
    assert {one["type"] for one in described} >= {"textbox", "button"}
    assert any(one["props"].get("value") == "before" for one in described)


def test_no_statistics_are_computed_of_calls(page):
    queue = page._queue
    queue.events_recorded = 10**6
    records = [{"function": "stylize", "status": "success", "process_time": 1.0}]
    assert queue.compute_analytics_summary(records) == {"functions": {}}
    assert queue.ANALYTICS_MAX_EVENTS == 1


@pytest.fixture
def known():
    """A page on which nothing has happened, and who listens to it."""
    holder = SimpleNamespace(lock=threading.Lock(), session_data={}, time_last_used={})
    queue = SimpleNamespace(pending_event_ids_session={})
    return SimpleNamespace(_queue=queue, state_holder=holder), Counter()


def join(page, news, session, call=None):
    """What Gradio does where a call comes in."""
    news[session] = f"news of {session}"
    page._queue.pending_event_ids_session[session] = {call or session}
    page.state_holder.session_data[session] = page.state_holder.time_last_used[session] = 0


def test_who_listens_is_told_on_however_many_others_call(known):
    page, listeners = known
    news = NewsOf(page, listeners)
    listeners["ann"] = 1
    join(page, news, "ann", "ann's call")
    for number in range(2 * CALLS):
        join(page, news, str(number))
    assert news["ann"] == "news of ann"
    assert len(news) == CALLS
    assert str(CALLS) not in news
    assert str(CALLS + 1) in news


def test_of_calls_that_are_forgotten_nothing_stays_and_of_pages_what_is_on_them(known):
    page, listeners = known
    news = NewsOf(page, listeners)
    join(page, news, "page", "its call")
    for number in range(2 * CALLS):
        join(page, news, str(number))
    assert "page" not in news
    assert "page" in page.state_holder.session_data
    calls = {str(number) for number in range(CALLS, 2 * CALLS)}
    assert set(news) == set(page._queue.pending_event_ids_session) == calls
    assert set(page.state_holder.session_data) == calls | {"page"}
    assert set(page.state_holder.time_last_used) == calls | {"page"}


def test_where_all_listen_none_is_forgotten(known):
    page, listeners = known
    news = NewsOf(page, listeners)
    for number in range(CALLS + 2):
        listeners[str(number)] = 1
        join(page, news, str(number))
    assert len(news) == CALLS + 2
