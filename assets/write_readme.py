"""Write the tables of the READMEs, of what can be set and of what is kept, from the program.

python -m assets.write_readme
"""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from styletx.fields import ChoiceField, NumberField
from styletx.limits import PREFIX, ServerLimits
from styletx.runners.queue import ABANDON_AFTER_S, YIELD_AFTER_S
from styletx.runners.ray.options import RAY_PREFIX, RayOptions
from styletx.server.storage import KEEP_S
from styletx.settings import FIELDS, PRESETS, Settings
from styletx.ui.examples import ASSETS
from styletx.ui.history import MAX_ENTRIES

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


def kept_table() -> str:
    """A row for each thing that stays although nobody is there: for how long, and what then."""
    place, paint = ServerLimits().place_kept, ServerLimits().max_seconds
    rows = [
        "a run at work whose page is gone | "
        f"to its end while nobody else waits, {place:g} s else | `STYLETX_PLACE_KEPT` | "
        "it gives way; its picture so far is kept",
        "the place in the line of a page that is gone, which begins when it is its turn | "
        f"{place:g} s | `STYLETX_PLACE_KEPT` | others go first, and at its turn it is given up",
        "a run of a program that is gone or cancels it | until that is noticed, within a second | |"
        " it ends, and nothing is kept",
        "the same where Gradio does not notice | "
        f"{ABANDON_AFTER_S} s, {YIELD_AFTER_S} s where others wait | "
        "`ABANDON_AFTER_S`, `YIELD_AFTER_S` | it ends, and nothing is kept",
        f"a call to which nobody has ever listened | {ABANDON_AFTER_S} s | `ABANDON_AFTER_S` | "
        "it is dropped, unbegun",
        "a run that is stopped | to its next step | | its picture so far is kept",
        f"any run | {paint:g} s at work | `STYLETX_MAX_SECONDS` | its picture so far is kept",
        "a picture, its photo, its film, its settings, or why there is none | "
        f"{KEEP_S} s, on the disk | `KEEP_S` | it is deleted",
        "a run that was at work when the server was killed: what was given for it, and its last "
        f"preview | {KEEP_S} s, on the disk | `KEEP_S` | it is deleted",
        "the ids of runs, in the browser, of all tabs and of each | "
        f"the last {MAX_ENTRIES} | `MAX_ENTRIES` | the oldest is forgotten",
    ]
    head = "| what | is kept for | named | then |\n|---|---|---|---|\n"
    return head + "".join(f"| {row} |\n" for row in rows)


def tables() -> Iterator[tuple[Path, str, str]]:
    """Yield the document of each table, the name that it stands between, and the table."""
    folder = ROOT / "styletx"
    yield ROOT / "README.md", "settings", f"{settings_table()}\n{presets_table()}"
    yield folder / "server/README.md", "limits", limits_table(ServerLimits, PREFIX, "limits")
    yield folder / "server/README.md", "kept", kept_table()
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
