"""The app: parse the options, build the page, serve it."""

import argparse
import logging
import signal
import sys

try:  # Gradio and torch take seconds to import
    from styletx.api.mcp import NEEDS, can_serve
    from styletx.cli.options import add_device
    from styletx.core.device import set_device
    from styletx.errors import StyletxError
    from styletx.limits import ServerLimits
    from styletx.runners import registry
    from styletx.runners.queue import JobQueue
    from styletx.server.gradio_patches import patch_share_tags
    from styletx.server.serve import serve
    from styletx.text import replace_unwritable
    from styletx.ui import strings
    from styletx.ui.examples import ASSETS, SHARED
    from styletx.ui.page import build_page
    from styletx.ui.script import page_script
    from styletx.ui.theme import THEME, page_css
except KeyboardInterrupt:
    sys.exit("Stopped.")

LOGGED = ("core.threads", "runners.job", "runners.ray.runner")  # a line for each run or change


def options() -> argparse.ArgumentParser:
    """Return the parser of the options."""
    parser = argparse.ArgumentParser(
        description="Serve the page, on which a photo is repainted in the manner of a painting."
    )
    parser.add_argument("--host", help="address to listen on (or GRADIO_SERVER_NAME)")
    parser.add_argument("--port", type=int, help="port to listen on (or GRADIO_SERVER_PORT)")
    parser.add_argument("--share", action="store_true", default=None, help="make a public link")
    parser.add_argument("--mcp", action="store_true", help="offer the tool paint to agents")
    parser.add_argument("--auth", metavar="NAME:PASSWORD", help="ask visitors for these")
    add_device(parser)
    return parser


def main(arguments: list[str] | None = None) -> None:
    """Load the network, then serve the page until it is interrupted or terminated."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # also while the network is loaded
    replace_unwritable()
    parser = options()
    chosen = parser.parse_args(arguments)
    if chosen.auth and ":" not in chosen.auth:
        parser.error("--auth is written NAME:PASSWORD")
    if chosen.mcp and not can_serve():
        parser.error(NEEDS)
    set_device(chosen.device)
    start_logging()
    patch_share_tags(strings.TITLE, strings.SUBTITLE, f"gradio_api/file={SHARED.as_posix()}")
    try:
        queue = JobQueue(runner := registry.get_runner(), ServerLimits.of())
        runner.warm_up()
        serve(
            lambda: build_page(queue, chosen.mcp),
            queue,
            runner,
            server_name=chosen.host,
            server_port=chosen.port,
            share=chosen.share,
            auth=tuple(chosen.auth.split(":", 1)) if chosen.auth else None,
            theme=THEME,
            css_paths=ASSETS / "page.css",
            css=page_css(ASSETS / "small"),
            js=page_script(queue.limits),
            favicon_path=ASSETS / "icon.png",
            run_history=False,
            ssr_mode=False,
            footer_links=["api"],
            mcp_server=chosen.mcp,
        )
    except StyletxError as error:
        parser.exit(1, f"{error}\n")
    except KeyboardInterrupt:
        parser.exit(1, "Stopped.\n")
    except (OSError, OverflowError) as error:
        parser.exit(1, f"The server could not start. {explain(error, chosen.port)}\n")


def start_logging() -> None:
    """Write warnings, and what the LOGGED modules tell, to stderr."""
    logging.basicConfig(format="%(message)s")
    for module in LOGGED:
        logging.getLogger(f"styletx.{module}").setLevel(logging.INFO)


def explain(error: OSError | OverflowError, port: int | None) -> str:
    """Return why no server starts. Gradio's own error, about ports, has no number."""
    if getattr(error, "errno", 0) is not None:
        return str(error)
    tried = f"Port {port} is" if port else "All ports that were tried are"
    return f"{tried} taken, or not allowed here; choose another with --port."


if __name__ == "__main__":
    main()
