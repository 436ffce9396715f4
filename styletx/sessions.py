"""What Gradio remembers of pages and calls: little of each, and nothing less of those who listen
because others ask for much."""

import os
from asyncio import Queue as News
from collections import Counter, OrderedDict
from typing import Any

import gradio as gr
from gradio.blocks import BlocksConfig
from gradio.state_holder import StateHolder

PAGES = 1000  # visitors, the latest, of whom is kept what is on their page: up to 150 kB of each
CALLS = 2000  # sessions, the latest, whose news are kept while nobody listens
NOTHING: dict[str, Any] = {}


def remember_little() -> None:
    """Before the page is built: have Gradio describe no session and count no calls.

    By itself it describes every part of the page anew for each visitor and each call, a quarter of
    a megabyte, for links to a state of the page, which are `closed`; and after each call it
    computes statistics of the last ten thousand, for a page of figures which is not served.
    Meanwhile all else waits. (A page with parts that `gr.render` makes would need the former.)
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


class NewsOf(OrderedDict[str, News[Any]]):
    """What sessions are still to be told. Gradio's own forgets the oldest of 2000 also while
    somebody listens, whose run then ends, and keeps the rest of what it knows of them for good."""

    def __init__(self, page: gr.Blocks, listeners: Counter[str]) -> None:
        super().__init__()
        self.page, self.listeners = page, listeners

    def __missing__(self, session: str) -> News[Any]:
        """What is told to who was forgotten goes nowhere: an error would end Gradio's queue, for
        everybody and for good."""
        return News()

    def __setitem__(self, session: str, news: News[Any]) -> None:
        self.make_room()
        super().__setitem__(session, news)

    def __delitem__(self, session: str) -> None:
        super().__delitem__(session)
        self.page._queue.pending_event_ids_session.pop(session, None)

    def make_room(self) -> None:
        """Forget the oldest to which nobody listens, as far as there are too many."""
        for session in list(self) if len(self) >= CALLS else ():
            if session in self.listeners:
                self.move_to_end(session)
                continue
            if session in self.page._queue.pending_event_ids_session.get(session, ()):
                forget_state(self.page.state_holder, session)  # of a program
            del self[session]
            if len(self) < CALLS:
                return


def forget_state(holder: StateHolder, session: str) -> None:
    """What is on the page of a session. A call of a program is one of its own, called as the call,
    and needs none once it was told its end."""
    with holder.lock:
        holder.session_data.pop(session, None)
        holder.time_last_used.pop(session, None)
