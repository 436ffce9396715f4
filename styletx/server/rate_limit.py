"""How much of something each address may have in a time."""

import time

MAX_KEYS = 10_000  # addresses that are remembered


class TokenBucket:
    """Lets so much of something through for each key, and what was used up back in over time."""

    def __init__(self, most: float, each_second: float) -> None:
        self.most, self.rate = most, each_second
        self.used: dict[str, tuple[float, float]] = {}  # how much, as of when

    def try_acquire(self, key: str, amount: float = 1) -> bool:
        """Whether there is room for so much more of this key's, which then is used."""
        now = time.monotonic()
        used, since = self.used.get(key, (0.0, now))
        used = max(0.0, used - (now - since) * self.rate)
        if used + amount > self.most:
            return False
        self.used.pop(key, None)  # so that the first one was asked for longest ago
        if len(self.used) >= MAX_KEYS:
            del self.used[next(iter(self.used))]
        self.used[key] = used + amount, now
        return True
