"""Token bucket per key."""

import time

MAX_KEYS = 10_000  # addresses that are remembered


class TokenBucket:
    """A token bucket per key, refilled at a constant rate."""

    def __init__(self, capacity: float, each_second: float) -> None:
        self.capacity, self.rate = capacity, each_second
        self.used: dict[str, tuple[float, float]] = {}  # how much, as of when

    def try_acquire(self, key: str, amount: float = 1) -> bool:
        """Take `amount` tokens of this key if there are as many; return whether there were."""
        now = time.monotonic()
        used, since = self.used.get(key, (0.0, now))
        used = max(0.0, used - (now - since) * self.rate)
        if used + amount > self.capacity:
            return False
        self.used.pop(key, None)  # so that the first one was asked for longest ago
        if len(self.used) >= MAX_KEYS:
            del self.used[next(iter(self.used))]
        self.used[key] = used + amount, now
        return True
