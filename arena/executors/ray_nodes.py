"""The nodes of a Ray cluster that was joined: the version that each has installed, and the room that it has for a run.

This module is handed Ray and imports none.
"""

import importlib.metadata
from collections.abc import Sequence
from typing import Any

from arena.errors import ArenaError
from arena.executors.base import Task
from arena.executors.ray_errors import short

DISTRIBUTION = "arena-rl"
"""Name under which the arena is installed."""
ANSWER_SECONDS = 60.0
"""Seconds to wait for every node to say which version it has."""


class RayNodes:
    """Live nodes of the cluster that this process has joined.

    Args:
        ray: the module `ray`.
    """

    def __init__(self, ray: Any) -> None:
        self._ray = ray

    def check_versions(self) -> None:
        """Refuses a cluster with a node that has another version than this machine.

        Raises:
            ArenaError: for the first such node, or if a node does not answer.
        """

        def version(name: str) -> str | None:  # nested, so that Ray carries its code: a node may lack the arena
            import importlib.metadata

            return next((found.version for found in importlib.metadata.distributions(name=name)), None)

        strategy = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        remote = self._ray.remote(version).options
        nodes = self._alive()
        asked = [remote(num_cpus=0, scheduling_strategy=strategy(node["NodeID"], soft=False)).remote(DISTRIBUTION) for node in nodes]
        here = installed_version()
        try:
            answers = self._ray.get(asked, timeout=ANSWER_SECONDS)
        except self._ray.exceptions.RayError as error:
            raise ArenaError(f"a node of the Ray cluster does not answer: {short(error)}") from error
        for node, found in zip(nodes, answers, strict=True):
            if found != here:
                name = f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"
                raise ArenaError(f"node {name} has {DISTRIBUTION} {found}, this machine {here}; install that version there")

    def check_room(self, tasks: Sequence[Task]) -> None:
        """Refuses tasks that no node can ever work on.

        Raises:
            ArenaError: for the first task that names a GPU of this machine, or asks for more than any node has.
        """
        for task in tasks:
            if ":" in task.device:
                raise ArenaError(f"device {task.device!r} names a GPU of this machine; on a cluster say 'cuda', and Ray assigns one")
            if not self.has_room(task):
                raise ArenaError(self.no_room(task))

    def has_room(self, task: Task) -> bool:
        """Returns whether some node has what a task asks for, in use or not."""
        cpus, gpus = resources(task)
        return any(node["Resources"].get("CPU", 0) >= cpus and node["Resources"].get("GPU", 0) >= gpus for node in self._alive())

    def no_room(self, task: Task) -> str:
        """Returns the sentence that says what a task asks for and what the nodes have."""
        cpus, gpus = resources(task)
        nodes = [(node["Resources"].get("CPU", 0), node["Resources"].get("GPU", 0)) for node in self._alive()]
        there = ", ".join(f"{num_cpus:g} and {num_gpus:g}" for num_cpus, num_gpus in sorted(nodes))
        return f"run {task.name} asks for {cpus} CPUs and {gpus:g} GPUs of one node; the cluster's nodes have {there}"

    def _alive(self) -> list[dict[str, Any]]:
        return [node for node in self._ray.nodes() if node["Alive"]]


def installed_version() -> str:
    """Returns the version that this machine has installed."""
    return importlib.metadata.version(DISTRIBUTION)


def resources(task: Task) -> tuple[int, float]:
    """Returns the CPUs and GPUs that a run asks for.

    It gets a GPU if its device is `cuda` (a whole one, unless it states a share), or if it is `auto` and a share is stated.
    """
    if task.device == "cpu":
        return task.threads, 0.0
    if task.gpu_share is not None:
        return task.threads, task.gpu_share
    return task.threads, 1.0 if task.device == "cuda" else 0.0
