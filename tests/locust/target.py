"""A server that answers after a time of its choice, and stands still when it is told to.

``python target.py STALL_S EVERY_S [PORT]``: prints its port; stands still for so long in every so
much.
"""

import asyncio
import random
import sys
import time

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BROKEN = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
SOURCE = random.Random(1)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while request := await reader.readuntil(b"\r\n\r\n"):
            await asyncio.sleep(SOURCE.lognormvariate(-5.5, 0.6))  # 4 ms, 11 ms at p95
            writer.write(BROKEN if request.startswith(b"GET /broken") else ANSWER)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main(stall_s: float, every_s: float, port: int = 0) -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - a program
    until_s = time.monotonic() + 300  # never left behind for long
    while time.monotonic() < until_s:
        await asyncio.sleep(every_s - stall_s)
        time.sleep(stall_s)  # noqa: ASYNC251 - nobody is answered meanwhile, which is the point


asyncio.run(main(float(sys.argv[1]), float(sys.argv[2]), *map(int, sys.argv[3:])))
