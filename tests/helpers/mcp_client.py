"""An agent that asks for a picture: python mcp_client.py URL PHOTO PAINTING, where `mcp` is."""

import asyncio
import base64
import io
import json
import sys
from pathlib import Path

from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from PIL import Image


def as_data(path):
    return "data:image/jpeg;base64," + base64.b64encode(Path(path).read_bytes()).decode()


async def main(url, photo, painting):
    given, messages = {"content": as_data(photo), "style": as_data(painting)}, []

    async def hear(progress, total, message):
        messages.append(message or "")

    async with (
        streamablehttp_client(url) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        tools = (await session.list_tools()).tools
        painted = await session.call_tool("paint", given, progress_callback=hear)
        refused = await session.call_tool("paint", {**given, "size": 9999})
    picture = Image.open(io.BytesIO(base64.b64decode(painted.content[0].data)))
    arguments = tools[0].inputSchema["properties"]
    told = {
        "tools": [tool.name for tool in tools],
        "arguments": {name: about["description"] for name, about in arguments.items()},
        "picture": [picture.format, *picture.size],
        "words": painted.content[-1].text,
        "progress": messages,
        "refusal": refused.content[0].text if refused.isError else "",
    }
    sys.stdout.write(json.dumps(told))


asyncio.run(main(*sys.argv[1:]))
