"""The shape of the program, kept by a test rather than by good intentions."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "styletx"

# From the ground up: a module may import only from those above it in this list.
ORDER = [
    "errors",
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
SOURCES = [ROOT / "app.py", *sorted(PACKAGE.glob("*.py"))]
NOT_IN_THE_CORE = {"gradio", "gradio_client", "argparse", "spaces", "ray"}


def imports(path):
    """(module, whether it is one of our own) for each import in a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((name.name.split(".")[0], False) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            names = [node.module] if node.module else [name.name for name in node.names]
            yield from ((name if name in ORDER else "__init__", True) for name in names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.split(".")[0], False


def test_every_module_has_its_place():
    assert {path.stem for path in PACKAGE.glob("*.py")} == set(ORDER)


@pytest.mark.parametrize("module", ORDER)
def test_imports_point_one_way(module):
    imported = {name for name, own in imports(PACKAGE / f"{module}.py") if own}
    assert imported <= set(ORDER[: ORDER.index(module)])


WHERE_IT_RUNS = {"dispatcher", "runners"}  # which know Ray and ZeroGPU, and nobody else


@pytest.mark.parametrize(
    "module", [m for m in ORDER[: ORDER.index("storage")] if m not in WHERE_IT_RUNS]
)
def test_the_core_never_meets_the_page(module):
    assert not {name for name, _ in imports(PACKAGE / f"{module}.py")} & NOT_IN_THE_CORE


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_files_and_functions_stay_small_and_say_what_they_are_for(path):
    text = path.read_text()
    tree = ast.parse(text)
    assert ast.get_docstring(tree)
    assert len(text.splitlines()) <= 250
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 40, f"{node.name} is too long"


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
