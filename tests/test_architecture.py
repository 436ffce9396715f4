"""The shape of the program, kept by a test rather than by good intentions."""

import ast
import subprocess
import sys

import pytest

from tests.helpers.paths import ROOT

PACKAGE = ROOT / "styletx"

# From the ground up: a module may import only from those above it in this list.
ORDER = [
    "_version",
    "errors",
    "text",
    "layers",
    "settings",
    "pyramid",
    "pace",
    "memory",
    "bombs",
    "pixels",
    "images",
    "color",
    "losses",
    "weights",
    "bands",
    "features",
    "objective",
    "descent",
    "events",
    "regions",
    "recipe",
    "task",
    "engine",
    "limits",
    "figures",
    "worker",
    "dispatcher",
    "link",
    "cluster",
    "runners",
    "runs",
    "painter",
    "film",
    "words",
    "reports",
    "curves",
    "storage",
    "uploads",
    "buckets",
    "calls",
    "refusals",
    "scopes",
    "sessions",
    "door",
    "endpoints",
    "snippets",
    "programs",
    "agents",
    "look",
    "controls",
    "brush",
    "results",
    "visits",
    "page",
    "addresses",
    "serving",
    "commands",
    "hub",
    "space",
    "gallery",
    "options",
    "gather",
    "outputs",
    "bar",
    "work",
    "batch",
    "__init__",
    "__main__",
]
SOURCES = {path: path.read_text() for path in (ROOT / "app.py", *sorted(PACKAGE.glob("*.py")))}
TREES = {path: ast.parse(text) for path, text in SOURCES.items()}
WHERE_IT_RUNS = {"dispatcher", "runners"}  # which know Ray and ZeroGPU, and nobody else
NOT_IN_THE_CORE = {"gradio", "gradio_client", "argparse", "spaces", "ray"}


def imports(module):
    """(module, whether it is one of our own) for each import of a module."""
    for node in ast.walk(TREES[PACKAGE / f"{module}.py"]):
        if isinstance(node, ast.Import):
            yield from ((name.name.split(".")[0], False) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            names = [node.module] if node.module else [name.name for name in node.names]
            yield from ((name if name in ORDER else "__init__", True) for name in names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.split(".")[0], False


def test_every_module_has_its_place():
    assert {path.stem for path in PACKAGE.glob("*.py")} == set(ORDER)


def test_imports_point_one_way():
    for place, module in enumerate(ORDER):
        imported = {name for name, own in imports(module) if own}
        assert imported <= set(ORDER[:place]), module


def test_the_core_never_meets_the_page():
    for module in ORDER[: ORDER.index("storage")]:
        if module not in WHERE_IT_RUNS:
            assert not {name for name, _ in imports(module)} & NOT_IN_THE_CORE, module


def test_files_and_functions_stay_small_and_say_what_they_are_for():
    for path, text in SOURCES.items():
        assert ast.get_docstring(TREES[path]), path
        assert len(text.splitlines()) <= 250, path
        for node in ast.walk(TREES[path]):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 40, f"{node.name} in {path} is too long"


@pytest.mark.slow
def test_importing_loads_no_weights_asks_no_device_and_writes_no_file(tmp_path):
    watch = (
        "import sys\n"
        "def hook(event, args):\n"
        "    if event == 'open':\n"
        "        name, mode = str(args[0]), str(args[1])\n"
        "        if 'vgg19' in name or ('w' in mode and 'pycache' not in name):\n"
        "            print(event, name, mode)\n"
        "import torch, numpy, PIL.Image\n"
        "torch.cuda.is_available = lambda: print('asked for a device')\n"
        "sys.addaudithook(hook)\n"
        "import styletx, styletx.painter, styletx.reports\n"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", watch], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
