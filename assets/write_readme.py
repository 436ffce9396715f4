"""Write the tables of settings, limits and the cluster into their READMEs, from the program.

python -m assets.write_readme
"""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from styletx.fields import ChoiceField, NumberField
from styletx.limits import PREFIX, ServerLimits
from styletx.runners.ray.options import RAY_PREFIX, RayOptions
from styletx.settings import FIELDS, PRESETS, Settings
from styletx.ui.examples import ASSETS

ROOT = ASSETS.parent


def settings_table() -> str:
    """A row for each setting: default, what may be chosen, and what it does."""
    rows = ["| setting | default | may be | what it does |", "|---|---|---|---|"]
    for name, allowed in FIELDS.items():
        default = getattr(Settings(), name)
        if isinstance(allowed, NumberField):
            default, choices = f"{default:g}", f"{allowed.low:g} to {allowed.high:.10g}"
        elif isinstance(allowed, ChoiceField):
            choices = "; ".join(f"`{word}`: {told}" for word, told in allowed.choices.items())
        else:
            choices = "names of layers"
        rows.append(f"| `{name}` | {default} | {choices} | {allowed.help} |")
    return "\n".join(rows) + "\n"


def presets_table() -> str:
    """A row for each preset: what it chooses besides the defaults."""
    rows = ["| preset | what it chooses |", "|---|---|"]
    for name, preset in PRESETS.items():
        chosen = {
            n: getattr(preset, n) for n in FIELDS if getattr(preset, n) != getattr(Settings(), n)
        }
        rows.append(f"| {name} | {', '.join(f'`{n}={value}`' for n, value in chosen.items())} |")
    return "\n".join(rows) + "\n"


def limits_table(kind: type, prefix: str, what: str) -> str:
    """A row for each number that is set by a variable: its name, default and meaning."""
    rows = [f"| variable | default | {what} |", "|---|---|---|"]
    for one in fields(kind):
        help = one.metadata["help"]
        rows.append(f"| `{prefix}{one.name.upper()}` | {one.default:g} | {help} |")
    return "\n".join(rows) + "\n"


def tables() -> Iterator[tuple[Path, str, str]]:
    """Yield the document of each table, the name that it stands between, and the table."""
    folder = ROOT / "styletx"
    yield ROOT / "README.md", "settings", f"{settings_table()}\n{presets_table()}"
    yield folder / "server/README.md", "limits", limits_table(ServerLimits, PREFIX, "limits")
    yield folder / "runners/README.md", "cluster", limits_table(RayOptions, RAY_PREFIX, "is")


def between(name: str, table: str) -> str:
    return f"<!-- {name} -->\n\n{table}\n<!-- end of {name} -->\n"


def main() -> None:
    for document, name, table in tables():
        before, _, rest = document.read_text().partition(f"<!-- {name} -->\n")
        _, _, after = rest.partition(f"<!-- end of {name} -->\n")
        document.write_text(before + between(name, table) + after)


if __name__ == "__main__":
    main()
