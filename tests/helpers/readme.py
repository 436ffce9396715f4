"""The README, the documents beside what they document, and the code in them."""

import re

from .paths import ROOT

README = (ROOT / "README.md").read_text()
DOCUMENTS = [
    ROOT / "README.md",
    *sorted((ROOT / "styletx").rglob("README.md")),
    ROOT / "assets" / "controls" / "README.md",
    ROOT / "assets" / "CREDITS.md",
    ROOT / "tests" / "README.md",
    ROOT / "tests" / "benchmarks" / "README.md",
]


def blocks(language, document="README.md"):
    """The blocks of code in a language, in order."""
    text = (ROOT / document).read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)
