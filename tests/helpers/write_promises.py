"""The list of promises in tests/README.md: the names of the tests, read as sentences.

python -m tests.helpers.write_promises    writes it anew
"""

import ast
import re
from pathlib import Path

from .paths import ROOT

TESTS = ROOT / "tests"
README = TESTS / "README.md"
BEGIN, END = "<!-- promises -->", "<!-- end of promises -->"
TIERS = ("fast", "default", "release")


def written() -> str:
    """The README of the tests with today's promises."""
    text = README.read_text()
    head, tail = text[: text.index(BEGIN)], text[text.index(END) :]
    return f"{head}{BEGIN}\n{promises()}\n{tail}"


def promises() -> str:
    """A list for each file of tests."""
    files = sorted(TESTS.rglob("test_*.py"), key=lambda path: (len(path.parts), path))
    return "\n\n".join(map(listed, files))


def listed(path: Path) -> str:
    """The promises that a file keeps, each with its tier if it is not that of the file."""
    tree = ast.parse(path.read_text())
    own = tier(ast.unparse(node) for node in tree.body if "pytestmark" in ast.unparse(node)[:20])
    about = (ast.get_docstring(tree) or "").split("\n\n")[0].replace("\n", " ")
    deeper = ", with more inputs: release" if "sample_or_all" in path.read_text() else ""
    lines = [f"**`{path.relative_to(TESTS)}`** ({own}{deeper}). {about}"]
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            lines.append(f"- {sentence(node.name)}{apart(node, own)}")
    return "\n".join(lines)


def sentence(name: str) -> str:
    told = name.removeprefix("test_").replace("_", " ")
    return told[0].upper() + told[1:]


def apart(node: ast.FunctionDef, own: str) -> str:
    """The tier of a promise where it is another than its file's, or has a deeper one as well."""
    marks = [ast.unparse(one) for one in node.decorator_list]
    whole = tier([one for one in marks if not one.startswith("pytest.mark.parametrize")], own)
    deeper = any(re.search(r"marks=\[?[\w.]*release", one) for one in marks)
    slower = any(re.search(r"marks=\[?[\w.]*slow", one) for one in marks)
    told = [whole] if whole != own else []
    told += ["in part default"] if slower else []
    told += ["deeper: release"] if deeper else []
    return f" ({', '.join(told)})" if told else ""


def tier(marks, otherwise: str = "fast") -> str:
    """The slowest that marks name."""
    told = " ".join(marks)
    if re.search(r"\brelease\b", told):
        return "release"
    return "default" if re.search(r"\bslow\b", told) and otherwise == "fast" else otherwise


if __name__ == "__main__":
    README.write_text(written())
