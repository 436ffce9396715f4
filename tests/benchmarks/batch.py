"""The cost of a picture in a batch that is interrupted and goes on, beside one command for each:
`python -m tests.benchmarks.batch [SETTING=VALUE …]`.
"""

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from .process import ROOT, machine, run

SIZE, PAINTINGS, ALONE = 128, 7, 5  # 42 pictures, of which so many are painted by themselves


def main() -> None:
    options = [f"--size={SIZE}", *(f"--{word.replace('_', '-')}" for word in sys.argv[1:])]
    photos = sorted((ROOT / "assets" / "photos").glob("*.jpg"))
    paintings = sorted((ROOT / "assets" / "paintings").glob("*.jpg"))[:PAINTINGS]
    number = len(photos) * len(paintings)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        command = ["-m", "styletx", "batch", *photos, "--style", *paintings, "-o", out, *options]
        first, second = interrupted(command, out, number // 2), run(command).wall
        lines = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
        painted = [line for line in lines if line["outcome"] == "painted"]
        assert len({line["picture"] for line in painted}) == len(painted) == number
        again = run(command).wall
        alone = [
            run(["-m", "styletx", photo, paintings[0], "-o", f"{folder}/{photo.name}", *options])
            for photo in photos[:ALONE]
        ]
    one, each = sum(ran.wall for ran in alone) / ALONE, (first + second) / number
    sys.stdout.write(
        "| pictures | until interrupted, s | the rest, s | once more, all there, s "
        "| a picture, s | a picture by a command of its own, s |\n|---|---|---|---|---|---|\n"
        f"| {number} of {SIZE} px | {first:.1f} | {second:.1f} | {again:.1f} | {each:.2f} "
        f"| {one:.2f} (×{one / each:.1f}) |\n\nOn {machine()}.\n"
    )


def interrupted(command: Sequence[str | Path], out: Path, number: int) -> float:
    """Seconds until a batch that is stopped after so many pictures has ended."""
    begun, manifest = time.monotonic(), out / "manifest.jsonl"
    with subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as batch:
        while not manifest.exists() or manifest.read_bytes().count(b"\n") < number:
            assert batch.poll() is None, "it ended before it was interrupted"
            time.sleep(0.05)
        batch.send_signal(signal.SIGINT)
        _, told = batch.communicate()
    assert batch.returncode == 1, told.decode()
    return time.monotonic() - begun


if __name__ == "__main__":
    main()
