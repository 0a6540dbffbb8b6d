"""Kills runs at random moments, resumes them, and compares what they leave with an uninterrupted run, byte by byte.

    benchmark.py kills --agents keras-dqn,rllib-ppo --kills 20 --records kills.jsonl
    benchmark.py kills --warm --kills 5            two seeds, whose workers are forked from a warm server

Each kill picks one of two processes (`--targets`), the arena or the worker, and one of six ways to end it: the signals KILL, TERM, INT and
HUP, STOP for `--stop-seconds` and then CONT, and STOP followed by KILL. A third of the kills come at any moment since the start of the
process, the rest while the agent trains. The experiment is then run again until it is finished, and killed again on the way until the
number is reached.

With `--warm` the warm server is a third process to be killed. The uninterrupted runs have spawned workers, so runs of forked workers are
compared with those of spawned ones as well.
"""

import contextlib
import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import psutil

from arena.formats.locks import is_locked
from benchmarks.fingerprint import AGENTS, CONTINUOUS, SMALL
from benchmarks.options import names, option_parser
from benchmarks.run_differences import run_differences

EVERY_AGENT: dict[str, tuple[str, str, dict[str, Any]]] = {
    **{name: ("CartPole-v1", *agent) for name, agent in AGENTS["CartPole-v1"].items()},
    **{name: ("Pendulum-v1", *AGENTS["Pendulum-v1"][name]) for name in CONTINUOUS},
    **{f"{name}-on-device": ("phys2d/CartPole-v1", *agent) for name, agent in AGENTS["phys2d/CartPole-v1"].items()},
}
"""Name -> environment, id and settings of the agents that are killed where `--agents` names none."""
CORE_AGENTS: dict[str, tuple[str, str, dict[str, Any]]] = {"fake": ("arena/Identity-v0", "arena.testing.fakes:FAKE_AGENT", {})}
"""Agents without a framework, for tests."""
WAYS = ("KILL", "TERM", "INT", "HUP", "STOP CONT", "STOP KILL")
"""Signals that a process gets."""
TARGETS = ("arena", "worker")
"""Processes that are killed: the one that the user started, or the one in which the agent trains."""
WARM_TARGETS = (*TARGETS, "server")
"""The same with the one that workers are forked from."""
MODULES = {"worker": "arena.worker", "server": "arena.worker.server"}
"""Word of the command line by which a process is known."""
MAX_MISSES = 10
"""Largest number of runs, one after another, that may end before the process to be killed is found."""
END_SECONDS = 900.0
"""Seconds after which an arena that has not ended counts as hanging."""
ORPHAN_SECONDS = 180.0
"""Seconds that processes of a killed arena have to leave the run folder."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kill:
    """One kill, and what became of the run."""

    agent: str
    target: str
    way: str
    seconds: float
    """Seconds from the start of the arena to the first signal."""
    num_episodes: int
    """Rows of `episodes.jsonl` at that moment."""
    faults: tuple[str, ...] = ()
    """Sentences about what went wrong before the run was compared: a hanging arena, a failure recorded that was none."""


def main(options: Sequence[str]) -> int:
    """Kills, compares, prints the table, and returns 1 if anything differs."""
    parser = option_parser(__name__, __doc__)
    parser.add_argument("--agents", type=names, default=list(EVERY_AGENT), help="names of agents, separated by commas; all by default")
    parser.add_argument("--kills", type=int, default=20, help="kills of each agent")
    parser.add_argument("--seed", type=int, default=0, help="seed of moments, processes and signals")
    parser.add_argument("--stop-seconds", type=float, default=60.0, help="seconds between STOP and CONT")
    parser.add_argument("--warm", action="store_true", help="two runs of each agent, with workers forked from a warm server")
    parser.add_argument(
        "--targets", type=names, help=f"processes to kill, some of {', '.join(WARM_TARGETS)}; all that there are by default"
    )
    parser.add_argument("--env-steps", type=int, default=6_000, help="env steps of each run")
    parser.add_argument("--records", type=Path, help="file to which every kill is appended; the table shows all that it holds")
    parser.add_argument("--folder", type=Path, help="folder for the runs, kept there, also for the next call; temporary by default")
    arguments = parser.parse_args(options)
    unknown = [name for name in arguments.agents if name not in EVERY_AGENT | CORE_AGENTS]
    if unknown:
        parser.error(f"no agent {unknown[0]!r} here; there are {', '.join(EVERY_AGENT | CORE_AGENTS)}")
    targets = arguments.targets or (WARM_TARGETS if arguments.warm else TARGETS)
    if not set(targets) <= set(WARM_TARGETS if arguments.warm else TARGETS):
        parser.error(f"cannot kill {', '.join(targets)} here; there are {', '.join(WARM_TARGETS)}, the last with --warm")
    _hear_signals()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        records = arguments.records or folder / "kills.jsonl"
        for agent in arguments.agents:
            options_of_runs = {"env_steps": arguments.env_steps, "stop_seconds": arguments.stop_seconds, "warm": arguments.warm}
            victim = Victim(agent, folder / (f"{agent}-warm" if arguments.warm else agent), targets, **options_of_runs)
            for record in victim.rounds(arguments.kills, random.Random(f"{arguments.seed} {agent}")):
                with records.open("a") as file:
                    file.write(json.dumps(record) + "\n")
        rows = [json.loads(line) for line in records.read_text().splitlines()]
    print(table(rows))
    return 1 if any(row["differences"] or any(kill["faults"] for kill in row["kills"]) for row in rows) else 0


def _hear_signals() -> None:
    """Lets what this process starts hear INT and HUP, which a shell's `&` and `nohup` make it ignore."""
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, lambda *_: None)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


class Victim:
    """One agent whose runs are killed.

    Args:
        agent: name in `EVERY_AGENT` or `CORE_AGENTS`.
        folder: folder for its runs.
        targets: the processes that are killed, some of `WARM_TARGETS`.
        env_steps: env steps of each run.
        stop_seconds: seconds between STOP and CONT.
        warm: whether there are two runs, whose workers are forked from a warm server.
    """

    def __init__(
        self, agent: str, folder: Path, targets: Sequence[str], *, env_steps: int, stop_seconds: float, warm: bool = False
    ) -> None:
        self.agent, self._folder, self._stop_seconds, self._targets = agent, folder, stop_seconds, targets
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = self._folder.resolve()
        env, name, settings = (EVERY_AGENT | CORE_AGENTS)[agent]
        seeds = (0, 1) if warm else (0,)
        self._run_names = [f"runs/{agent}/{env.replace('/', '-')}/seed-{seed}" for seed in seeds]
        (folder / "runs.toml").write_text(experiment(env, agent, name, settings, env_steps, seeds=seeds))
        (folder / "straight.toml").write_text(experiment(env, agent, name, settings, env_steps, seeds=seeds, warm=False))

    def rounds(self, num_kills: int, rng: random.Random) -> Iterable[dict[str, Any]]:
        """Yields a record of each run that was killed, resumed and finished, until there were `num_kills` kills.

        Raises:
            SystemExit: if the process to be killed was found in none of `MAX_MISSES` runs one after another.
        """
        training_start, whole_seconds = self._straight()
        count, misses, number = 0, 0, len(list(self._folder.glob("killed-*")))
        while count < num_kills:
            output = self._folder / f"killed-{number}"
            kills: list[Kill] = []
            while count + len(kills) < num_kills and self._outcome(output)[0] != "finished":
                if (kill := self._kill(output, rng, training_start, whole_seconds)) is None:
                    break
                kills.append(kill)
            faults = self._finish(output)
            found = [each for name in self._run_names for each in run_differences(output / name, self._folder / "straight" / name)]
            number += 1
            misses = 0 if kills else misses + 1
            if misses == MAX_MISSES:
                raise SystemExit(f"{self.agent}: none of {', '.join(self._targets)} was found running in {misses} runs")
            if kills:
                count += len(kills)
                yield {"agent": self.agent, "kills": [dataclasses.asdict(kill) for kill in kills], "differences": [*faults, *found]}

    def _straight(self) -> tuple[float, float]:
        """Makes the uninterrupted run unless it is there, and returns the seconds until it trained and until it had ended."""
        output, file = self._folder / "straight", self._folder / "seconds.json"
        if not file.exists():
            start = time.monotonic()
            process = self._start(output, "straight.toml")
            trains = self._wait_for_training(process, output, END_SECONDS)
            training_start = time.monotonic() - start
            if process.wait(END_SECONDS) or not trains:
                raise SystemExit(f"{self.agent}: the uninterrupted run failed; see {output / self._run_names[0]}")
            file.write_text(json.dumps([training_start, time.monotonic() - start]))
        training_start, whole_seconds = json.loads(file.read_text())
        return training_start, whole_seconds

    def _kill(self, output: Path, rng: random.Random, training_start: float, whole_seconds: float) -> Kill | None:
        """Starts or resumes the run and kills it at a random moment; None if it ended before."""
        target, way, share, anywhere = rng.choice(self._targets), rng.choice(WAYS), rng.random(), rng.random() < 1 / 3
        before, start = self._outcome(output), time.monotonic()
        process = self._start(output)
        if anywhere:
            delay = share * whole_seconds
        else:
            self._wait_for_training(process, output, END_SECONDS)
            delay = share * (whole_seconds - training_start)
        until = time.monotonic() + delay
        while time.monotonic() < until and process.poll() is None:
            time.sleep(min(0.02, delay))
        pid = process.pid if target == "arena" else self._process_below(process, MODULES[target])
        if pid is None or process.poll() is not None:
            self._end(process)
            return None
        seconds, num_episodes = time.monotonic() - start, self._num_episodes(output)
        for number, word in enumerate(way.split()):
            if number:
                time.sleep(self._stop_seconds if word == "CONT" else rng.random())
            try:
                os.kill(pid, signal.Signals[f"SIG{word}"])
            except ProcessLookupError:  # the arena has ended it meanwhile
                break
        faults = self._end(process)
        outcome = self._outcome(output)
        if (way == "STOP CONT" or target == "server") and outcome[0] != "finished":
            faults.append(f"the {target} got {way}, and the run is recorded as {outcome[0]}")
        elif target == "arena" and outcome[0] not in (None, "finished") and outcome != before:
            faults.append(f"the arena was killed ({way}), and the run is recorded as {outcome[0]}")
        return Kill(agent=self.agent, target=target, way=way, seconds=seconds, num_episodes=num_episodes, faults=tuple(faults))

    def _finish(self, output: Path) -> list[str]:
        """Runs the experiment until it is finished, and returns what went wrong."""
        process = self._start(output)
        faults = self._end(process)
        if process.returncode:
            faults.append(f"running it again ended with exit code {process.returncode}: {self._outcome(output)[0]}")
        return faults

    def _start(self, output: Path, file: str = "runs.toml") -> subprocess.Popen[bytes]:
        output.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "arena", "run", self._folder / file, "--output", output, "--retry-failed", "--quiet"]
        with (output / "arena.log").open("ab") as log:
            return subprocess.Popen(list(map(str, command)), stdout=log, stderr=log, start_new_session=True)

    def _end(self, process: subprocess.Popen[bytes]) -> list[str]:
        """Waits until the arena has ended and nobody works in the run folder; returns what went wrong."""
        faults = []
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            faults.append(f"the arena did not end within {END_SECONDS:g} s")
            process.kill()
            process.wait()
        until = time.monotonic() + ORPHAN_SECONDS
        while (workers_in(self._folder) or self._is_locked()) and time.monotonic() < until:
            time.sleep(0.1)
        for orphan in workers_in(self._folder):
            faults.append(f"a worker was left after {ORPHAN_SECONDS:g} s, in process {orphan.pid}")
            orphan.kill()
        if self._is_locked():
            faults.append(f"the run was still locked after {ORPHAN_SECONDS:g} s")
        return faults

    def _is_locked(self) -> bool:
        return any(is_locked(path.parent) for path in self._folder.rglob(".lock"))

    def _process_below(self, process: subprocess.Popen[bytes], module: str) -> int | None:
        """Returns the process of a module: the arena's own child for the server, the deepest one for a worker.

        Keepers and workers that a server has forked still have its command line.
        """
        is_server = module == MODULES["server"]
        try:
            children = psutil.Process(process.pid).children(recursive=not is_server)
            wanted = [child for child in children if is_server or child.ppid() != process.pid]
            known = {module} if is_server else {*MODULES.values()}
            found = [child.pid for child in wanted if not known.isdisjoint(child.cmdline())]
        except psutil.Error:
            return None
        return found[-1] if found else None

    def _wait_for_training(self, process: subprocess.Popen[bytes], output: Path, seconds: float) -> bool:
        until = time.monotonic() + seconds
        before = self._num_episodes(output)
        while time.monotonic() < until:
            if self._num_episodes(output) > before:
                return True
            if process.poll() is not None:
                return self._num_episodes(output) > before
            time.sleep(0.02)
        return False

    def _num_episodes(self, output: Path) -> int:
        files = [output / name / "episodes.jsonl" for name in self._run_names]
        return sum(file.read_bytes().count(b"\n") for file in files if file.exists())

    def _outcome(self, output: Path) -> tuple[str | None, int]:
        """Returns the status in the first `result.json` that isn't of a finished run, and when it was written; None and 0 without one."""
        outcome: tuple[str | None, int] = None, 0
        for name in self._run_names:
            file = output / name / "result.json"
            outcome = (str(json.loads(file.read_text())["status"]), file.stat().st_mtime_ns) if file.exists() else (None, 0)
            if outcome[0] != "finished":
                break
        return outcome


def workers_in(folder: Path) -> list[psutil.Process]:
    """Returns the workers of the runs below a folder and their keepers, whoever is their parent by now.

    A spawned one has the folder in its command line. A forked one has its server's, and is known by the files that it has open.

    Args:
        folder: Absolute path without links.
    """
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if {*MODULES.values()}.isdisjoint(words):
            continue
        with contextlib.suppress(psutil.Error):
            places = [*words, *(file.path for file in process.open_files())]
            if any(place.startswith(f"{folder}{os.sep}") for place in places):
                found.append(process)
    return found


def experiment(
    env: str, agent: str, agent_id: str, settings: dict[str, Any], env_steps: int, *, seeds: Sequence[int], warm: bool = True
) -> str:
    """Returns the experiment's TOML: six checkpoints and three evaluations of each run."""
    head = f'name = "runs"\nenvs = ["{env}"]\nseeds = {[*seeds]}\ncheckpoint_period = {env_steps // 6}\nlog_period = {env_steps // 12}\n'
    head += "" if warm else "[executor]\nwarm = false\n"
    head += f"[budget]\nenv_steps = {env_steps}\n[evaluation]\nperiod = {env_steps // 3}\nepisodes = 5\nfinal_episodes = 10\n"
    head += '[resources]\ndevice = "cpu"\nworkers = 1\n'
    algorithm = agent_id.rpartition("-")[2]
    if algorithm in SMALL:
        head += f"[hyperparameters.{algorithm}]\n{SMALL[algorithm]}"
    values = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
    return f'{head}[[agents]]\nname = "{agent}"\nagent = "{agent_id}"\n[agents.hyperparameters]\n{values}'


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Returns the kills by agent and signal, with the number of runs that differ, as a table in Markdown."""
    agents = list(dict.fromkeys(row["agent"] for row in rows))
    counts: dict[tuple[str, str, str], int] = defaultdict(int)
    for row in rows:
        for kill in row["kills"]:
            counts[row["agent"], kill["target"], kill["way"]] += 1
    targets = WARM_TARGETS if any(target == "server" for _, target, _ in counts) else TARGETS
    columns = [(target, way) for target in targets for way in WAYS]
    lines = ["| agent | " + " | ".join(f"{target}: {way}" for target, way in columns) + " | kills | runs | differences | faults |"]
    lines.append("|" + "---|" * (len(columns) + 5))
    for agent in agents:
        own = [row for row in rows if row["agent"] == agent]
        cells = [str(counts[agent, target, way] or "") for target, way in columns]
        num_different = sum(bool(row["differences"]) for row in own)
        num_faults = sum(len(kill["faults"]) for row in own for kill in row["kills"])
        totals = [sum(len(row["kills"]) for row in own), len(own), num_different, num_faults]
        lines.append(f"| `{agent}` | " + " | ".join([*cells, *map(str, totals)]) + " |")
    told = [f"- `{row['agent']}`: {'; '.join(row['differences'])}" for row in rows if row["differences"]]
    told += [f"- `{kill['agent']}`: {fault}" for row in rows for kill in row["kills"] for fault in kill["faults"]]
    return "\n".join([*lines, *([""] if told else []), *told])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
