"""What Gradio remembers of pages and calls: little of each, and nothing less of those who listen
because others ask for much."""

import os
from asyncio import Queue as News
from collections import Counter
from typing import Any

import gradio as gr
from gradio.blocks import BlocksConfig
from gradio.state_holder import StateHolder

PAGES = 5000  # visitors, the latest, of whom it is remembered what is on their page
CALLS = 2000  # and whose news are kept while nobody listens
NOTHING: dict[str, Any] = {}


def remember_little() -> None:
    """Before the page is built: have Gradio describe no page and count no calls.

    By itself it describes every part of the page anew for each page and each call, a quarter of a
    megabyte, for links to a state of the page, which are `closed`; and after each call it computes
    statistics of the last ten thousand, for a page of figures which is `closed` as well. Meanwhile
    all else waits.
    """
    os.environ |= {
        "GRADIO_ANALYTICS_MAX_EVENTS": "1",
        "GRADIO_ANALYTICS_CACHE_FREQUENCY": str(10**12),  # calls until they are computed
    }
    whole = BlocksConfig.__copy__

    def undescribed(config: BlocksConfig) -> BlocksConfig:
        own: BlocksConfig = whole(config)  # type: ignore[no-untyped-call]
        own.config_for_block = lambda *_: NOTHING  # type: ignore[method-assign]
        return own

    BlocksConfig.__copy__ = undescribed  # type: ignore[method-assign]


def keep_news(page: gr.Blocks, listeners: Counter[str]) -> None:
    """Once it is built: have it keep the news of those among the `listeners`, however many others
    there are."""
    page._queue.pending_messages_per_session = NewsOf(page, listeners)  # type: ignore[assignment]


class NewsOf(dict[str, News[Any]]):
    """What sessions are still to be told. Gradio's own forgets the oldest of 2000 also while
    somebody listens, whose run then ends, and keeps the rest of what it knows of them for good."""

    def __init__(self, page: gr.Blocks, listeners: Counter[str]) -> None:
        self.page, self.listeners = page, listeners

    def __setitem__(self, session: str, news: News[Any]) -> None:
        if len(self) >= CALLS:
            self.forget_one()
        super().__setitem__(session, news)

    def __delitem__(self, session: str) -> None:
        super().__delitem__(session)
        self.page._queue.pending_event_ids_session.pop(session, None)

    def forget_one(self) -> None:
        """The oldest to which nobody listens, if there is one."""
        session = next((one for one in self if one not in self.listeners), None)
        if session is None:
            return
        if session in self.page._queue.pending_event_ids_session.get(session, ()):  # a program's
            forget_state(self.page.state_holder, session)
        del self[session]


def forget_state(holder: StateHolder, session: str) -> None:
    """What is on the page of a session. A call of a program is one of its own, called as the call,
    and needs none once it was told its end."""
    with holder.lock:
        holder.session_data.pop(session, None)
        holder.time_last_used.pop(session, None)
