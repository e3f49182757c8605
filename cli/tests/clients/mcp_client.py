"""A client of the official MCP SDK for Python (2.x), for tests of `weir serve`.

mcp_client.py MODE WHERE…   MODE: auto | legacy; WHERE: an address, or `stdio FOLDER PROGRAM…`

Prints one JSON object: the protocol, the tools, and what calls came to.
"""

import json
import sys

import anyio
import mcp_types as types
from mcp import Client, StdioServerParameters

GUARD = 60


async def main(mode, where):
    seen = {"asked": [], "declined": []}
    accept = True

    async def elicit(context, params):
        seen["asked" if accept else "declined"].append(params.message)
        if not accept:
            return types.ElicitResult(action="decline")
        return types.ElicitResult(action="accept", content={"approved": True, "note": "by a test"})

    if where[0] == "stdio":
        server = StdioServerParameters(command=where[2], args=where[3:], cwd=where[1])
    else:
        server = where[0]
    async with Client(server, mode=mode, elicitation_callback=elicit) as client:
        seen["protocol"] = client.protocol_version
        tools = (await client.list_tools()).tools
        seen["tools"] = [tool.name for tool in tools]
        seen["schema"] = next(tool.input_schema for tool in tools if tool.name == "shop_hello")
        told = []

        async def progress(done, total, message):
            told.append(message)

        hello = await client.call_tool("shop_hello", {"name": "Ann"}, progress_callback=progress)
        seen["hello"] = hello.structured_content
        wrong = await client.call_tool("shop_hello", {"nmae": "Ann"})
        seen["wrong"] = [wrong.is_error, wrong.content[0].text]
        careful = await client.call_tool("shop_careful", {"what": "this"}, progress_callback=progress)
        seen["careful"] = careful.structured_content
        seen["told"] = list(told)
        accept = False
        refused = await client.call_tool("shop_careful", {"what": "that"})
        seen["refused"] = [refused.is_error, refused.content[0].text]
        seen["cancelled"] = await cancelled(client)
    print(json.dumps(seen))


async def cancelled(client):
    """Calls a flow that waits, and gives the call up once the first progress has come."""
    told = anyio.Event()

    async def progress(done, total, message):
        told.set()

    async def call(scope):
        with scope:
            await client.call_tool("shop_waits", {}, progress_callback=progress)

    scope = anyio.CancelScope()
    async with anyio.create_task_group() as group:
        group.start_soon(call, scope)
        await told.wait()
        scope.cancel()
    # What is answered now was heard behind the cancellation, which would else be lost with the client's end.
    await client.list_tools()
    return scope.cancelled_caught


async def guarded():
    with anyio.fail_after(GUARD):
        await main(sys.argv[1], sys.argv[2:])


anyio.run(guarded)
