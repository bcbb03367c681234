"""A server in a process of its own, so that its memory can be measured: prints its port, waits."""

import asyncio
import sys

import uvicorn

from tests.fhir_server.hostile.known import KNOWN
from tests.fhir_server.serving import serving


async def main() -> None:
    with serving() as server:
        await server.ask_async("PUT", "Patient/known", KNOWN)
        config = uvicorn.Config(server.app, port=0, log_level="critical", lifespan="off")
        running = uvicorn.Server(config)
        task = asyncio.ensure_future(running.serve())
        while not running.started:
            await asyncio.sleep(0.001)
        print(running.servers[0].sockets[0].getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.read)
        running.should_exit = True
        await task


if __name__ == "__main__":
    asyncio.run(main())
