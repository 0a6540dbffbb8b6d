"""A Ray cluster on this machine whose nodes are processes of their own, started as a user starts them, and can be killed."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self

import psutil

START_SECONDS = 120.0
"""A node takes a few seconds, more where other work keeps the cores busy."""


class RayCluster:
    """Nodes with one CPU each; loopback only.

    Args:
        num_nodes: the head included.
    """

    def __init__(self, num_nodes: int) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # Ray's socket paths must stay under 108 bytes
        self._nodes: list[subprocess.Popen[bytes]] = []
        port, self.client_port = free_ports(2)
        self.address = f"127.0.0.1:{port}"
        head = ["--head", f"--port={port}", f"--ray-client-server-port={self.client_port}", "--include-dashboard=false"]
        try:
            self._start([*head, f"--temp-dir={self._folder}"])
            for _ in range(num_nodes - 1):
                self.add_node()
        except BaseException:
            self.stop()
            raise

    def add_node(self) -> None:
        """Starts one more node and waits until it has joined."""
        self._start([f"--address={self.address}"])

    def node_of(self, process: psutil.Process) -> int | None:
        """Returns the number of the node on which `process` runs, 0 for the head; None where it has ended."""
        for number, node in enumerate(self._nodes):
            if process in psutil.Process(node.pid).children(recursive=True):
                return number
        return None

    def kill_node(self, number: int) -> None:
        """Ends, as a loss of power would, all processes of a node. Not the head's."""
        assert number > 0
        node = self._nodes.pop(number)
        _kill_tree(node.pid)
        node.wait()

    def stop(self) -> None:
        """Ends all nodes and removes their files."""
        for node in reversed(self._nodes):
            _kill_tree(node.pid)
            node.wait()
        self._nodes.clear()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _start(self, arguments: list[str]) -> None:
        log = self._folder / f"node-{len(self._nodes)}-{time.monotonic_ns()}.log"
        ports = ["--min-worker-port=0", "--max-worker-port=0", "--dashboard-agent-listen-port=0", "--node-ip-address=127.0.0.1"]
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", *arguments, *ports, "--num-cpus=1", "--num-gpus=0"]
        quick = {
            "RAY_health_check_initial_delay_ms": "1000",
            "RAY_health_check_period_ms": "1000",
            "RAY_health_check_failure_threshold": "5",
        }
        environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", **quick}
        with log.open("wb") as file:
            node = subprocess.Popen(
                [*command, "--object-store-memory=80000000", "--block"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._nodes.append(node)
        deadline = time.monotonic() + START_SECONDS
        while b"--block" not in log.read_bytes():  # said once the node runs
            if node.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"no Ray node after {START_SECONDS:g} s: {log.read_text()}")
            time.sleep(0.1)


def free_ports(count: int) -> list[int]:
    """Returns ports that nothing listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _kill_tree(pid: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        processes = [*root.children(recursive=True), root]
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        psutil.wait_procs(processes[:-1], timeout=10.0)
