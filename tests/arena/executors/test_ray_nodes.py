"""The room that a run finds on the nodes of a cluster, here a list of nodes."""

from pathlib import Path
from typing import Any

import pytest

from arena.errors import ArenaError
from arena.executors.base import Task
from arena.executors.ray_nodes import RayNodes, resources


class Ray:
    """The part of Ray that lists nodes: one with 4 CPUs, one with 2 CPUs and a GPU, and a large one that was lost."""

    def nodes(self) -> list[dict[str, Any]]:
        lost = {"Alive": False, "Resources": {"CPU": 64, "GPU": 8}}
        return [lost, {"Alive": True, "Resources": {"CPU": 4.0}}, {"Alive": True, "Resources": {"CPU": 2.0, "GPU": 1.0}}]


def task(device: str = "auto", threads: int = 1, gpu_share: float | None = None) -> Task:
    wanted = {"name": "a/e/seed-0", "run_dir": Path("x/a/e/seed-0"), "process_env": {}, "timeout_seconds": 1.0}
    return Task(**wanted, threads=threads, device=device, gpu_share=gpu_share)


@pytest.mark.parametrize(
    ("device", "gpu_share", "gpus"),
    [("cpu", None, 0.0), ("cpu", 0.5, 0.0), ("auto", None, 0.0), ("auto", 0.5, 0.5), ("cuda", None, 1.0), ("cuda", 0.25, 0.25)],
)
def test_a_run_asks_for_its_share_of_a_gpu(device: str, gpu_share: float | None, gpus: float) -> None:
    assert resources(task(device, 3, gpu_share)) == (3, gpus)


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [(task(threads=4), True), (task(threads=5), False), (task("cuda", 2), True), (task("cuda", 3), False), (task("auto", 1, 0.5), True)],
)
def test_one_live_node_must_have_all_that_a_run_asks_for(wanted: Task, fits: bool) -> None:
    assert RayNodes(Ray()).has_room(wanted) is fits


def test_a_run_without_room_is_refused_with_what_there_is() -> None:
    with pytest.raises(
        ArenaError, match="run a/e/seed-0 asks for 3 CPUs and 1 GPUs of one node; the cluster's nodes have 2 and 1, 4 and 0"
    ):
        RayNodes(Ray()).check_room([task(), task("cuda", 3)])


def test_a_gpu_of_this_machine_is_refused() -> None:
    with pytest.raises(ArenaError, match="device 'cuda:1' names a GPU of this machine; on a cluster say 'cuda', and Ray assigns one"):
        RayNodes(Ray()).check_room([task("cuda:1")])
