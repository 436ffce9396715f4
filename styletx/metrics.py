"""What a server has done so far, in plain text: how much of what, and nothing of whom."""

from collections import defaultdict
from threading import Lock

counted: defaultdict[str, float] = defaultdict(float)  # by name and label, as they are shown
lock = Lock()


def increment(name: str, amount: float = 1, **label: str) -> None:
    """Add to one of the figures: `count("refusals", reason="rate")`."""
    shown = ",".join(f'{key}="{value}"' for key, value in label.items())
    with lock:
        counted[f"styletx_{name}_total" + (f"{{{shown}}}" if shown else "")] += amount


def as_text(**now: float) -> str:
    """All of them, and those of this moment, one a line, as Prometheus reads them."""
    with lock:
        so_far = sorted(counted.items())
    lines = [f"{name} {value:.10g}" for name, value in so_far]
    return "\n".join([*lines, *(f"styletx_{name} {value:.10g}" for name, value in now.items()), ""])
