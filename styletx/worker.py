"""A place of a cluster, where one run is painted at a time."""

import pickle
import traceback
from collections.abc import Iterator, Mapping
from contextlib import closing
from threading import Lock
from typing import Any

from .engine import stylize
from .errors import StyletxError
from .objective import Known

# What a page is told: an event, an error of either kind; a lost worker, that there is none, the end
EVENT, ERROR, BUG, LOST, GONE, END = "event", "error", "bug", "lost", "gone", "end"


class Worker:
    """Holds the network, and paints."""

    def __init__(self) -> None:
        self.busy, self.known = Lock(), Known()
        self.over: set[int] = set()  # runs that nobody wants any more

    def paint(self, run: int, given: bytes) -> Iterator[bytes]:
        """The events of a run, pickled, and its error as the last of them."""
        try:
            with self.busy:
                arguments: Mapping[str, Any] = pickle.loads(given)
                with closing(stylize(**arguments, known=self.known)) as events:
                    for event in events:
                        if run in self.over:
                            return
                        yield pickle.dumps((EVENT, event))
        except StyletxError as error:
            yield pickle.dumps((ERROR, error))
        except Exception:  # noqa: BLE001  which is told where there is a log
            yield pickle.dumps((BUG, traceback.format_exc()))
        finally:
            self.over.discard(run)

    def stop(self, run: int) -> None:
        """Paint no further than to the next event."""
        self.over.add(run)
