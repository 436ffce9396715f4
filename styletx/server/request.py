"""Properties of a request: client address, path, authorization."""

from collections.abc import MutableMapping
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any

from starlette._utils import get_route_path
from starlette.requests import HTTPConnection

Message = MutableMapping[str, Any]
HEALTH = "/healthz"
CALLED = "/gradio_api/call/"
UPLOAD = "/gradio_api/upload"
NETWORK = 64  # leading bits of an IPv6 address, which a provider gives to one customer
EVENT_STREAM = "/gradio_api/queue/data"  # for pages; programs GET the path they CALLED
STATIC_PREFIXES = ("/assets/", "/static/", "/svelte/")  # Gradio's own files
PUBLIC_PATHS = {  # needed to ask for the password
    "/", "/login", "/login/", "/logout", "/theme.css", "/favicon.ico", "/robots.txt", HEALTH,
    "/manifest.json", "/pwa_icon", "/gradio_api/startup-events", "/gradio_api/login_check",
}  # fmt: skip
BLOCKED_ROUTES = (  # of Gradio, for other apps
    "proxy=", "stream", "deep_link", "custom_component", "process_recording", "vibe", "dev",
    "profiling", "undo", "runs",
)  # fmt: skip
FILE = "/gradio_api/file"
PROXY_ROUTES = (f"{FILE}=http:", f"{FILE}=https:", f"{FILE}/")  # would serve the web as if ours
BLOCKED_PREFIXES = (*(f"/gradio_api/{name}" for name in BLOCKED_ROUTES), *PROXY_ROUTES)
ICON = "/pwa_icon/"  # which Gradio draws as large as it is asked for
ICON_SIZES = ("192", "512")


def path_of(scope: Message) -> str:
    """Return the path as Gradio sees it, without a proxy's prefix."""
    return get_route_path(scope)


def is_blocked(path: str) -> bool:
    """Return whether the path is open to nobody."""
    icon = path.startswith(ICON) and path.removeprefix(ICON) not in ICON_SIZES
    return icon or path.startswith(BLOCKED_PREFIXES)


def is_static(path: str) -> bool:
    """Return whether this is one of the hundred files of a page, which are Gradio's own."""
    return path.startswith(STATIC_PREFIXES)


def called(scope: Message) -> bool:
    """Return whether a program asks for the events of its call."""
    return bool(scope["method"] == "GET" and path_of(scope).startswith(CALLED))


def event_of(scope: Message) -> str:
    """Return the id of the call whose events are asked for."""
    return path_of(scope).rstrip("/").rsplit("/", 1)[1]


def listening_session(scope: Message) -> str:
    """Return the session whose events are requested, or ""."""
    path = path_of(scope).rstrip("/")
    if scope["method"] == "GET" and path == EVENT_STREAM:
        return str(HTTPConnection(scope).query_params.get("session_hash", ""))
    if called(scope):
        event_id = event_of(scope)
        event = scope["app"].get_blocks()._queue.event_ids_to_events.get(event_id)
        return str(event.session_hash if event else event_id)
    return ""


def queued_addresses(scope: Message, proxies: int) -> list[str]:
    """Return the client address of each call that waits in Gradio's queues. Calls without a
    concurrency limit, as those that paint, never wait there."""
    lanes = scope["app"].get_blocks()._queue.event_queue_per_concurrency_id.values()
    calls = [call for lane in lanes if lane.concurrency_limit is not None for call in lane.queue]
    return [client_address(call.request.scope, proxies) for call in calls]


def client_address(scope: Message, proxies: int) -> str:
    """Return the client's address: from X-Forwarded-For, trusting `proxies` proxies, else the
    peer's."""
    forwarded = dict(scope["headers"]).get(b"x-forwarded-for", b"").decode("latin-1").split(",")
    if proxies and len(forwarded) >= proxies and forwarded[-proxies].strip():
        return client_network(forwarded[-proxies].strip())
    return client_network(str((scope.get("client") or [""])[0]))


def client_network(address: str) -> str:
    """Return the address; of IPv6 its /64 network, since one client has 2**64 addresses there."""
    try:
        ip = ip_address(address.split("%")[0])
    except ValueError:
        return address
    if isinstance(ip, IPv4Address):
        return str(ip)
    return str(ip.ipv4_mapped or ip_network((ip, NETWORK), strict=False))


def is_authorized(scope: Message) -> bool:
    """Return whether no password is set, or this client has given it, or the path is needed to give
    it."""
    gradio, path = scope["app"], path_of(scope)
    if getattr(gradio, "auth", None) is None or path in PUBLIC_PATHS or is_static(path):
        return True
    if is_cross_site(scope):
        return False
    cookies = HTTPConnection(scope).cookies
    names = (f"access-token-{kind}{gradio.cookie_id}" for kind in ("", "unsecure-"))
    return any(cookies.get(name) in gradio.tokens for name in names if cookies.get(name))


def is_cross_site(scope: Message) -> bool:
    """Return whether another site's page makes this request with a visitor's cookies, beyond
    following a link. Gradio lets every page read its answers."""
    headers = HTTPConnection(scope).headers
    followed = scope["method"] == "GET" and headers.get("sec-fetch-mode") == "navigate"
    return headers.get("sec-fetch-site") == "cross-site" and not followed
