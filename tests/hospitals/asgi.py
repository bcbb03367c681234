"""Requests to an application in this process, without a socket."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2


def ask(app: Any, method: str, path: str, **more: Any) -> httpx2.Response:
    """One request to `app`."""

    async def within() -> httpx2.Response:
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://node.test") as http:
            return await http.request(method, path, **more)

    return asyncio.run(within())
