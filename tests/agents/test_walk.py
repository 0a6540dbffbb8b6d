"""A policy's way out of the arena, for every registered agent: trained, evaluated, shown, watched, explained, exported and served."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from arena.agent.registry import agent_ids, agent_spec

ON_EVERY_CHANGE = {
    "kerasrl-dqn": "litert-int8",
    "keras-ppo": "js",
    "random": "c",
    "rllib-ppo": "pt2",
    "sb3-ppo": "c",
    "tfagents-dqn": "js",
}
"""One agent of each framework, and the format of its export, which is made from the policy file whatever framework it came from. The slow
tests take every agent, and every format."""
FORMATS = {"litert": ".tflite", "litert-int8": ".tflite", "savedmodel": "", "pt2": ".pt2", "c": ".h", "js": ".js"}
HASHES = ("constant", "random")
"""Agents whose policies compute with whole numbers of 64 bits, which LiteRT and JavaScript do not have."""


def agents() -> list[Any]:
    short = [pytest.param(name, (of_agent,), id=name) for name, of_agent in ON_EVERY_CHANGE.items()]
    return [*short, *(pytest.param(name, tuple(FORMATS), id=f"{name}-all", marks=pytest.mark.slow) for name in agent_ids())]


def arena(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    """Runs a command, and returns what it says to programs."""
    command = [sys.executable, "-m", "arena", *arguments, "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=1_800, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.framework
@pytest.mark.extra
@pytest.mark.parametrize(("agent", "formats"), agents())
def test_a_policy_leaves_the_arena_by_every_way(tmp_path: Path, agent: str, formats: tuple[str, ...]) -> None:
    env = "CartPole-v1" if "discrete" in agent_spec(agent).action_spaces else "Pendulum-v1"
    arena(tmp_path, "train", agent, env, "--steps", "600", "--output", "logs")
    (record,) = tmp_path.glob("logs/*/*/*/*/run.json")
    run = str(record.parent)
    assert arena(tmp_path, "evaluate", run, "--episodes", "3")
    (shown,) = arena(tmp_path, "show", run)
    assert agent in json.dumps(shown)
    arena(tmp_path, "watch", run, "--video", "episode.webp", "--max-episode-steps", "20")
    with Image.open(tmp_path / "episode.webp") as video:
        assert video.n_frames > 2
    assert arena(tmp_path, "explain", run, "--observations", "5", "--episodes", "2")
    for name in [name for name in formats if agent not in HASHES or name not in ("litert", "litert-int8", "js")]:
        (written,) = arena(tmp_path, "export", run, "--to", name, "--episodes", "3", "--output", f"{name}{FORMATS[name]}")
        compared = written["comparison"]
        assert name == "litert-int8" or compared["num_equivalent"] == compared["num_observations"]
    assert served(tmp_path, run)["policies"]


def served(folder: Path, run: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "arena", "serve", run, "--port", "0", "--json"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = json.loads(server.stdout.readline())["address"]
            with urllib.request.urlopen(f"{address}/health", timeout=60) as answer:
                return dict(json.load(answer))
        finally:
            server.terminate()
            assert server.wait(60) == 0
