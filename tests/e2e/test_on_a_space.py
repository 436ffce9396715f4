"""The app as it starts on a Space of the Hugging Face Hub."""

import os

import pytest

from tests.helpers.server import PAINTING, PHOTO, QUICK, Server

pytestmark = pytest.mark.slow

# Run by Python before the app: refuses to write anywhere but where it may, and tells
GUARD = """
import errno, os, sys
MAY = [os.path.realpath(path) for path in os.environ["MAY_WRITE"].split(os.pathsep)]
def look(event, given):
    if event not in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir"):
        return
    path, flags = given[event == "os.rename"], given[2] if event == "open" else os.O_WRONLY
    if not isinstance(path, (str, bytes, os.PathLike)) or not isinstance(flags, int):
        return
    place = os.path.realpath(os.fsdecode(path))
    if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and not any(
        place == one or place.startswith(one + os.sep) for one in MAY
    ):
        os.write(2, f"WROTE {event} {place}\\n".encode())
        raise PermissionError(errno.EROFS, "read-only here", place)
sys.addaudithook(look)
os.write(2, b"ON GUARD\\n")
"""


def test_it_starts_and_paints_as_on_a_space_and_writes_nowhere_but_in_its_cache(tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard" / "sitecustomize.py").write_text(GUARD)
    server = Server(
        cache,
        SYSTEM="spaces",
        SPACE_ID="someone/styletx",
        GRADIO_SERVER_NAME="0.0.0.0",
        PYTHONPATH=str(tmp_path / "guard"),
        PYTHONDONTWRITEBYTECODE="1",
        MAY_WRITE=os.pathsep.join([str(cache), "/dev"]),
        TMPDIR=str(cache),
        MPLCONFIGDIR=str(cache),  # of a package that Gradio imports where there is one
        HOME="/nonexistent",
    ).wait()
    try:
        client = server.client(tmp_path)
        path, report = client.predict(content=PHOTO, style=PAINTING, **QUICK, api_name="/stylize")
        assert path.endswith("temple-great_wave.png")
        assert client.predict(report["run_id"], "film", api_name="/export")
    finally:
        server.close()
    told = server.log.read_text()
    assert "ON GUARD" in told
    assert "WROTE" not in told
