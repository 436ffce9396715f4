"""Where the pictures of runs lie on the server, and for how long."""

import shutil
import time
from pathlib import Path
from threading import Event, Thread

from gradio.utils import get_upload_folder

KEPT, EVERY = 3600, 60  # seconds that a picture stays, and between two looks at what is too old
OURS = (
    "styletx"  # Gradio's folder may be shared with other programs, and it knows its own files only
)


def folder_of(run_id: str) -> Path:
    """Where the pictures of a run lie, or a mask that was brushed."""
    return Path(get_upload_folder()) / OURS / run_id


def sweep() -> None:
    """Remove what has not changed for `KEPT` seconds."""
    for folder in folder_of("").glob("*"):
        try:
            changed = max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
            if time.time() - changed > KEPT:
                shutil.rmtree(folder)
        except OSError:  # somebody else was faster
            continue


def keep_sweeping(until: Event) -> None:
    """Sweep now, and every so often in a thread of its own, until the event is set."""

    def work() -> None:
        sweep()
        while not until.wait(EVERY):
            sweep()

    Thread(target=work, name="sweeper", daemon=True).start()
