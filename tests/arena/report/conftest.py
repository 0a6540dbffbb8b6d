"""Run folders as a worker leaves them, with outcomes that a test chooses."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from arena.environments.config import EnvConfig
from arena.formats.jsonl import JsonlWriter
from arena.run_folder import schema
from arena.run_folder.folder import RunDir
from arena.run_folder.inputs import AgentEntry, Budget, EvaluationProtocol, Run
from arena.run_folder.result import RunResult, Status
from arena.run_folder.timings import Timings

WriteRun = Callable[..., Path]


@pytest.fixture(scope="session")
def write_run() -> WriteRun:
    """Writes one run folder below `root` and returns it."""

    def write(
        root: Path,
        agent: str = "a",
        seed: int = 0,
        *,
        env: str = "CartPole-v1",
        kwargs: Mapping[str, Any] | None = None,
        final: Sequence[float] = (200.0, 300.0),
        curve: Sequence[tuple[int, float, float]] = ((500, 1.0, 100.0), (1_000, 2.0, 250.0)),
        status: Status | None = "finished",
        hyperparameters: Mapping[str, Any] | None = None,
        record: Mapping[str, Any] | None = None,
        tuning: Mapping[str, Any] | None = None,
        episodes: Sequence[int] = (),
        metrics: Mapping[str, Sequence[float]] | None = None,
        **inputs: Any,
    ) -> Path:
        run = Run(
            agent=AgentEntry(name=agent, agent="random", hyperparameters=hyperparameters or {"num_envs": 8}),
            env=EnvConfig(env, kwargs or {}),
            seed=seed,
            experiment_seed=0,
            budget=Budget(env_steps=1_000),
            evaluation=EvaluationProtocol(period=500, episodes=2, final_episodes=2),
            checkpoint_period=250,
            log_period=1_000,
        )
        run = dataclasses.replace(run, **inputs)
        run_dir = RunDir(root / run.name)
        run_dir.path.mkdir(parents=True)
        run = dataclasses.replace(run, agent=dataclasses.replace(run.agent, tuning=tuning))
        schema.write_run(run_dir, run, schema.Provenance(**(record or {})))
        with JsonlWriter(run_dir.evaluations) as evaluations:
            for env_steps, seconds, value in curve:
                evaluations.write(_evaluation("selection", env_steps, seconds, [value, value]))
            if status == "finished":
                evaluations.write({**_evaluation("final", curve[-1][0], curve[-1][1], final), **({"metrics": metrics} if metrics else {})})
        if episodes:
            with JsonlWriter(run_dir.episodes) as writer:
                for length in episodes:
                    writer.write({"env_steps": length, "episode_return": float(length), "episode_length": length, "terminated": True})
        if status is not None:
            score = sum(final) / len(final) if status == "finished" else None
            seconds = Timings(import_=1.0, build=2.0, train=4.0, env=1.0, act=0.5, learn=2.0, evaluate=0.5, checkpoint=0.1)
            schema.write_result(
                run_dir,
                RunResult(
                    **{"status": status, "agent": agent, "env": run.env.name, "seed": seed, "path": str(run_dir.path)},
                    **{"reason": "over", "env_steps": 1_000, "learner_steps": 100, "score_mean": score, "score_episodes": len(final)},
                    **{"seconds": seconds, "cpu_seconds": 9.0},
                ),
            )
        return run_dir.path

    return write


def _evaluation(kind: str, env_steps: int, seconds: float, returns: Sequence[float]) -> dict[str, Any]:
    mean = sum(returns) / len(returns)
    return {
        "kind": kind,
        "env_steps": env_steps,
        "train_seconds": seconds,
        "episode_return_mean": mean,
        "episode_returns": list(returns),
        "episode_lengths": [1] * len(returns),
    }
