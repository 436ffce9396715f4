"""How seconds and memory grow with the size:
`python -m tests.benchmarks.sizes [SIZE …] [SETTING=VALUE …]`.

Each size is painted by a process of its own. Beside its seconds, those of the size before, how far
off the estimate of the time left was at worst from a quarter of the run on.
"""

import sys

from .process import ROOT, machine, run
from .programs import KEPT, PAIRS

SIZES = (256, 512, 1024, 2048)


def main() -> None:
    say, assets = sys.stdout.write, ROOT / "assets"
    photo, painting = PAIRS[0].split("+")
    photo, painting = assets / "photos" / f"{photo}.jpg", assets / "paintings" / f"{painting}.jpg"
    say(f"{PAIRS[0]} on {machine()}\n\n")
    say(
        "| size | whole process, s | run alone, s | times the last | peak, MB | estimate off by |\n"
    )
    say("|---|---|---|---|---|---|\n")
    before, wished = 0.0, [word for word in sys.argv[1:] if "=" in word]
    for size in [int(word) for word in sys.argv[1:] if word not in wished] or SIZES:
        folder = KEPT / f"size-{size}"
        folder.mkdir(parents=True, exist_ok=True)
        out = folder / "out.png"
        command = ["-m", "tests.benchmarks.paint", photo, painting, out, f"size={size}"]
        ran = run([*command, *wished])
        lines = [line.split() for _, line in ran.lines]
        took = max(float(seconds) for _, seconds in (words for words in lines if len(words) == 2))
        told = [(float(words[1]), float(words[2])) for words in lines if words[0] == "left"]
        off = max(abs(now + left - took) / took for now, left in told if now > took / 4)
        times = f"{took / before:.2f}" if before else ""
        say(f"| {size} | {ran.wall:.1f} | {took:.1f} | {times} | {ran.peak:.0f} | {off:.0%} |\n")
        before = took


if __name__ == "__main__":
    main()
