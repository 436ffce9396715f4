"""Session of a tab: the runs that its browser remembers, found again after a reload."""

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from styletx.api.job_files import ARGUMENTS_FILE, ENDED_FILE, TOLD_FILE, finished, previews
from styletx.server.storage import folder_of
from styletx.settings import FIELDS
from styletx.ui import strings

from .history import MAX_ENTRIES, input_updates, picture_updates, strip_of, visit_of
from .inputs import nearest_preset
from .lasting_run import LastingRun
from .results import shown_updates

NOTICE_LOOKS, LOOK_EVERY_S = 30, 0.1  # for a tab that was closed just now to be noticed

# The browser keeps the ids of its runs, the latest first: those of all tabs, and this tab's own.
# Each is added where it is kept, so that no tab writes over what another has added. A browser may
# refuse to keep anything.
REMEMBER = f"""run => {{
  const keep = (storage, added) => {{
    try {{
      const runs = added(JSON.parse(window[storage].getItem("styletx-runs") ?? "[]"));
      window[storage].setItem("styletx-runs", JSON.stringify(runs.slice(0, {MAX_ENTRIES})));
    }} catch (error) {{ console.warn(error); }}
  }};
  if (run) {{
    keep("localStorage", runs => runs.includes(run) ? runs : [run, ...runs]);
    keep("sessionStorage", runs => [run, ...runs.filter(one => one !== run)]);
  }}
  return [];
}}"""
FORGET = """() => {
  try { sessionStorage.removeItem("styletx-runs"); } catch (error) { console.warn(error); }
  location.reload();
}"""
RECALL = """() => {
  const kept = storage => {
    try {
      return JSON.parse(window[storage].getItem("styletx-runs") ?? "[]");
    } catch {
      return [];
    }
  };
  const known = { all: kept("localStorage"), own: kept("sessionStorage") };
  return [known.all.length || known.own.length ? known : { __type__: "update" }];
}"""


def restored(recalled: object, runs: Mapping[str, LastingRun]) -> dict[str, Any]:
    """Return the updates of a page that is opened again: the pictures whose ids its browser
    recalls, as far as they still exist, and what became of the last run of this tab. A new tab has
    none of its own: it takes the last one of a tab that is gone. `runs` are not over yet."""
    known = recalled if isinstance(recalled, dict) else {}
    own = texts(known.get("own"))
    every = list(dict.fromkeys([*texts(known.get("all")), *own]))[:MAX_ENTRIES]
    strip = strip_of(every)
    changes = {**strip, "status": strings.HERE_AGAIN} if strip["visits"] else {}
    if not own:
        wait_for_notice([run for run in map(runs.get, every) if run is not None])
    candidates = own or [run_id for run_id in every if is_lost(run_id, runs)]
    last = next((one for one in candidates if one in runs or folder_of(one).exists()), None)
    if last is not None:
        return {**changes, **became(last, runs)}
    return {**changes, "status": strings.LAST_GONE} if own else changes


def wait_for_notice(at_work: Sequence[LastingRun]) -> None:
    """Wait briefly until the server notices, by the next report to it, that a tab has just been
    closed; as long as all are watched, it may be so."""
    for _ in range(NOTICE_LOOKS):
        if not (at_work and all(run.is_heard() and not run.over for run in at_work)):
            return
        time.sleep(LOOK_EVERY_S)


def is_lost(run_id: str, runs: Mapping[str, LastingRun]) -> bool:
    """Return whether no page has seen the end of a run, nor waits for it."""
    if run_id in runs:
        return not runs[run_id].is_heard()
    folder = folder_of(run_id)
    away = finished(folder) is None or (folder / ENDED_FILE).exists()
    return folder.exists() and away and not (folder / TOLD_FILE).exists()


def became(run_id: str, runs: Mapping[str, LastingRun]) -> dict[str, Any]:
    """Return the updates that show what became of a run: it goes on, which the page then watches;
    it has a picture; or a sentence says why there is none."""
    run, entry, folder = runs.get(run_id), visit_of(run_id), folder_of(run_id)
    if run is not None:
        return {**given_updates(run.files.arguments), "run": run_id, "lost": run_id}
    if not folder.exists():
        return {"status": strings.LAST_GONE}
    if entry is None:
        changes = {**unfinished_updates(folder), "run": run_id}
    else:
        changes, word = picture_updates(entry), word_left(folder)
        news = word and not (folder / TOLD_FILE).exists()
        begun = strings.while_away(word) if news else strings.LAST_AGAIN
        changes["status"] = f"{begun} {changes['status']}"
    with suppress(OSError):
        (folder / TOLD_FILE).touch()
    return changes


def unfinished_updates(folder: Path) -> dict[str, Any]:
    """Return the updates of a run that came to no picture: what was given for it, its last preview,
    and why."""
    word = word_left(folder)
    changes: dict[str, Any] = {"status": strings.while_away(word) if word else strings.INTERRUPTED}
    for private in folder.glob("private-*"):
        with suppress(OSError, ValueError, LookupError):  # half of it, or of another version
            changes |= given_updates(json.loads((private / ARGUMENTS_FILE).read_text()))
        for latest in previews(private)[-1:]:
            changes |= shown_updates(latest)
    return changes


def given_updates(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the updates that bring back the pictures and settings given for a run."""
    settings = {name: given[name] for name in FIELDS if name in given}
    return {**input_updates(given)[0], **settings, "presets": nearest_preset(settings)}


def word_left(folder: Path) -> str:
    """Return what became of a run while its page was away, or ""."""
    try:
        return (folder / ENDED_FILE).read_text("utf-8")
    except OSError:
        return ""


def texts(value: object) -> list[str]:
    """Return the strings of a list; browsers may send anything."""
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
