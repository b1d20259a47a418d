"""Calls tools with the official client in its current version, and prints what it got as JSON.

Arguments: the URL of the server. Standard input: for each connection a token, and the names of the
tools with their arguments.
"""

import asyncio
import json
import sys

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client


async def connect(url: str, token: str, calls: list[list]) -> dict:
    """Call tools with a token."""
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        tools = (await client.list_tools()).tools
        results = [await client.call_tool(*each) for each in calls]
        return {
            "version": client.session.protocol_version,
            "server": client.session.server_info.name,
            "read_only": {tool.name: tool.annotations.read_only_hint for tool in tools},
            "results": [[each.is_error, each.content[0].text] for each in results],
        }


async def main() -> None:
    """Make one connection after the other."""
    print(json.dumps([await connect(sys.argv[1], *each) for each in json.load(sys.stdin)]))


asyncio.run(main())
