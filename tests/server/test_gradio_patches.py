"""Gradio remembers little of each page and call, and of those who listen whatever others do."""

import re
from asyncio import Queue as News
from collections import Counter

import gradio as gr
import pytest
from gradio import routes
from gradio.blocks import BlocksConfig
from gradio.queueing import Event
from gradio.server_messages import HeartbeatMessage
from gradio.state_holder import SessionState, StateHolder

from styletx.server import gradio_patches
from styletx.server.gradio_patches import (
    PAGES,
    patch_message_queues,
    patch_session_state,
    patch_share_tags,
)

CALLS = 20  # whose news are kept; there are more of them on a server


@pytest.fixture(scope="module")
def page():
    """Built once, which takes a while."""
    with pytest.MonkeyPatch.context() as patched:
        for name in ("MAX_EVENTS", "CACHE_FREQUENCY"):
            patched.setenv(f"GRADIO_ANALYTICS_{name}", "")  # so that it is put back
        patched.setattr(BlocksConfig, "__copy__", BlocksConfig.__copy__)
        patch_session_state()
        with gr.Blocks() as page:
            told = gr.Textbox("before", label="told")
            gr.Button("go").click(lambda: gr.Textbox("after"), None, told)
        yield page


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


def test_a_link_to_the_page_says_what_it_leads_to_where_it_is_shared(monkeypatch):
    env = routes.templates.env
    monkeypatch.setattr(env, "loader", env.loader)  # so that it is put back
    patch_share_tags('It is "new"', "Look!", "gradio_api/file=/a b.jpg")
    for page in PAGES:
        source, *_ = env.loader.get_source(env, page)
        tags = dict(re.findall(r'<meta (?:property|name)="([^"]+)" content="([^"]*)">', source))
        assert tags["og:title"] == "It is &quot;new&quot;"
        assert tags["og:image"] == "{{ request.base_url }}gradio_api/file=/a%20b.jpg"
        assert source.count("og:") == 4
        assert "githubusercontent" not in source


@pytest.fixture
def known(page, monkeypatch):
    """A page on which nothing has happened, and who listens to it."""
    monkeypatch.setattr(gradio_patches, "MAX_MESSAGE_QUEUES", CALLS)
    StateHolder().set_blocks(page)
    page._queue.pending_event_ids_session.clear()
    page._queue.event_queue_per_concurrency_id.clear()
    listeners = Counter()
    patch_message_queues(page, listeners)
    return page._queue, listeners, page.state_holder.session_data


def join(page, session, call=None):
    """Do what Gradio does where a call comes in."""
    page._queue.pending_messages_per_session[session] = f"news of {session}"
    page._queue.pending_event_ids_session[session] = {call or session}
    page.state_holder[session]


def test_gradio_looks_for_news_where_they_are_kept(page, known):
    queue, _, _ = known
    event = Event(None, page.fns[0], None, None)
    queue.pending_messages_per_session[event.session_hash] = News()
    queue.send_message(event, HeartbeatMessage())
    assert queue.pending_messages_per_session[event.session_hash].qsize() == 1


def test_to_tell_something_to_who_was_forgotten_is_no_error(page, known):
    queue, _, _ = known
    event = Event(None, page.fns[0], None, None)
    queue.create_event_queue_for_fn(page.fns[0])
    lane = queue.event_queue_per_concurrency_id[event.concurrency_id]
    lane.queue.append(event)  # it waits
    queue.broadcast_estimations(event.concurrency_id)
    assert event.session_hash not in queue.pending_messages_per_session


def test_who_listens_is_told_on_however_many_others_call(page, known):
    queue, listeners, _ = known
    listeners["ann"] = 1
    join(page, "ann", "ann's call")
    for number in range(2 * CALLS):
        join(page, str(number))
    news = queue.pending_messages_per_session
    assert news["ann"] == "news of ann"
    assert len(news) == CALLS
    assert str(CALLS) not in news
    assert str(CALLS + 1) in news


def test_of_calls_that_are_forgotten_nothing_stays_and_of_pages_what_is_on_them(page, known):
    queue, _, states = known
    join(page, "page", "its call")
    for number in range(CALLS):
        join(page, str(number))
    calls = {str(number) for number in range(CALLS)}
    assert set(queue.pending_messages_per_session) == calls
    assert set(queue.pending_event_ids_session) == calls
    assert "page" in states
    join(page, "one more")
    assert "0" not in states
    assert "page" in states


def test_where_all_listen_none_is_forgotten_and_as_they_go_all_that_are_too_many(page, known):
    queue, listeners, _ = known
    news = queue.pending_messages_per_session
    for number in range(CALLS + 5):
        listeners[str(number)] = 1
        join(page, str(number))
    assert len(news) == CALLS + 5
    listeners.clear()
    join(page, "another")
    assert len(news) == CALLS
