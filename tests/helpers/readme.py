"""The README and the code in it."""

import re

from .paths import ROOT

README = (ROOT / "README.md").read_text()


def blocks(language):
    """The blocks of code in a language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)
