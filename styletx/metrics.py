"""Metrics of a server for Prometheus. None of them identifies anybody."""

from prometheus_client import CollectorRegistry, Counter, Gauge

REGISTRY = CollectorRegistry()  # of our own: who imports us keeps theirs as it is
REFUSALS = Counter("styletx_refusals", "Requests refused, by reason", ["reason"], registry=REGISTRY)
RUNS = Counter("styletx_runs", "Runs ended, by outcome", ["outcome"], registry=REGISTRY)
SECONDS = Counter("styletx_seconds", "Seconds that runs were computed", registry=REGISTRY)
LINE = Gauge("styletx_line", "Runs that are queued or computed", registry=REGISTRY)
AT_WORK = Gauge("styletx_at_work", "Runs that are computed", registry=REGISTRY)
CACHE_BYTES = Gauge("styletx_cache_bytes", "Bytes of pictures on the server", registry=REGISTRY)
