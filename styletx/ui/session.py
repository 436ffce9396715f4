"""Session of a tab: the runs that its browser remembers, found again after a reload."""

from typing import Any

from styletx.ui import strings

from .history import MAX_ENTRIES, picture_updates, strip_of, visit_of

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
RECALL = """() => {
  const kept = storage => {
    try {
      return JSON.parse(window[storage].getItem("styletx-runs") ?? "[]");
    } catch {
      return [];
    }
  };
  return [{ all: kept("localStorage"), own: kept("sessionStorage") }];
}"""


def restored(recalled: object) -> dict[str, Any]:
    """Return the updates of a page that is opened again: the pictures whose ids its browser recalls
    as far as they still exist, and the last one of this tab in full."""
    known = recalled if isinstance(recalled, dict) else {}
    own = texts(known.get("own"))
    strip = strip_of(list(dict.fromkeys([*texts(known.get("all")), *own]))[:MAX_ENTRIES])
    if not strip["visits"]:
        return {}
    last = next(filter(None, map(visit_of, own)), None)
    if last is None:
        return {**strip, "status": strings.HERE_AGAIN}
    return {**strip, **picture_updates(last), "status": strings.LAST_AGAIN}


def texts(value: object) -> list[str]:
    """Return the strings of a list; browsers may send anything."""
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
