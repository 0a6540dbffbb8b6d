"""A Ray cluster on this machine, whose nodes are processes that are started as a user starts them and can be killed."""

import contextlib
import os
import secrets
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

ATTEMPTS = 3
"""Number of attempts to start a node: `ray start` gives up after 30 seconds, which may not be enough on a busy machine."""
START_SECONDS = 120.0
"""Seconds to wait for a node, which takes a few, and more if other work keeps the cores busy."""


def use_own_token() -> None:
    """Gives this process, and the nodes and drivers that it starts, a token of their own; to be called before Ray is imported.

    Ray otherwise takes the one in the home directory for the head, if there is one, and none for the nodes that join it.
    """
    os.environ["RAY_AUTH_MODE"] = "token"
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # Ray reads it once: another one would shut this process out


class RayCluster:
    """Nodes with one CPU each that listen on the loopback address alone. Call `use_own_token` first.

    Args:
        num_nodes: number of nodes, with the head.

    Raises:
        RuntimeError: if a node does not start; the message has its log.
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
        with contextlib.suppress(psutil.NoSuchProcess):
            parents = {parent.pid for parent in process.parents()}
            return next((number for number, node in enumerate(self._nodes) if node.pid in parents), None)
        return None

    def kill_node(self, number: int) -> None:
        """Kills all processes of a node, as a loss of power would. The node must not be the head."""
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
        for _ in range(ATTEMPTS):
            log = self._folder / f"node-{time.monotonic_ns()}.log"
            node = _ray_start(arguments, log)
            deadline = time.monotonic() + START_SECONDS
            while node.poll() is None and time.monotonic() < deadline:
                if b"--block" in log.read_bytes():  # said once the node runs
                    self._nodes.append(node)
                    return
                time.sleep(0.1)
            _kill_tree(node.pid)
            node.wait()
        raise RuntimeError(f"no Ray node in {ATTEMPTS} attempts: {log.read_text()}")


def _ray_start(arguments: list[str], log: Path) -> "subprocess.Popen[bytes]":
    ports = ["--min-worker-port=0", "--max-worker-port=0", "--dashboard-agent-listen-port=0", "--node-ip-address=127.0.0.1"]
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", *arguments, *ports, "--num-cpus=1", "--num-gpus=0"]
    checks = {"RAY_health_check_initial_delay_ms": "1000", "RAY_health_check_period_ms": "1000", "RAY_health_check_failure_threshold": "5"}
    with log.open("wb") as file:
        return subprocess.Popen(
            [*command, "--object-store-memory=80000000", "--block"],
            env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0", **checks},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


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
