"""Trains one agent for some seconds, or to a target, and prints env steps per second and what the time went into."""

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from arena.agent.hyperparameters import build_config
from arena.agent.interface import Agent
from arena.agent.isolation import refuse_other_frameworks
from arena.agent.registry import agent_spec
from arena.environments.config import EnvConfig, WrapperConfig
from arena.environments.factory import ArenaEnvFactory
from arena.environments.metering import Meter
from arena.policies.evaluation import evaluate
from arena.policies.policy import OnnxPolicy
from benchmarks.child.probe import peak_rss_bytes
from benchmarks.training_speed import Point

CHUNK_SECONDS = 0.2
"""Shortest measured call of `Agent.learn`; its env steps double until it takes that long, so that calls are as long as in a run."""


def main() -> None:
    """Measures the point on the command line."""
    point = json.loads(sys.argv[1])
    agent, meter, compile_seconds = make_agent(point)
    if "target" in point:
        found = time_to_target(agent, meter, point)
    else:
        found = measure_speed(agent, meter, point["seconds"], point.get("warm_steps", 1))
    agent.close()
    print(json.dumps({"compile_seconds": compile_seconds, "peak_rss_bytes": peak_rss_bytes(), **found}))


def make_agent(point: Point) -> tuple[Agent, Meter, float]:
    """Binds this process to as many cores as the point has threads; returns the agent, its meter, and the seconds of making it."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: point["threads"]])
    spec = agent_spec(point["agent"])
    config = build_config(spec.config, point["hyperparameters"], where=point["agent"])
    refuse_other_frameworks(spec.modules_for(config))
    agent_class, meter = spec.load(), Meter()
    env = EnvConfig(point["env"], wrappers=tuple(map(WrapperConfig, point.get("wrappers", ()))))
    factory = ArenaEnvFactory(env, meter, np.random.SeedSequence([0, point["seed"]]))
    start = time.perf_counter()
    agent = agent_class(factory, config, seed=point["seed"], device=point["device"])
    return agent, meter, time.perf_counter() - start


def measure_speed(agent: Agent, meter: Meter, seconds: float, warm_steps: int) -> dict[str, Any]:
    """Trains for some seconds, after one call that is not measured, and returns rates and the shares of the time.

    Args:
        agent: a new agent.
        meter: meter of its environments.
        seconds: seconds to train for; the call that is running at their end is measured to its own end.
        warm_steps: env steps of the first call, which resets the environments and does whatever is done once.
    """
    agent.learn(warm_steps)
    learner_steps, begin, start, cpu = 0, meter.env_steps, time.perf_counter(), time.process_time()
    env_start, act_seconds, learn_seconds, elapsed = meter.env_seconds, 0.0, 0.0, 0.0
    chunk = begin
    while elapsed < seconds:
        before = time.perf_counter()
        metrics = agent.learn(chunk)
        learner_steps += metrics.learner_steps
        act_seconds, learn_seconds = act_seconds + metrics.act_seconds, learn_seconds + metrics.learn_seconds
        meter.take_episode_columns()
        if time.perf_counter() - before < CHUNK_SECONDS:
            chunk *= 2
        elapsed = time.perf_counter() - start
    taken = meter.env_steps - begin
    return {
        "env_steps_per_second": taken / elapsed,
        "env_steps_per_cpu_second": taken / (time.process_time() - cpu),
        "learner_steps_per_second": learner_steps / elapsed,
        "iteration_env_steps": begin,
        "env_share": (meter.env_seconds - env_start) / elapsed,
        "act_share": act_seconds / elapsed,
        "learn_share": learn_seconds / elapsed,
    }


def time_to_target(agent: Agent, meter: Meter, point: Point) -> dict[str, Any]:
    """Trains until the exported policy reaches `target`, or for `max_steps`; evaluates it every `look_steps`.

    Returns the seconds of training without evaluations, and the policy's score, also on `ordinary_env` if that is not empty.
    """
    seconds, score = 0.0, -np.inf
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "policy.onnx"

        def score_on(env_id: str) -> float:
            return evaluate(OnnxPolicy(path), EnvConfig(env_id), num_episodes=100, seed=point["seed"]).episode_return_mean

        while score < point["target"] and meter.env_steps < point["max_steps"]:
            start = time.perf_counter()
            agent.learn(point["look_steps"])
            meter.take_episode_columns()
            seconds += time.perf_counter() - start
            agent.export_policy(path)
            score = score_on(point["env"])
        ordinary = score_on(point["ordinary_env"]) if point["ordinary_env"] else None
    reached = bool(score >= point["target"])
    return {"reached": reached, "train_seconds": seconds, "env_steps": meter.env_steps, "score": score, "ordinary_score": ordinary}


if __name__ == "__main__":
    main()
