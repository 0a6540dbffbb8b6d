"""Measures several runs at once, started by an executor: env steps/s of all together, wall seconds, and the memory of each worker."""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.executors.base import ExecutorConfig
from arena.executors.choice import make_executor
from arena.experiment.experiment import Experiment
from arena.experiment.runner import run_experiment
from arena.machine.cores import available_cores
from arena.run_folder.inputs import AgentEntry, Budget, EvaluationProtocol, Resources
from benchmarks.child.probe import peak_rss_bytes
from benchmarks.scale_curves import while_all_train
from benchmarks.scale_points import RunsPoint, scaled_hyperparameters

NUM_ENVS = 8
ROWS = 1_024
"""Env steps in PPO's rollout, as in configs/cartpole.toml."""
MAX_ENV_STEPS = 10**9
"""Budget of env steps, which is never reached: training ends after its seconds."""
TIMEOUT_SECONDS = 900.0
REPORT_SECONDS = 0.02
"""Seconds within which two events came in one report of a cluster's node; only the last tells the present env steps."""


class ProgressMarks:
    """A view of `run_experiment` that notes when each run had taken how many env steps, and the largest memory of its process.

    Args:
        experiment_name: name that tells the workers of this experiment from others on this machine.
    """

    def __init__(self, experiment_name: str) -> None:
        self.marks: dict[str, list[tuple[float, int]]] = {}
        """For each run: seconds and env steps, from the beginning of its training to the last log before its evaluation."""
        self.peak_rss_bytes: dict[str, int] = {}
        """For each run: largest resident memory of its worker."""
        self._name = experiment_name
        self._pids: dict[str, int] = {}
        self._trained: set[str] = set()

    def update(self, run_name: str, **fields: Any) -> None:
        """See `arena.experiment.runner.View`."""
        now = time.monotonic()
        if fields.get("status") == "training" and "env_steps" not in fields:
            self._mark(run_name, now, 0)
            self._pids[run_name] = _worker_pid(f"/{self._name}/{run_name}")
        elif "env_steps" in fields and run_name not in self._trained:
            self._mark(run_name, now, fields["env_steps"])
        elif "message" in fields:  # an evaluation: training has ended
            self._trained.add(run_name)
        if peak := peak_rss_bytes(self._pids.get(run_name, -1)):
            self.peak_rss_bytes[run_name] = peak

    def _mark(self, run_name: str, now: float, env_steps: int) -> None:
        marks = self.marks.setdefault(run_name, [])
        if marks and now - marks[-1][0] < REPORT_SECONDS:
            marks.pop()
        marks.append((now, env_steps))


def measure_runs(point: RunsPoint, agent: str, seconds: float, address: str = "") -> dict[str, Any]:
    """RunsPoint an experiment of `point.num_runs` seeds and returns what it took; its folder is removed afterwards.

    Args:
        point: executor, runs and threads.
        agent: id of the agent.
        seconds: seconds that each run trains.
        address: address of the cluster, for the executor `ray`.
    """
    at_once = point.at_once(available_cores())
    with tempfile.TemporaryDirectory(prefix="arena-scale-") as folder:
        experiment = Experiment(
            name=Path(folder).name,
            agents=(AgentEntry(name=agent, agent=agent, hyperparameters=scaled_hyperparameters(agent, NUM_ENVS, ROWS)),),
            envs=(EnvConfig("CartPole-v1"),),
            seeds=tuple(range(point.num_runs)),
            output=Path(folder),
            budget=Budget(env_steps=MAX_ENV_STEPS, seconds=seconds),
            evaluation=EvaluationProtocol(period=MAX_ENV_STEPS, episodes=1, final_episodes=1),
            checkpoint_period=MAX_ENV_STEPS,
            log_period=2_000,
            resources=Resources(workers=point.workers, threads=point.threads, device="cpu", timeout_seconds=TIMEOUT_SECONDS),
        )
        ray, local = ExecutorConfig(kind="ray", address=address), ExecutorConfig(warm=False)  # each with an import of its own, as on Ray
        executor = make_executor(ray if point.executor == "ray" else local, point.workers)
        marks, start = ProgressMarks(experiment.name), time.perf_counter()
        try:
            results = run_experiment(experiment, executor, marks)
        except ArenaError as error:  # the cluster cannot be joined, say
            return {"error": str(error)}
        wall_seconds = time.perf_counter() - start
    failed = [result for result in results if result.status != "finished"]
    if failed:
        return {"error": f"{len(failed)} of {len(results)} runs failed, the first: {failed[0].reason}"[:200]}
    rates = [result.env_steps / result.seconds.train for result in results]
    together: float | None
    window: float | None
    if at_once < point.num_runs:
        together, window = at_once * statistics.mean(rates), None  # they never all train at once
    else:
        together, window = while_all_train([marks.marks.get(run.name, []) for run in experiment.runs()]) or (None, None)
    peaks = list(marks.peak_rss_bytes.values())
    return {
        "at_once": at_once,
        "oversubscribed": point.is_oversubscribed(available_cores()),
        "env_steps_per_second": together,
        "window_seconds": window,
        "rates": rates,
        "sum_of_rates": sum(rates),
        "wall_seconds": wall_seconds,
        "start_seconds": [result.seconds.until_training for result in results],
        "peak_rss_bytes": peaks,
    }


def _worker_pid(folder_end: str) -> int:
    """Returns the id of the worker process whose run folder ends with `folder_end`, or -1 if there is none."""
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if "arena.worker" in command and any(part.endswith(folder_end) for part in command):
            return int(process.pid)
    return -1
