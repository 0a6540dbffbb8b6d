import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arena.environments import EnvConfig
from arena.network import Dense, PolicyNetwork
from arena.rundir import RunDir, RunResult
from arena.spaces import network_inputs
from arena.tournament import admission
from arena.tournament.players import env_spaces


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The paths of files put into quarantine, which are let through without a process of their own."""
    paths: list[Path] = []
    monkeypatch.setattr(admission, "check_policy_files", paths.extend)
    return paths


@pytest.fixture
def write_policy() -> Callable[..., Path]:
    """Writes a random linear policy for an environment or game."""

    def write(path: Path, env_id: str, seed: int = 0) -> Path:
        observations, actions = env_spaces(EnvConfig(env_id))
        rng = np.random.default_rng(seed)
        kernel = rng.normal(size=(network_inputs(observations).shape[0], int(actions.n))).astype(np.float32)
        path.parent.mkdir(parents=True, exist_ok=True)
        PolicyNetwork([Dense(kernel, np.zeros(int(actions.n), np.float32))], observations, actions).export(path)
        return path

    return write


@pytest.fixture
def write_run(write_policy: Callable[..., Path]) -> Callable[..., Path]:
    """Writes a finished run's folder as far as tournaments read it."""

    def write(
        experiment: Path, agent: str, env_id: str, seed: int, *, status: str = "finished", policy: bool = True, inputs: Any = None
    ) -> Path:
        path = experiment / agent / EnvConfig(env_id).name / f"seed-{seed}"
        path.mkdir(parents=True)
        inputs = {"agent": {"name": agent, "agent": agent}, "env": {"id": env_id, "kwargs": {}}, "seed": seed, **(inputs or {})}
        (path / "run.json").write_text(json.dumps({"inputs": inputs}))
        if policy:
            write_policy(path / "policy.onnx", env_id, seed)
        evaluations = [
            {"kind": "selection", "env_steps": 1000 * step, "train_seconds": step * (1.0 + seed), "episode_return_mean": 10.0 * step + seed}
            for step in (1, 2, 3)
        ]
        (path / "evaluations.jsonl").write_text("".join(json.dumps(line) + "\n" for line in evaluations))
        result = RunResult(
            status=status,
            agent=agent,
            env=env_id,
            seed=seed,
            path=str(path),
            env_steps=3000,
            seconds={"train": 3.0 + seed},
            cpu_seconds=9.0,
        )
        RunDir(path).write_result(result)
        return path

    return write
