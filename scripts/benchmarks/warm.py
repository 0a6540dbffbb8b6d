"""Measures how soon the runs of an experiment train, and what four of them hold in memory, with warm workers and with spawned ones.

Runs of one agent follow each other on one worker; both kinds of start take turns, each with the compiled programs of an earlier run. The
seconds are those from the request for a worker to the moment before its first call of `learn`. The framework's own example script takes
turns with them: its seconds are those from the start of its process to its first env step. Memory is the proportional set size (PSS, from
Linux) of four workers that train at the same time, with their keepers and their server.

    benchmark.py warm
    benchmark.py warm --agents "keras-dqn (jax)" --runs 5 --repeats 1

The last column says how many times as long as a later run the example takes (medians of both).
"""

import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from arena.executors.base import Ended, MayBegin, OnEnd, OnEvent, Task, always
from arena.executors.local import LocalExecutor
from arena.experiment.experiment import Experiment
from arena.experiment.file import from_table
from arena.experiment.runner import run_experiment
from arena.run_folder.events import PhaseBegan, ProgressMade, WorkerEvent
from benchmarks.cases import Baseline, BenchmarkCase, benchmark_cases
from benchmarks.options import names, option_parser
from benchmarks.peers import PEERS
from benchmarks.startup import AGENTS
from benchmarks.variants import measure_baseline

DEFAULT = "keras-dqn (jax),keras-ppo (jax),tfagents-dqn,rllib-dqn,kerasrl-dqn"
NUM_AT_ONCE = 4
"""Number of runs whose memory is measured together."""
LONG = 1_000_000
"""Env steps of a run that is ended once it has been measured."""


def main(options: Sequence[str]) -> None:
    """Measures what the options ask for, and prints a table."""
    parser = option_parser(__name__, __doc__)
    parser.add_argument("--agents", default=DEFAULT, help=f"comma-separated rows, of: {', '.join(AGENTS)}")
    parser.add_argument("--runs", type=int, default=4, help="runs of an experiment; the table tells the first from the later ones")
    parser.add_argument("--repeats", type=int, default=3, help="experiments of each kind")
    parser.add_argument("--no-memory", action="store_true", help="leave out the memory of four workers")
    arguments = parser.parse_args(options)
    print(f"Load at the beginning {os.getloadavg()[0]:.1f}.\n")
    columns = ("agent", "workers", "first run, s", "later runs, s", "later runs, min to max", "PSS of four, MB", "example over later runs")
    print(f"| {' | '.join(columns)} |\n|---|---|---:|---:|---:|---:|---:|")
    for name in names(arguments.agents):
        with tempfile.TemporaryDirectory(prefix="arena-warm-") as folder, _cache(Path(folder) / "cache"):
            print_rows(Path(folder), name, arguments.runs, arguments.repeats, with_memory=not arguments.no_memory)


def print_rows(folder: Path, name: str, num_runs: int, repeats: int, *, with_memory: bool) -> None:
    """Prints one row for spawned workers, one for warm ones, and one for the example script of the agent's framework."""
    start_seconds(folder / "kept", name, 1, warm=False)  # keeps its compiled programs
    case, example = example_beside(AGENTS[name][0])
    found: dict[bool, list[list[float]]] = {False: [], True: []}
    examples = []
    for repeat in range(repeats):
        for warm, seconds in found.items():
            seconds.append(start_seconds(folder / f"{repeat}-{warm}", name, num_runs, warm=warm))
        examples.append(measure_baseline(case, example, repeat, PEERS)["start_seconds"])
    usual = statistics.median(examples)
    for warm, seconds in found.items():
        first, later = [each[0] for each in seconds], sorted(value for each in seconds for value in each[1:])
        memory = f"{memory_bytes(folder / f'memory-{warm}', name, warm=warm) / 2**20:,.0f}" if with_memory else "-"
        spread = f"{later[0]:.2f} to {later[-1]:.2f}"
        kind, middle = "warm" if warm else "spawned", statistics.median(later)
        values = f"{statistics.median(first):.2f} | {middle:.2f} | {spread} | {memory} | {usual / middle:.1f}x"
        print(f"| {name} | {kind} | {values} |", flush=True)
    print(f"| {example.label} | - | {usual:.2f} | {usual:.2f} | {min(examples):.2f} to {max(examples):.2f} | - | - |", flush=True)


def example_beside(agent: str) -> tuple[BenchmarkCase, Baseline]:
    """Returns the example script of an agent's framework, for the same algorithm where there is one, and the case that it belongs to."""
    pairs = [(case, baseline) for case in benchmark_cases() for baseline in case.baselines if baseline.is_example]
    of_framework = [pair for pair in pairs if pair[0].agent.partition("-")[0] == agent.partition("-")[0]]
    return min(of_framework, key=lambda pair: pair[0].agent != agent)


def start_seconds(folder: Path, name: str, num_runs: int, *, warm: bool) -> list[float]:
    """Returns the seconds from the request for each worker, in their order, to the moment before it trains.

    Args:
        folder: output folder of the experiment.
        name: row of the table.
        num_runs: number of runs, one after the other.
        warm: whether workers may be forked from a server.
    """
    ends: list[float] = []

    def judge(run_name: str, event: WorkerEvent) -> str | None:
        del run_name
        if isinstance(event, PhaseBegan) and event.phase == "training":
            ends.append(time.monotonic())
            return "measured"
        return None

    executor = _NotedStarts(warm=warm)
    run_experiment(_experiment(folder, name, num_runs), executor, judge=judge)
    return [end - start for start, end in zip(executor.starts, ends, strict=True)]


def memory_bytes(folder: Path, name: str, *, warm: bool) -> int:
    """Returns the proportional set size of four workers that train, with their keepers and server; arguments as for `start_seconds`."""
    training: set[str] = set()
    found: list[int] = []

    def judge(run_name: str, event: WorkerEvent) -> str | None:
        if isinstance(event, ProgressMade):
            training.add(run_name)
        if len(training) == NUM_AT_ONCE and not found:
            found.append(sum(map(_proportional_bytes, psutil.Process().children(recursive=True))))
        return "measured" if found else None

    run_experiment(_experiment(folder, name, NUM_AT_ONCE), LocalExecutor(NUM_AT_ONCE, warm=warm), judge=judge)
    return found[0]


class _NotedStarts(LocalExecutor):
    """Notes the moments at which a worker can be asked for: the beginning, and the end of each run."""

    def __init__(self, *, warm: bool) -> None:
        super().__init__(1, warm=warm)
        self.starts: list[float] = []
        """Moments, in seconds of `time.monotonic()`."""

    def execute(self, tasks: Sequence[Task], on_event: OnEvent, on_end: OnEnd, may_begin: MayBegin = always) -> None:
        """See `Executor.execute`."""
        self.starts = [time.monotonic()]

        def noted_end(task: Task, how: Ended) -> None:
            on_end(task, how)
            self.starts.append(time.monotonic())

        super().execute(tasks, on_event, noted_end, may_begin)
        self.starts.pop()


def _experiment(folder: Path, name: str, num_runs: int) -> Experiment:
    agent, hyperparameters = AGENTS[name]
    table = {"name": "test", "output": str(folder), "agents": [{"agent": agent, "hyperparameters": hyperparameters}], "seeds": num_runs}
    table |= {"envs": ["CartPole-v1"], "budget": {"env_steps": LONG}, "log_period": 2_000, "evaluation": {"period": LONG}}
    return from_table({**table, "resources": {"device": "cpu"}})


def _proportional_bytes(process: psutil.Process) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


@contextlib.contextmanager
def _cache(folder: Path) -> Iterator[None]:
    before = os.environ.get("ARENA_CACHE")
    os.environ["ARENA_CACHE"] = str(folder)
    try:
        yield
    finally:
        del os.environ["ARENA_CACHE"]
        if before is not None:
            os.environ["ARENA_CACHE"] = before
