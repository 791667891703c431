#!/usr/bin/env python3
"""Count the bytes between a client and a server: wirecount.py LISTEN_PORT SERVER_PORT OUT.json

Forwards 127.0.0.1:LISTEN_PORT to 127.0.0.1:SERVER_PORT. On SIGTERM, and every 0.5 s, writes OUT.json:
{"up": bytes client to server, "down": bytes server to client, "connections": n}. Optional: --rate BYTES_PER_SECOND
limits the upward direction and --delay SECONDS delays each direction once per chunk, to imitate a slow uplink.
"""

import argparse
import asyncio
import json
import signal
import time

COUNT = {"up": 0, "down": 0, "connections": 0}


class Bucket:
    """A token bucket shared by all connections; rate None means no limit."""

    def __init__(self, rate):
        self.rate, self.free_at = rate, time.monotonic()

    async def take(self, n):
        if not self.rate:
            return
        now = time.monotonic()
        self.free_at = max(self.free_at, now) + n / self.rate
        await asyncio.sleep(max(0.0, self.free_at - now))


async def pump(reader, writer, way, bucket, delay):
    try:
        while data := await reader.read(65536):
            COUNT[way] += len(data)
            await bucket.take(len(data))
            if delay:
                await asyncio.sleep(delay)
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except (ConnectionError, OSError, asyncio.CancelledError):
        writer.close()


async def main(a):
    up, down = Bucket(a.rate), Bucket(None)

    async def serve(reader, writer):
        COUNT["connections"] += 1
        try:
            sreader, swriter = await asyncio.open_connection("127.0.0.1", a.server)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, swriter, "up", up, a.delay), pump(sreader, writer, "down", down, a.delay))
        swriter.close()
        writer.close()

    def save():
        with open(a.out, "w") as f:
            json.dump(COUNT, f)

    stop = asyncio.Event()
    for s in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(s, stop.set)
    server = await asyncio.start_server(serve, "127.0.0.1", a.listen)
    while not stop.is_set():
        save()
        try:
            await asyncio.wait_for(stop.wait(), 0.5)
        except asyncio.TimeoutError:
            pass
    save()
    server.close()


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("listen", type=int)
    p.add_argument("server", type=int)
    p.add_argument("out")
    p.add_argument("--rate", type=float)
    p.add_argument("--delay", type=float)
    asyncio.run(main(p.parse_args()))
