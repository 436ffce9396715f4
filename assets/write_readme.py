"""Write the README's table of settings, which follows from `Settings`.

python -m assets.write_readme
"""

from app import ASSETS
from styletx import ALLOWED, PRESETS, Settings
from styletx.settings import Limits, Options

README = ASSETS.parent / "README.md"
BEGIN, END = "<!-- settings -->\n", "<!-- end of settings -->\n"


def settings_table() -> str:
    """A row for each setting: default, what may be chosen, and what it does."""
    rows = ["| setting | default | may be | what it does |", "|---|---|---|---|"]
    for name, allowed in ALLOWED.items():
        default = getattr(Settings(), name)
        if isinstance(allowed, Limits):
            default, choices = f"{default:g}", f"{allowed.low:g} to {allowed.high:.10g}"
        elif isinstance(allowed, Options):
            choices = "; ".join(f"`{word}`: {told}" for word, told in allowed.words.items())
        else:
            choices = "names of layers"
        rows.append(f"| `{name}` | {default} | {choices} | {allowed.help} |")
    return "\n".join(rows) + "\n"


def presets_table() -> str:
    """A row for each preset: what it chooses besides the defaults."""
    rows = ["| preset | what it chooses |", "|---|---|"]
    for name, preset in PRESETS.items():
        chosen = {
            n: getattr(preset, n) for n in ALLOWED if getattr(preset, n) != getattr(Settings(), n)
        }
        rows.append(f"| {name} | {', '.join(f'`{n}={value}`' for n, value in chosen.items())} |")
    return "\n".join(rows) + "\n"


def tables() -> str:
    return f"{settings_table()}\n{presets_table()}"


def main() -> None:
    before, _, rest = README.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(before + BEGIN + "\n" + tables() + "\n" + END + after)


if __name__ == "__main__":
    main()
