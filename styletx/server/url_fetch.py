"""Download of pictures by URL, from public addresses only, with limits of size and time."""

import asyncio
import hashlib
import ipaddress
import re
import shutil
import socket
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit
from uuid import uuid4

import gradio as gr
import httpx
from gradio import processing_utils

from styletx import metrics
from styletx.config import MEGA, ServerLimits
from styletx.text import shorten

from .storage import DiskBudget

TIMEOUT_S = 15  # for all of a download
MAX_REDIRECTS = 5
MAX_NAME_LETTERS = 60  # of a file's name
IDENTITY = "identity"  # as it is: little that is compressed can be too much to hold
MAX_DOWNLOADS = 32  # fetches, which hold little; the others wait
SHOWN_URL_LETTERS = 80  # letters of an address in a sentence


def patch_url_download(allowance: ServerLimits, disk: DiskBudget) -> None:
    """Replace Gradio 6.31's download, which limits neither size nor time and hides the reason of a
    failure."""

    gate = asyncio.Semaphore(MAX_DOWNLOADS)

    async def in_turn(url: str, folder: Path) -> Path:
        async with gate:
            if await asyncio.to_thread(disk.is_full):
                raise ValueError("there is no room for more pictures now")
            return await asyncio.wait_for(download(url, folder, allowance), TIMEOUT_S)

    async def fetch(url: str, cache_dir: str) -> str:
        shown = shorten(url, SHOWN_URL_LETTERS)
        try:
            return str(await in_turn(url, Path(cache_dir)))
        except asyncio.TimeoutError:
            reason = f"it took more than {TIMEOUT_S} s"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            reason = str(error) or "there is no answer"
        except ValueError as error:
            reason = str(error)
        metrics.increment("refusals", reason="address")
        raise gr.Error(f"{shown} could not be fetched: {reason}.", print_exception=False)

    processing_utils.async_ssrf_protected_download = fetch


async def download(url: str, folder: Path, allowance: ServerLimits) -> Path:
    """Download `url` into a folder of its own below `folder`. Raises `ValueError` with the
    reason."""
    for _ in range(MAX_REDIRECTS + 1):
        address = await public_address(url)
        parts = httpx.URL(url)
        pinned = parts.copy_with(host=address)  # so that no second look-up can lead elsewhere
        port = f":{parts.port}" if parts.port else ""
        host = f"[{parts.host}]" if ":" in parts.host else parts.host
        async with (
            httpx.AsyncClient(trust_env=False, timeout=TIMEOUT_S) as client,
            client.stream(
                "GET",
                pinned,
                headers={"Host": f"{host}{port}", "Accept-Encoding": IDENTITY},
                extensions={"sni_hostname": parts.host},
            ) as response,
        ):
            if response.has_redirect_location:
                url = urljoin(url, response.headers["Location"])
                continue
            if response.status_code != 200:
                raise ValueError(f"the answer was {response.status_code}")
            if response.headers.get("Content-Encoding", IDENTITY) != IDENTITY:
                raise ValueError("it is sent in a form that was not asked for")
            return await save_stream(response, place_for(url, folder), allowance.max_upload)
    raise ValueError(f"it leads on more than {MAX_REDIRECTS} times")


async def public_address(url: str) -> str:
    """Return an address of the host if all its addresses are public. Raises `ValueError`."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it is no address on the web")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except OSError:
        raise ValueError("there is no such host") from None
    addresses = [str(sockaddr[0]) for *_, sockaddr in found]
    if not all(is_public(address) for address in addresses):
        raise ValueError("it does not lie on the public web")
    return addresses[0]


def is_public(address: str) -> bool:
    """Return whether an IP address is global: not private, not link-local, no cloud metadata, no
    multicast."""
    ip = ipaddress.ip_address(address.split("%")[0])
    inner = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None) or ip
    return bool(inner.is_global and not inner.is_multicast and not inner.is_reserved)


def place_for(url: str, folder: Path) -> Path:
    """Return a new path among the uploads, named like the URL's file."""
    name = re.sub(r"[^\w.-]+", "_", unquote(Path(urlsplit(url).path).name))[
        -MAX_NAME_LETTERS:
    ].lstrip(".-")
    own = folder / hashlib.sha256(uuid4().bytes).hexdigest()
    own.mkdir(parents=True)
    return own / (name or "picture")


async def save_stream(response: httpx.Response, path: Path, most: float) -> Path:
    """Write the response to a file. Removes it and raises `ValueError` beyond `most` megabytes."""
    size = 0
    try:
        with path.open("wb") as file:
            async for chunk in response.aiter_raw():
                size += len(chunk)
                if size > most * MEGA:
                    raise ValueError(f"it is larger than {most:g} MB")
                file.write(chunk)
    except BaseException:
        shutil.rmtree(path.parent, ignore_errors=True)
        raise
    return path
