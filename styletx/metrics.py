"""Counters of a server, in the text format of Prometheus; none of them identifies anybody."""

from collections import defaultdict
from threading import Lock

counted: defaultdict[str, float] = defaultdict(float)  # by name and label, as they are shown
lock = Lock()


def increment(name: str, amount: float = 1, **label: str) -> None:
    """Add to a counter: `increment("refusals", reason="rate")`."""
    shown = ",".join(f'{key}="{value}"' for key, value in label.items())
    with lock:
        counted[f"styletx_{name}_total" + (f"{{{shown}}}" if shown else "")] += amount


def as_text(**now: float) -> str:
    """Return all counters and the gauges `now`, one a line, in the text format of Prometheus."""
    with lock:
        so_far = sorted(counted.items())
    lines = [f"{name} {value:.10g}" for name, value in so_far]
    return "\n".join([*lines, *(f"styletx_{name} {value:.10g}" for name, value in now.items()), ""])
