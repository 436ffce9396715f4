"""Threads: as many as this process may use processors, which a container may limit."""

import logging
import math
import os
from pathlib import Path

import torch

logger = logging.getLogger(__name__)
CGROUP = Path("/sys/fs/cgroup")


def available_cpus(cgroup: Path = CGROUP) -> int:
    """Return how many processors this process may use: by its affinity, and by the quota of its
    control group (version 1 or 2), rounded up. Not all systems know either."""
    affinity = getattr(os, "sched_getaffinity", None)
    cpus = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, math.ceil(min(cpus, quota(cgroup))))


def quota(cgroup: Path) -> float:
    """Return the processors that the control group allows, infinity if it sets no limit."""
    try:
        if (whole := cgroup / "cpu.max").exists():
            allowed, period = whole.read_text().split()
        else:
            allowed, period = (
                (cgroup / "cpu" / f"cpu.cfs_{part}_us").read_text() for part in ("quota", "period")
            )
        return float(allowed) / float(period) if float(allowed) > 0 else math.inf
    except (OSError, ValueError):  # no such file, or "max"
        return math.inf


def limit_threads() -> None:
    """Have torch use no more threads than there are processors to use, and log it. It would use as
    many as the machine has, and in a container most of them would only wait for each other.
    OMP_NUM_THREADS says otherwise."""
    cpus, threads = available_cpus(), torch.get_num_threads()
    if "OMP_NUM_THREADS" not in os.environ and cpus < threads:
        torch.set_num_threads(cpus)
        logger.info("painting with %d threads, not %d: so many processors are ours", cpus, threads)
