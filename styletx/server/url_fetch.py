"""Download of pictures by URL, from public addresses only, with limits of size and time."""

import asyncio
import hashlib
import ipaddress
import re
import shutil
import socket
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import httpx

from styletx._version import VERSION
from styletx.limits import MEGA, ServerLimits

TIMEOUT_S = 15  # for all of a download
MAX_REDIRECTS = 5
MAX_NAME_LETTERS = 60  # of a file's name
IDENTITY = "identity"  # as it is: little that is compressed can be too much to hold
HEADERS = {  # museums refuse programs that do not say who they are
    "Accept-Encoding": IDENTITY,
    "User-Agent": f"styletx/{VERSION} (+https://huggingface.co/spaces/styletx/styletx)",
}
REFUSED = (401, 403)  # HTTP statuses


class PublicTransport(httpx.AsyncHTTPTransport):
    """Sends each request, also of a redirect, to an address that was verified to be public."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        pinned = httpx.Request(  # so that no second look-up can lead elsewhere
            request.method,
            request.url.copy_with(host=await public_address(request.url)),
            headers=request.headers,
            extensions={**request.extensions, "sni_hostname": request.url.host},
        )
        return await super().handle_async_request(pinned)


async def download(url: str, folder: Path, limits: ServerLimits) -> Path:
    """Download `url` into a folder of its own below `folder`. Raises `ValueError` with the
    reason."""
    async with (
        httpx.AsyncClient(
            transport=PublicTransport(),
            trust_env=False,
            timeout=TIMEOUT_S,
            follow_redirects=True,
            max_redirects=MAX_REDIRECTS,
        ) as client,
        client.stream("GET", url, headers=HEADERS) as response,
    ):
        if response.status_code in REFUSED:
            raise ValueError(
                f"its server gives it to no program (status {response.status_code}). Please "
                "download the picture in your browser, and upload the file"
            )
        if response.status_code != 200:
            raise ValueError(f"the answer was {response.status_code}")
        if response.headers.get("Content-Encoding", IDENTITY) != IDENTITY:
            raise ValueError("it is compressed, which was not asked for")
        return await save_stream(response, place_for(str(response.url), folder), limits.max_upload)


async def public_address(url: httpx.URL) -> str:
    """Return an address of the host if all its addresses are public. Raises `ValueError`."""
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("it is not a web address")
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(url.host, None, type=socket.SOCK_STREAM)
    except OSError:
        raise ValueError("there is no such host") from None
    addresses = [str(sockaddr[0]) for *_, sockaddr in found]
    if not all(is_public(address) for address in addresses):
        raise ValueError("it is not on the public web")
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
