"""Carries out a Dockerfile in a plain Debian folder, as machines without a container engine can.

It knows what ours uses and refuses the rest. Mounts are made in a namespace of the command they are
for, and so are gone with it, however it ends: nothing is ever mounted that could be removed with
the folder.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from ast import literal_eval
from pathlib import Path
from string import Template

PLAIN = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # an engine's own PATH
LENT = "/mnt"  # where a command sees files of this machine
SOURCES = "deb $(REPO_URI) $(RELEASE) $(COMPONENT)"
OF_APT = re.compile(r"Acquire::(https?|Check-[\w-]+)\b.*")  # proxies, certificates, clocks


def instructions(text: str) -> list[tuple[str, str]]:
    """(word, what follows it) for each instruction: comments left out, broken lines joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", "")
    found = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return [(word, rest.strip()) for word, rest in found]


def ignored(path: str, rules: list[str]) -> bool:
    """Whether a .dockerignore of these lines keeps a file out of an image: the last that fits it,
    or a folder that it is in, decides."""
    slots = [path, *(str(folder) for folder in Path(path).parents)]
    out = False
    for rule in rules:
        pattern = re.escape(rule.lstrip("!").strip("/")).replace(r"\*\*/", "(.*/)?")
        pattern = pattern.replace(r"\*", "[^/]*")
        if any(re.fullmatch(pattern, place) for place in slots if place != "."):
            out = not rule.startswith("!")
    return out


def context(project: Path) -> list[str]:
    """The files that a build is given: those of git, less those that .dockerignore keeps out."""
    told = run(["git", "ls-files", "-z"], cwd=project)
    lines = (project / ".dockerignore").read_text().splitlines()
    rules = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return [path for path in told.rstrip("\0").split("\0") if not ignored(path, rules)]


def copied(sources: list[str], target: str, files: list[str]) -> dict[str, str]:
    """Where each file goes that COPY names: of a folder, what is in it. Raises `ValueError` where
    there is nothing of that name, as an engine does."""
    slots = {}
    for source in (source.strip("/") for source in sources):
        inside = [file for file in files if file.startswith(f"{source}/")]
        if source in files and target.endswith("/"):
            slots[source] = target + Path(source).name
        elif inside:
            slots |= {file: str(Path(target, file.removeprefix(f"{source}/"))) for file in inside}
        else:
            raise ValueError(f"COPY finds no {source} for {target}")
    return slots


def run(command: list[str], **options) -> str:
    """Return the output of a command that must not fail; the end of it comes with the error if it
    does."""
    done = subprocess.run(command, text=True, capture_output=True, **options)
    told = done.stdout[-3000:] + done.stderr[-3000:]
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{told}"
    return done.stdout


def sources(release: str) -> list[str]:
    """Where this machine has that release of Debian from, in lines of apt's. It looks them up anew
    and elsewhere: the lists that are here may have been removed."""
    with tempfile.TemporaryDirectory() as folder:
        there = ["-o", f"Dir::State::lists={folder}", "-o", "APT::Sandbox::User=root"]
        run(["apt-get", *there, "--quiet", "update"])
        look = ["apt-get", *there, "indextargets", "--format", SOURCES, "Identifier: Packages"]
        lines = run(look).splitlines()
    return [line for line in lines if line.split()[2].split("-")[0] == release]


def packages() -> tuple[dict[str, str], set[Path]]:
    """Return the settings of pip on this machine, as environment variables in which its files lie
    below `LENT`; and those files."""
    told = run([sys.executable, "-m", "pip", "config", "list"])
    variables, lent = {}, set()
    for line in sorted(told.splitlines(), key=lambda line: line.startswith(":env:")):
        name, value = line.split("=", 1)
        words = []
        for word in literal_eval(value).split():
            path = Path(word.removeprefix("file://"))
            if path.is_absolute() and path.exists():
                lent.add(path.parent if word.startswith("file://") else path)  # an index, and files
                word = word.replace(str(path), f"{LENT}{path}")
            words.append(word)
        variables["PIP_" + name.split(".")[-1].upper().replace("-", "_")] = " ".join(words)
    return variables, lent


def lend(path: Path, root: str) -> list[str]:
    """How a file or folder of this machine comes to be seen inside."""
    here, there = shlex.quote(str(path)), f"{root}{LENT}{shlex.quote(str(path))}"
    make = f"mkdir -p {there}" if path.is_dir() else f"install -D /dev/null {there}"
    return [make, f"mount -o bind,ro {here} {there}"]


class Container:
    """A folder that a Dockerfile is carried out in, and how it is started."""

    def __init__(self, project: Path, folder: Path) -> None:
        """Nothing is done before `build`."""
        self.project, self.root, self.volumes = project, folder / "root", folder / "volumes"
        self.env, self.workdir, self.user = {"PATH": PLAIN}, "/", "0:0"
        self.told: dict[str, str] = {}  # what is only said, by its word
        self.config: dict[str, str] = {}
        self.lent: set[Path] = set()

    def build(self) -> "Container":
        """Carry out one instruction after the other. Raises `ValueError` at an unknown one."""
        ways = {
            "FROM": self.begin, "RUN": self.do, "COPY": self.copy, "ENV": self.remember,
            "WORKDIR": self.go, "USER": self.become,
        }  # fmt: skip
        for word, rest in instructions((self.project / "Dockerfile").read_text()):
            if word in ("ARG", "EXPOSE", "VOLUME", "HEALTHCHECK", "CMD"):
                self.told[word] = rest
            elif word in ways:
                ways[word](rest)
            else:
                raise ValueError(f"What {word} does is not known here.")
        return self

    def begin(self, base: str) -> None:
        """A folder like that image, from where this machine has its packages."""
        (release,) = re.fullmatch(r"debian:([a-z]+)-slim", base).groups()
        self.config, self.lent = packages()
        lines = sources(release)
        mirror = next(line.split()[1] for line in lines if line.split()[2] == release)
        make = ["debootstrap", "--variant=minbase", release, str(self.root), mirror]
        run(make)
        for names in ("hosts", "resolv.conf"):  # which engines give to every container
            shutil.copy(f"/etc/{names}", self.root / "etc")
        (self.root / "etc/apt/sources.list").write_text("\n".join(lines) + "\n")
        told = run(["apt-config", "dump", "Acquire"])
        chosen = [line for line in told.splitlines() if OF_APT.fullmatch(line)]
        (self.root / "etc/apt/apt.conf.d/90lent").write_text("\n".join(chosen) + "\n")

    def do(self, line: str) -> None:
        """By a shell whose children end with it, so that none is left behind."""
        proxies = {name: value for name, value in os.environ.items() if name.endswith("_proxy")}
        command = self.inside(["/bin/sh", "-c", line], **self.config, **proxies)
        run([*command[:1], "--pid", "--fork", "--kill-child", *command[1:]])

    def copy(self, rest: str) -> None:
        """Files come as root's, with the modes they have here."""
        *names, target = rest.split()
        for file, place in copied(names, target, context(self.project)).items():
            path = self.root / Path(self.workdir, place).relative_to("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.project / file, path)

    def remember(self, rest: str) -> None:
        pairs = (word.split("=", 1) for word in shlex.split(rest))
        self.env |= {name: Template(value).substitute(self.env) for name, value in pairs}

    def go(self, folder: str) -> None:
        self.workdir = folder
        (self.root / folder.lstrip("/")).mkdir(parents=True, exist_ok=True)

    def become(self, user: str) -> None:
        self.user = user

    def inside(self, command: list[str], read_only: bool = False, **variables: str) -> list[str]:
        """The same command within the folder, by its user and in its environment; with its volumes
        and all else read-only, or else with what pip wants of this machine."""
        root = shlex.quote(str(self.root))
        mounts = [f"mount -t proc proc {root}/proc"]
        if read_only:
            kept = shlex.quote(str(self.volume()))
            mounts = [f"mount --bind {root} {root}", f"mount -o remount,bind,ro {root}", *mounts]
            mounts.append(f"mount --bind {kept} {root}{self.told['VOLUME']}")
        else:
            mounts.append(f"mount -t tmpfs tmpfs {root}{LENT}")
            mounts += [line for path in sorted(self.lent) for line in lend(path, root)]
        env = [f"{name}={value}" for name, value in {**self.env, **variables}.items()]
        enter = ["chroot", f"--userspec={self.user}", str(self.root)]
        enter += ["env", "-i", f"--chdir={self.workdir}", *env, *command]
        script = "\n".join([*mounts, f"exec {shlex.join(enter)}"])
        return ["unshare", "--mount", "sh", "-ec", script]

    def volume(self) -> Path:
        """The volume, which lies outside the image and begins as the folder that is in there."""
        if not self.volumes.exists():
            run(["cp", "-a", str(self.root / self.told["VOLUME"].lstrip("/")), str(self.volumes)])
        return self.volumes

    def start(self, log: Path, **variables: str) -> subprocess.Popen:
        """Start it as `docker run --read-only` does; the process is Python's own."""
        command = self.inside(json.loads(self.told["CMD"]), read_only=True, **variables)
        with log.open("w") as file:
            return subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)

    def healthy(self, **variables: str) -> bool:
        """Return the answer of its own health check."""
        check = json.loads(self.told["HEALTHCHECK"].split(" CMD ", 1)[1])
        command = self.inside(check, read_only=True, **variables)
        return subprocess.run(command, capture_output=True, timeout=30).returncode == 0
