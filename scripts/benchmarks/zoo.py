"""Trains agents with the settings of `configs/zoo`, writes their scores into those files, and the table `docs/zoo.md` from all of them.

    benchmark.py zoo --agents keras-ppo,keras-dqn --envs CartPole-v1 --seeds 10

Rows that were measured earlier stay, each with the commit with which it was measured. Runs that are in the folder are not made again.
"""

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from arena.agent.registry import agent_spec
from arena.environments.config import EnvConfig
from arena.environments.references import Published, catalogue
from arena.errors import ArenaError, did_you_mean
from arena.executors.local import LocalExecutor
from arena.experiment.bundled import zoo_files
from arena.experiment.file import from_table
from arena.experiment.runner import run_experiment
from arena.experiment.tuned import Measured, ZooAgent, ZooFile, read_zoo_file, zoo_hyperparameters
from arena.formats.json import write_bytes
from arena.formats.toml import toml_key, toml_table, toml_value
from arena.run_folder.record import RunRecord
from benchmarks.marked_page import MarkedPage, table
from benchmarks.options import names, option_parser

PAGE = Path(__file__).parents[2] / "docs" / "zoo.md"
"""Page with the table."""
HEAD = "# Tuned settings for one environment, by algorithm and agent; `measured` is written by `python3 scripts/benchmark.py zoo`."
"""First line of every file of settings."""


def main(options: Sequence[str]) -> int:
    """Measures, writes files and page, and returns 1 if a run has failed."""
    parser = option_parser(__name__, __doc__)
    parser.add_argument("--agents", type=names, default=[], help="agents to measure, separated by commas; none writes the page alone")
    parser.add_argument("--envs", type=names, default=[], help="environments, separated by commas; all that have settings by default")
    parser.add_argument("--seeds", type=int, default=10, help="training seeds of each agent on each environment")
    parser.add_argument("--output", type=Path, default=Path("logs"), help="folder for the runs, below zoo/")
    parser.add_argument("--workers", type=int, default=0, help="runs at a time; 0 means one for each core")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page")
    arguments = parser.parse_args(options)
    files = chosen_files(arguments.envs)
    failed = [
        f"{agent} on {file.config.name}"
        for path, file in files.items()
        for agent in arguments.agents
        if agent in file.agents and not measure(path, agent, arguments)
    ]
    MarkedPage(arguments.page, "zoo", "Zoo").write(tables([read_zoo_file(path) for _, path in sorted(zoo_files().items())]))
    print(f"{arguments.page} written" + (f"; failed: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


def chosen_files(envs: Sequence[str]) -> dict[Path, ZooFile]:
    """Returns the files of settings for environments, or all of them; refuses an environment that has none."""
    files = {path: read_zoo_file(path) for _, path in sorted(zoo_files().items())}
    known = [file.env for file in files.values()]
    for env in envs:
        if env not in known:
            raise ArenaError(f"no settings for {env!r} in configs/zoo{did_you_mean(env, known)} (there are some for: {', '.join(known)})")
    return {path: file for path, file in files.items() if not envs or file.env in envs}


def measure(path: Path, agent: str, arguments: Any) -> bool:
    """Trains an agent with the settings in a file, and writes its scores there; returns whether all runs finished."""
    file = read_zoo_file(path)
    entry = file.agents[agent]
    experiment = from_table(experiment_table(file, agent, arguments.seeds, arguments.output))
    results = run_experiment(experiment, LocalExecutor(arguments.workers or experiment.resources.workers))
    if any(result.status != "finished" or result.score_mean is None for result in results):
        return False
    git = RunRecord(Path(results[0].path)).provenance.git or {}
    measured = Measured(
        scores=tuple(round(float(result.score_mean or 0.0), 3) for result in results),
        train_seconds=round(statistics.median(result.seconds.train for result in results), 1),
        commit=str(git.get("commit", "unknown"))[:9],
    )
    file = read_zoo_file(path)  # again: another process may have measured another agent meanwhile
    agents = {**file.agents, agent: dataclasses.replace(entry, measured=measured)}
    write_bytes(path, zoo_text(dataclasses.replace(file, agents=agents)).encode())
    return True


def experiment_table(file: ZooFile, agent: str, num_seeds: int, output: Path) -> dict[str, Any]:
    """Returns the experiment that measures one agent on one environment."""
    entry = file.agents[agent]
    values = zoo_hyperparameters(file, agent, agent_spec(agent).algorithm)
    return {
        "name": "zoo",
        "output": str(output),
        "agents": [{"agent": agent, "hyperparameters": values}],
        "envs": [file.config.to_entry()],
        "seeds": num_seeds,
        "budget": {"env_steps": entry.env_steps},
        "evaluation": {"period": entry.evaluation_period},
        "resources": {"device": "cpu"},
    }


def zoo_text(file: ZooFile) -> str:
    """Returns a file of settings as TOML."""
    parts = [HEAD, f"env = {toml_value(file.env)}"]
    if file.wrappers:
        parts += [f"wrappers = {toml_value(list(file.wrappers))}"]
    for algorithm, values in sorted(file.hyperparameters.items()):
        parts += ["", *toml_table(f"hyperparameters.{toml_key(algorithm)}", values)]
    for agent, entry in sorted(file.agents.items()):
        plain: dict[str, Any] = {"found": entry.found, "env_steps": entry.env_steps, "evaluation_period": entry.evaluation_period}
        parts += ["", *toml_table(f"agents.{toml_key(agent)}", plain)]
        if entry.hyperparameters:
            parts += [f"hyperparameters = {toml_value(entry.hyperparameters)}"]
        if entry.measured is not None:
            parts += [f"measured = {toml_value(dataclasses.asdict(entry.measured))}"]
    return "\n".join([*parts, ""])


def tables(files: Sequence[ZooFile]) -> str:
    """Returns one table of all environments and agents, and one for each environment with the published numbers beside ours."""
    measured = {file.config.name: {agent: entry for agent, entry in file.agents.items() if entry.measured} for file in files}
    agents = sorted({agent for row in measured.values() for agent in row})
    overview = [[env, *(_mean(row.get(agent)) for agent in agents)] for env, row in measured.items() if row]
    parts = [table(["", *(f"`{agent}`" for agent in agents)], overview)]
    for env, row in measured.items():
        if row:
            parts.append(f"## {env}\n\n{_env_table(env, row)}")
    return "\n\n".join(parts)


def _env_table(env: str, agents: Mapping[str, ZooAgent]) -> str:
    columns = ["who", "algorithm", "score", "seeds", "env steps", "train s", "settings, or protocol", "commit, or source"]
    ours = [_our_row(agent, entry) for agent, entry in agents.items()]
    others = [_published_row(entry) for entry in catalogue().published if EnvConfig(entry.env_id).name == env.partition(",")[0]]
    return table(columns, [*ours, *others])


def _our_row(agent: str, entry: ZooAgent) -> list[str]:
    assert entry.measured is not None
    scores = entry.measured.scores
    score = f"{entry.measured.mean:.4g}" + (f" ({min(scores):.4g} to {max(scores):.4g})" if len(scores) > 1 else "")
    algorithm = agent_spec(agent).algorithm
    seconds = f"{entry.measured.train_seconds:.0f}"
    return [f"`{agent}`", algorithm, score, str(len(scores)), f"{entry.env_steps:,}", seconds, entry.found, f"`{entry.measured.commit}`"]


def _published_row(entry: Published) -> list[str]:
    score = f"{entry.value:.4g}" + (f" ± {entry.std:.3g}" if entry.std is not None else "")
    seeds, steps = (str(entry.num_seeds or "?"), f"{entry.env_steps:,}" if entry.env_steps else "?")
    return [entry.who, entry.algorithm, score, seeds, steps, "-", entry.protocol, entry.source]


def _mean(entry: ZooAgent | None) -> str:
    return "-" if entry is None or entry.measured is None else f"{entry.measured.mean:.4g}"
