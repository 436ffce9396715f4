"""Where the pictures of runs lie on the server, and for how long."""

import hashlib
import shutil
import time
from pathlib import Path
from threading import Event, Thread

from gradio.utils import get_upload_folder

KEPT, EVERY = 3600, 60  # seconds that a picture stays, and between two looks at what is too old
OURS = "styletx"  # the rest of Gradio's folder may be another program's


def runs() -> Path:
    """The folder of all runs."""
    return Path(get_upload_folder()) / OURS


def folder_of(run_id: str) -> Path:
    """Where the pictures of a run lie, or a mask that was brushed. Who is given the address of a
    picture does not learn the id from it, and so can neither stop the run nor have its film."""
    return runs() / hashlib.sha256(run_id.encode()).hexdigest()[:32]


def sweep() -> None:
    """Remove what was finished `KEPT` seconds ago, and where nothing was written since."""
    for folder in runs().glob("*"):
        try:
            since = next(folder.glob("*.png"), None)
            written = [since] if since else [folder, *folder.iterdir()]
            if time.time() - max(path.stat().st_mtime for path in written) > KEPT:
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
