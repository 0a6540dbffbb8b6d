"""A point of a curve: one agent trained for some seconds in a process of its own, started by a script that takes the point as JSON."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from arena.agent.hyperparameters import build_config
from arena.agent.interface import Agent
from arena.agent.isolation import refuse_other_frameworks
from arena.agent.registry import agent_spec
from arena.environments.make import ArenaEnvFactory, EnvConfig
from arena.environments.metering import Meter
from arena.errors import ArenaError
from arena.executors.process import THREAD_VARIABLES
from arena.formats.json import json_line

Point = Mapping[str, Any]
"""`agent`, `env`, `device`, `threads`, `seed`, `hyperparameters`, and what the script adds. Fit for JSON."""
CHUNK_SECONDS = 0.2
"""Of a call of `Agent.learn`, at least: so that calls are as long as in a run."""


def run_point(script: Path, point: Point, timeout_seconds: float) -> dict[str, Any]:
    """Returns the JSON object that `python SCRIPT --point JSON` prints last, or a table with its `error`."""
    spec = agent_spec(point["agent"])
    try:
        config = build_config(spec.config, point["hyperparameters"], where=point["agent"])
    except ArenaError as error:
        return {"error": str(error)}
    threads = str(point["threads"])
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, threads), **spec.process_env_for(config), "NPROC": threads}
    if point["device"] == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    command = [sys.executable, str(script), "--point", json.dumps(point)]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=timeout_seconds, check=True)
        found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    except subprocess.TimeoutExpired:
        return {"error": f"not done after {timeout_seconds:g} s"}
    except subprocess.CalledProcessError as error:
        return {"error": (error.stderr.strip().splitlines() or [f"exit {error.returncode}"])[-1][:120]}
    return found


def append_point(file: Path | None, record: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the record with the load of the machine, added as a line to a file of JSON lines where there is one."""
    found = {**record, "load": os.getloadavg()[0]}
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as lines:
            lines.write(json_line(found))
    return found


def make_agent(point: Point) -> tuple[Agent, Meter, float]:
    """Binds this process to as many cores as the point has threads; returns its agent, the meter, and the seconds that making it took."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: point["threads"]])
    spec = agent_spec(point["agent"])
    config = build_config(spec.config, point["hyperparameters"], where=point["agent"])
    refuse_other_frameworks(spec.modules_for(config))
    agent_class, meter = spec.load(), Meter()
    factory = ArenaEnvFactory(EnvConfig(point["env"]), meter, np.random.SeedSequence([0, point["seed"]]))
    start = time.perf_counter()
    agent = agent_class(factory, config, seed=point["seed"], device=point["device"])
    return agent, meter, time.perf_counter() - start


def speeds(agent: Agent, meter: Meter, seconds: float, warm_steps: int = 1) -> dict[str, float]:
    """Trains for some seconds, after one call that is not measured, and returns rates and where the time went.

    Args:
        agent: fresh.
        meter: of its environments.
        seconds: to train for; the call that is then under way is measured to its end.
        warm_steps: env steps of the first call, which resets and does whatever is done once.
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
