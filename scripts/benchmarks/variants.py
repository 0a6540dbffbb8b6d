"""One measurement of one variant of a case, in a process of its own: the arena's own worker, a baseline's loop, or the floor.

All run on the same cores with one thread.
"""

import dataclasses
import json
import select
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.executors.base import MayBegin, OnEnd, OnEvent, Task, always
from arena.executors.process import WorkerProcess, end_workers
from arena.experiment.experiment import Experiment
from arena.experiment.runner import run_experiment
from arena.run_folder.events import PhaseBegan
from arena.run_folder.inputs import AgentEntry, Budget, EvaluationProtocol, Resources
from benchmarks.cases import Baseline, BenchmarkCase
from benchmarks.child.probe import peak_rss_bytes
from benchmarks.peers import peers_python
from benchmarks.processes import SCRIPTS, child_environment, last_json_line, module_command

TIMEOUT_SECONDS = 900.0
THREADS = 1
LEEWAY = 16
"""Env steps of a run beyond the case's: a budget is never overrun, so that the last vector step and its burst would often be missing."""
FIXED_ENVIRONMENT = {"PYTHONHASHSEED": "0", "ARENA_CACHE": "off"}
"""Variables of every measured process. No compiled programs are kept, since no baseline keeps any."""
Measurement = dict[str, Any]
"""What one process took: `start_seconds`, `wall_seconds`, `cpu_seconds`, `env_steps`, `updates`, `peak_rss_bytes`, `parts`, and more of
some variants."""


def measure_arena(case: BenchmarkCase, folder: Path, seed: int, *, env_steps: int, cache: str = "off") -> Measurement:
    """Returns what the arena's worker took for a whole run: metering, log, event files, checkpoint, evaluations.

    The wall seconds are those of training, log and checkpoint. Evaluations are left out, since the baselines make none. What evaluations
    cost besides their episodes is in `share_seconds` (`loop`, `log`, `checkpoint`, `evaluation`), with everything else that neither
    steps environments nor acts nor learns.

    Args:
        case: gives the agent and its hyperparameters.
        folder: folder for the run.
        seed: seed of the run.
        env_steps: number of env steps to train for.
        cache: folder of compiled programs that are kept, or `off`.
    """
    experiment = Experiment(
        name=case.name,
        agents=(AgentEntry(name=case.name, agent=case.agent, hyperparameters=case.hyperparameters),),
        envs=(EnvConfig("CartPole-v1"),),
        seeds=(seed,),
        output=folder,
        budget=Budget(env_steps=env_steps + LEEWAY),
        evaluation=EvaluationProtocol(period=5_000),  # these periods are those of configs/cartpole.toml
        checkpoint_period=100_000,
        log_period=2_000,
        resources=Resources(workers=1, threads=THREADS, device="cpu", timeout_seconds=TIMEOUT_SECONDS),
    )
    clock = _OneWorker({**FIXED_ENVIRONMENT, "ARENA_CACHE": cache})
    [result] = run_experiment(experiment, clock)
    if result.status != "finished":
        raise ArenaError(f"the arena's run of {case.name} {result.status}: {result.reason} ({result.path}/worker.log)")
    seconds = result.seconds.to_json()
    parts = {name: seconds[name] for name in ("env", "act", "learn")}
    share = {
        "loop": seconds["train"] - sum(parts.values()),
        "log": seconds["log"],
        "checkpoint": seconds["checkpoint"],
        "evaluation": seconds["evaluate"] - seconds["play"],
    }
    return {
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
class _OneWorker:
    """Runs one worker, and notes when it began to train and its largest memory."""

    environment: Mapping[str, str]
    start_seconds: float = 0.0
    peak_rss_bytes: int | None = None

    def check(self, tasks: Sequence[Task]) -> None:
        """Refuses nothing."""

    def execute(self, tasks: Sequence[Task], on_event: OnEvent, on_end: OnEnd, may_begin: MayBegin = always) -> None:
        """See `Executor.execute`."""
        for task in tasks:
            if may_begin(task) != "now":
                continue
            start = time.monotonic()
            worker = WorkerProcess(task, environment=self.environment)
            try:
                while (ended := worker.ended()) is None:
                    if not worker.stdout.closed and not select.select([worker.stdout], [], [], 0.2)[0]:
                        continue  # `ended` checks the time limit
                    for event in worker.read_events():
                        if isinstance(event, PhaseBegan) and event.phase == "training":
                            self.start_seconds = time.monotonic() - start
                        self.peak_rss_bytes = peak_rss_bytes(worker.pid or -1) or self.peak_rss_bytes
                        if (reason := on_event(task, event)) is not None:
                            raise ArenaError(reason)
                    if worker.stdout.closed:
                        time.sleep(0.01)  # it is ending
            finally:
                end_workers([worker])
            on_end(task, ended)


def measure_baseline(case: BenchmarkCase, baseline: Baseline, seed: int, peers: Path, *, profiled: bool = False) -> Measurement:
    """Returns what a baseline's loop took for the same training; with `profiled`, what `benchmarks.child.profiled` says of it.

    Args:
        case: the case that the baseline belongs to.
        baseline: the baseline.
        seed: seed of the training.
        peers: folder of the environment of SB3 and SBX.
        profiled: whether to run the loop under a profiler.
    """
    request = {"loop": baseline.loop, "env_steps": case.env_steps, "seed": seed, "hyperparameters": dict(case.hyperparameters)}
    if baseline.needs_peers:
        return measure_peer(baseline.module, request, peers, profiled=profiled)
    return measure_loop(baseline.module, request, child_environment(THREADS, case.agent, case.hyperparameters), profiled=profiled)


def measure_loop(
    module: str, request: Mapping[str, Any], environment: Mapping[str, str] | None = None, *, profiled: bool = False
) -> Measurement:
    """Runs `python -m MODULE REQUEST` and returns what it printed.

    Raises:
        ArenaError: if it fails or takes too long; with the last line of its standard error.
    """
    variables = {**(environment or child_environment(THREADS)), **FIXED_ENVIRONMENT}
    modules = ["benchmarks.child.profiled", module] if profiled else [module]
    command = module_command(*modules, _timed_request(request))
    return last_json_line(command, variables, TIMEOUT_SECONDS, f"{module} {request['loop']}")


def measure_peer(
    module: str, request: Mapping[str, Any], peers: Path, timeout_seconds: float = TIMEOUT_SECONDS, *, profiled: bool = False
) -> Measurement:
    """Runs a module as `measure_loop` does, but in the environment of SB3 and SBX, which is made first if it is missing."""
    variables = {**child_environment(THREADS), **FIXED_ENVIRONMENT, "PYTHONPATH": str(SCRIPTS)}
    variables["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"  # as in the worker of keras-dqn
    modules = ["benchmarks.child.profiled", module] if profiled else [module]
    command = [str(peers_python(peers)), "-P", "-m", *modules, _timed_request(request)]
    return last_json_line(command, variables, timeout_seconds, f"{module} {request['loop']}")


def _timed_request(request: Mapping[str, Any]) -> str:
    return json.dumps({**request, "started": time.monotonic()})
