"""The shape of the program, kept by tests rather than by good intentions."""

import ast
import subprocess
import sys

import pytest

from tests.helpers.paths import ROOT

PACKAGE = ROOT / "styletx"
SOURCES = [ROOT / "app.py", *sorted(PACKAGE.rglob("*.py"))]
LONGEST_MODULE, LONGEST_FUNCTION = 400, 40  # lines


@pytest.mark.slow
def test_imports_point_downwards_and_only_some_know_gradio_torch_and_ray():
    """The contracts stand in pyproject.toml."""
    program = "from importlinter import cli; raise SystemExit(cli.lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_files_and_functions_stay_small_and_say_what_they_are_for():
    for path in SOURCES:
        text = path.read_text()
        tree = ast.parse(text)
        assert ast.get_docstring(tree), path
        assert len(text.splitlines()) <= LONGEST_MODULE, path
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                lines = node.end_lineno - node.lineno
                assert lines < LONGEST_FUNCTION, f"{node.name} in {path} is too long"


def run(program):
    done = subprocess.run(
        [sys.executable, "-B", "-c", program], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.slow
def test_importing_loads_no_weights_asks_no_device_and_writes_no_file():
    run(
        "import sys\n"
        "def hook(event, args):\n"
        "    if event == 'open':\n"
        "        name, mode = str(args[0]), str(args[1])\n"
        "        if 'vgg19' in name or ('w' in mode and 'pycache' not in name):\n"
        "            print(event, name, mode)\n"
        "import torch, numpy, PIL.Image\n"
        "torch.cuda.is_available = lambda: print('asked for a device')\n"
        "sys.addaudithook(hook)\n"
        "import styletx.core.engine, styletx.runners.queue\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize("module", ["cli.main", "cli.hub.push", "cli.hub.deploy", "recipe"])
def test_what_paints_nothing_waits_for_no_torch(module):
    run(
        f"import sys, styletx.{module}\nfor name in ('torch', 'gradio'):\n"
        "    if name in sys.modules:\n        print(name)\n"
    )
