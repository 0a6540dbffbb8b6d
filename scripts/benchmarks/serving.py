"""Measures `arena serve` over loopback, beside onnxruntime called directly: requests per second, median and 99th percentile.

The server runs in a process of its own with its default limits, and plays the policy (two layers of 64) in another, as always. The client
keeps a number of connections open, each of which asks for the action of one observation after another; it runs on the same cores, so the
figures are a lower bound. `onnxruntime` calls the same file for one observation after another in this process.

With `--port`, it asks the server that listens there already, such as that of docs/examples/ray_serve.py with one policy for CartPole-v1.

    benchmark.py serving [--requests 2000] [--connections 1 8 32] [--port 8000]
"""

import asyncio
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from arena.policies.policy import OnnxPolicy
from benchmarks.balancing_policy import balancing_network
from benchmarks.options import option_parser
from benchmarks.processes import child_environment, module_command

BODY = json.dumps({"observation": [0.01, -0.02, 0.03, -0.04]}).encode()
REQUEST = b"POST /act HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


def main(options: Sequence[str]) -> None:
    """Measures, and prints a table."""
    parser = option_parser(__name__, __doc__)
    parser.add_argument("--requests", type=int, default=2_000, help="number of requests for each number of connections")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8, 32], help="numbers of connections")
    parser.add_argument("--port", type=int, help="port of a server that runs already")
    arguments = parser.parse_args(options)
    print(f"load {os.getloadavg()[0]:.1f}\n| asked | requests/s | p50 ms | p99 ms |\n|---|---:|---:|---:|")
    if arguments.port is not None:
        _ask_server("the server there", arguments.port, arguments.requests, arguments.connections)
        return
    with tempfile.TemporaryDirectory() as folder:
        policy = Path(folder, "policy.onnx")
        balancing_network().export(policy)
        _show("onnxruntime, one after another", *_direct(policy, arguments.requests))
        command = module_command("arena", "serve", str(policy), "--port", "0", "--rate", "0", "--json")
        with subprocess.Popen(command, env=child_environment(1), stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                port = int(json.loads(server.stdout.readline())["address"].rpartition(":")[2])
                _ask_server("arena serve", port, arguments.requests, arguments.connections)
            finally:
                server.terminate()


def _ask_server(name: str, port: int, num_requests: int, connections: Sequence[int]) -> None:
    asyncio.run(_load(port, 200, 8))  # warm-up
    for count in connections:
        _show(f"{name}, {count} connections", *asyncio.run(_load(port, num_requests, count)))


def _show(name: str, seconds: Sequence[float], wall_seconds: float) -> None:
    p50, p99 = np.percentile(seconds, (50, 99)) * 1e3
    print(f"| {name} | {len(seconds) / wall_seconds:,.0f} | {p50:.2f} | {p99:.2f} |", flush=True)


def _direct(policy: Path, count: int) -> tuple[list[float], float]:
    loaded, observation, seconds = OnnxPolicy(policy), np.zeros((1, 4), np.float32), []
    start = time.perf_counter()
    for _ in range(count):
        before = time.perf_counter()
        loaded.act(observation)
        loaded.scores(observation)
        seconds.append(time.perf_counter() - before)
    return seconds, time.perf_counter() - start


async def _load(port: int, num_requests: int, num_connections: int) -> tuple[list[float], float]:
    seconds: list[float] = []
    start = time.perf_counter()
    shares = np.diff(np.linspace(0, num_requests, num_connections + 1, dtype=int))
    await asyncio.gather(*(_ask(port, int(share), seconds) for share in shares))
    return seconds, time.perf_counter() - start


async def _ask(port: int, count: int, seconds: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(count):
        before = time.perf_counter()
        writer.write(REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
        await reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"the server answered {head[:20]!r}")
        seconds.append(time.perf_counter() - before)
    writer.close()
    await writer.wait_closed()
