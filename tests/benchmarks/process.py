"""A command run as users run it, with what it cost and what it said when."""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

ROOT = Path(__file__).parents[2]
AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}  # as most processors
HALVES = {"amx_bf16": "with bfloat16 matrices (AMX)", "avx512_bf16": "with bfloat16 instructions"}


@dataclass
class Ran:
    """Wall and CPU seconds and the peak memory in MB of a whole process, from its start to its
    end, and the lines it wrote, each with the second at which it came."""

    wall: float = 0.0
    cpu: float = 0.0
    peak: float = 0.0
    lines: list[tuple[float, str]] = field(default_factory=list)


def run(command: Sequence[str | Path], root: Path = ROOT) -> Ran:
    """Run to the end, in the clone at `root`; raises `SystemExit` with what the command wrote if
    it fails."""
    ran, begun = Ran(), time.monotonic()
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    for line in process.stdout:
        ran.lines.append((time.monotonic() - begun, line.strip()))
    _, status, usage = os.wait4(process.pid, 0)
    ran.wall, ran.cpu = time.monotonic() - begun, usage.ru_utime + usage.ru_stime
    ran.peak = usage.ru_maxrss / 1024
    if status:
        raise SystemExit("\n".join(line for _, line in ran.lines))
    return ran


def kind() -> str:
    """Return the kind of processor that figures are of, for a table's head."""
    if torch.cuda.is_available():
        return "on a graphics card"
    if all(os.environ.get(name) == value for name, value in AVX2.items()):
        return "held to AVX2"
    flags = cpuinfo()
    return next((text for flag, text in HALVES.items() if flag in flags), "without bfloat16")


def machine() -> str:
    """The processor, or the graphics card, and what is used of it."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    lines = cpuinfo().splitlines()
    name = next((line.split(": ")[1] for line in lines if line.startswith("model name")), "")
    return (
        f"{name or platform.processor()}, {os.cpu_count()} cores, {kind()}, "
        f"torch {torch.__version__}"
    )


def cpuinfo() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.exists() else ""
