"""Ray actor: one worker of the cluster, which paints one run at a time."""

import pickle
import traceback
from collections.abc import Iterator
from contextlib import closing
from queue import SimpleQueue
from threading import Lock, Thread

from styletx.core.engine import stylize
from styletx.core.terms import StyleStatisticsCache
from styletx.errors import StyletxError

# Kinds of messages: an event, an error of either kind, a lost worker, no cluster, the end
EVENT, ERROR, BUG, LOST, GONE, END = "event", "error", "bug", "lost", "gone", "end"


class Worker:
    """Holds the network and paints."""

    def __init__(self) -> None:
        self.busy, self.style_cache = Lock(), StyleStatisticsCache()
        self.over: set[int] = set()  # runs that nobody wants any more

    def paint(self, run: int, given: bytes) -> Iterator[bytes]:
        """Yield the pickled events of a run; its error, if any, as the last one. A thread paints
        meanwhile, since sending an event takes a while."""
        messages: SimpleQueue[bytes | None] = SimpleQueue()
        with self.busy:
            painting = Thread(target=self.work, args=(run, given, messages))
            painting.start()
            while (event := messages.get()) is not None:
                yield event
            painting.join()
        self.over.discard(run)

    def work(self, run: int, given: bytes, messages: "SimpleQueue[bytes | None]") -> None:
        """Paint, and put every message into the queue; None at the end."""
        try:
            with closing(stylize(**pickle.loads(given), style_cache=self.style_cache)) as events:
                for event in events:
                    if run in self.over:
                        break
                    messages.put(pickle.dumps((EVENT, event)))
        except StyletxError as error:
            messages.put(pickle.dumps((ERROR, error)))
        except Exception:  # noqa: BLE001  which is told where there is a log
            messages.put(pickle.dumps((BUG, traceback.format_exc())))
        finally:
            messages.put(None)

    def stop(self, run: int) -> None:
        """Stop at the next event."""
        self.over.add(run)
