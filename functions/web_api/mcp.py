"""`/mcp`: the Model Context Protocol, for agents (docs/mcp.md)."""

from typing import Any

from errata import gateway
from errata.errors import StoreError
from errata.protocol import mcp
from errata.protocol.mcp_tools import INSTRUCTIONS
from errata.usecases import mcp_tools
from functions.web_api.context import Context
from functions.web_api.request import ApiResponse

# The version is that of the tools: it changes if a tool or an argument does.
_INFO = {"name": "errata", "title": "Errata", "version": "1.0"}


def respond(context: Context) -> ApiResponse:
    """Return the response to a message."""
    headers, bearer = context.request.headers, context.bearer
    if "origin" in headers:
        return _response(mcp.refused_page())
    found = mcp.read(context.request.body, headers)
    if isinstance(found, mcp.McpRequest):
        tools = [tool.definition for tool in mcp_tools.tools_of(bearer)]

        def call(name: str, arguments: Any) -> mcp.ToolResult | None:
            return _called(context, name, arguments)

        found = mcp.respond(found, mcp.McpServer(_INFO, INSTRUCTIONS, tools, call))
    return _response(found)


def _called(context: Context, name: str, arguments: Any) -> mcp.ToolResult | None:
    try:
        return mcp_tools.call(
            context.bearer, name, arguments, context.now_ms, context.dashboard_url
        )
    except StoreError as error:
        return mcp.ToolResult(f"Not done. {gateway.unavailable(error).message}", failed=True)


def _response(found: mcp.McpResponse) -> ApiResponse:
    return ApiResponse(found.body, found.status, text=None if found.body else "")
