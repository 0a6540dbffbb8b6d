"""One measurement, in one process: the arena's own worker, or a loop that prints a line. All on the same cores, with as many threads."""

import contextlib
import dataclasses
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from arena.agent.hyperparameters import build_config
from arena.agent.registry import agent_spec
from arena.environments.make import EnvConfig
from arena.errors import ArenaError
from arena.executors.base import OnEnd, OnEvent, Task
from arena.executors.process import THREAD_VARIABLES, WorkerProcess, end_workers
from arena.experiment.experiment import Experiment
from arena.experiment.runner import run_experiment
from arena.run_folder.events import PhaseBegan
from arena.run_folder.inputs import AgentEntry, Budget, EvaluationProtocol, Resources
from benchmarks.child.probe import peak_rss_bytes
from benchmarks.peers import peers_python, peers_script, probe_folder
from benchmarks.settings import Contest, Rival

TIMEOUT_SECONDS = 900.0
THREADS = 1
LEEWAY = 16
"""Env steps beyond the contest's: a budget is never overrun, so the last vector step, and its burst, would often be missing."""
FIXED_ENVIRONMENT = {"PYTHONHASHSEED": "0", "ARENA_CACHE": "off"}
"""No compiled programs are kept: no rival keeps any."""
Measurement = dict[str, Any]
"""`way`, `start_seconds`, `wall_seconds`, `cpu_seconds`, `env_steps`, `updates`, `peak_rss_bytes`, `parts`, and what a way adds."""


@contextlib.contextmanager
def pinned(cores: Sequence[int]) -> Iterator[None]:
    """Binds this process, and with it all that it starts, to `cores`; afterwards to those that it had."""
    if not hasattr(os, "sched_setaffinity"):
        raise ArenaError("the benchmark pins processes to cores, which only Linux lets it do")
    before = os.sched_getaffinity(0)
    if not set(cores) <= before:
        raise ArenaError(f"cores {sorted(set(cores) - before)} are not among those that this process may use: {sorted(before)}")
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def measure_arena(contest: Contest, folder: Path, seed: int, *, env_steps: int, cache: str = "off") -> Measurement:
    """Returns what the arena's worker took for a run with nothing left out: metering, log, events, checkpoint, evaluations.

    Args:
        contest: whose agent and settings.
        folder: of the run.
        seed: of the run.
        env_steps: to train for.
        cache: folder of compiled programs that are kept, or `off`: no rival keeps any.

    The stretch is training with log and checkpoint. Evaluations are no part of it, since the rivals make none; what they cost besides
    the episodes themselves is in `share_seconds` (`loop`, `log`, `checkpoint`, `evaluation`), with all else that neither steps
    environments, nor acts, nor learns.
    """
    experiment = Experiment(
        name=contest.name,
        agents=(AgentEntry(name=contest.name, agent=contest.agent, hyperparameters=contest.hyperparameters),),
        envs=(EnvConfig("CartPole-v1"),),
        seeds=(seed,),
        output=folder,
        budget=Budget(env_steps=env_steps + LEEWAY),
        evaluation=EvaluationProtocol(period=5_000),  # these periods are those of configs/cartpole.toml
        checkpoint_period=100_000,
        log_period=2_000,
        resources=Resources(workers=1, threads=THREADS, device="cpu", timeout_seconds=TIMEOUT_SECONDS),
    )
    clock = _ClockedExecutor({**FIXED_ENVIRONMENT, "ARENA_CACHE": cache})
    [result] = run_experiment(experiment, clock)
    if result.status != "finished":
        raise ArenaError(f"the arena's run of {contest.name} {result.status}: {result.reason} ({result.path}/worker.log)")
    seconds = result.seconds
    parts = {name: seconds[name] for name in ("env", "act", "learn")}
    share = {
        "loop": seconds["train"] - sum(parts.values()),
        "log": seconds["log"],
        "checkpoint": seconds["checkpoint"],
        "evaluation": seconds["evaluate"] - seconds["play"],
    }
    return {
        "way": "arena",
        "start_seconds": clock.start_seconds,
        "wall_seconds": seconds["train"] + share["log"] + share["checkpoint"],
        "cpu_seconds": seconds["train_cpu"],
        "env_steps": result.env_steps,
        "updates": result.learner_steps,
        "peak_rss_bytes": clock.peak_rss_bytes,
        "parts": parts,
        "train_seconds": seconds["train"],
        "share_seconds": share,
        "import_seconds": seconds["import"],
        "build_seconds": seconds["build"],
    }


@dataclasses.dataclass
class _ClockedExecutor:
    """Runs one worker, and notes when it began to train and the most memory that it had."""

    environment: Mapping[str, str]
    start_seconds: float = 0.0
    peak_rss_bytes: int | None = None

    def check(self, tasks: Sequence[Task]) -> None:
        """Refuses nothing."""

    def execute(self, tasks: Sequence[Task], on_event: OnEvent, on_end: OnEnd) -> None:
        """See `Executor.execute`."""
        for task in tasks:
            start = time.monotonic()
            worker = WorkerProcess(task, environment=self.environment)
            try:
                while (ended := worker.ended()) is None:
                    if not worker.stdout.closed and not select.select([worker.stdout], [], [], 0.2)[0]:
                        continue  # `ended` looks at the time limit
                    for event in worker.read_events():
                        if isinstance(event, PhaseBegan) and event.phase == "training":
                            self.start_seconds = time.monotonic() - start
                        self.peak_rss_bytes = peak_rss_bytes(worker.pid) or self.peak_rss_bytes
                        if (reason := on_event(task, event)) is not None:
                            raise ArenaError(reason)
                    if worker.stdout.closed:
                        time.sleep(0.01)  # it is ending
            finally:
                end_workers([worker])
            on_end(task, ended)


def measure_rival(contest: Contest, rival: Rival, seed: int, peers: Path, *, profiled: bool = False) -> Measurement:
    """Returns what another loop took for the same training; see `measure_loop`."""
    environment: Mapping[str, str] = {}
    if rival.module is not None:
        spec = agent_spec(contest.agent)
        config = build_config(spec.config, contest.hyperparameters, where=f"agent {contest.agent!r}")
        environment = spec.process_env_for(config)
    request = {"loop": rival.loop, "env_steps": contest.env_steps, "seed": seed, "hyperparameters": dict(contest.hyperparameters)}
    return {"way": rival.name, **measure_loop(rival.module, request, environment, peers, profiled=profiled)}


def measure_loop(
    module: str | None,
    request: Mapping[str, Any],
    environment: Mapping[str, str],
    peers: Path,
    timeout_seconds: float = TIMEOUT_SECONDS,
    *,
    profiled: bool = False,
) -> Measurement:
    """Runs `python -m module REQUEST`, or the peers' script where it is None, and returns the last line that it prints.

    With `profiled` that is what `benchmarks.child.profiled` says of the loop.

    Raises:
        ArenaError: if it fails or takes too long; with the last line of what it complained of.
    """
    variables = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(THREADS)), **FIXED_ENVIRONMENT, **environment}
    if module is None:
        variables["PYTHONPATH"] = str(probe_folder())
        variables["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"  # as keras-dqn's own worker has it
        command = [str(peers_python(peers)), *([str(probe_folder() / "profiled.py")] if profiled else []), str(peers_script())]
    else:
        command = [sys.executable, "-P", "-m", *(["benchmarks.child.profiled"] if profiled else []), module]
    what = f"{module or 'peers'} {request['loop']}"
    text = json.dumps({**request, "started": time.monotonic()})
    try:
        ended = subprocess.run(
            [*command, text], env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ArenaError(f"{what} took longer than {timeout_seconds:g} s") from error
    lines = [line for line in ended.stdout.splitlines() if line.startswith("{")]
    if ended.returncode or not lines:
        complaint = [line for line in ended.stderr.splitlines() if line.strip()] or [f"it printed no measurement (exit {ended.returncode})"]
        raise ArenaError(f"{what} failed: {complaint[-1]}")
    measurement: Measurement = json.loads(lines[-1])
    return measurement
