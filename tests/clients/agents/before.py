"""As current.py, with the last version of the official client that begins with a handshake."""

import asyncio
import json
import sys

import httpx
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client


async def connect(url: str, token: str, calls: list[list]) -> dict:
    """Call tools with a token."""
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx.AsyncClient(headers=headers, timeout=60) as http,
        streamable_http_client(url, http_client=http) as (reads, writes, _),
        ClientSession(reads, writes) as session,
    ):
        welcome = await session.initialize()
        tools = (await session.list_tools()).tools
        results = [await session.call_tool(*each) for each in calls]
        return {
            "version": welcome.protocolVersion,
            "server": welcome.serverInfo.name,
            "read_only": {tool.name: tool.annotations.readOnlyHint for tool in tools},
            "results": [[each.isError, each.content[0].text] for each in results],
        }


async def main() -> None:
    """Make one connection after the other."""
    print(json.dumps([await connect(sys.argv[1], *each) for each in json.load(sys.stdin)]))


asyncio.run(main())
