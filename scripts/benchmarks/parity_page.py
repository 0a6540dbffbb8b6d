"""Writes tables and a figure of the DQN parity study from its run folders, as Markdown and SVG for docs/parity.md.

python scripts/benchmarks/parity_page.py logs/dqn_parity docs/parity
"""

import itertools
import statistics
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats

from arena.run_folder.record import RunRecord
from arena.run_folder.result import RunResult


def read_results(folder: Path) -> dict[str, list[RunResult]]:
    """Returns the finished runs of each agent, of the seeds that every agent has finished, by seed."""
    found: dict[str, dict[int, RunResult]] = {}
    for path in sorted(folder.glob("*/*/seed-*/result.json")):
        result = RunRecord(path.parent).result
        assert result is not None
        if result.status == "finished":
            found.setdefault(result.agent, {})[result.seed] = result
    seeds = sorted(set.intersection(*(set(results) for results in found.values())))
    return {agent: [results[seed] for seed in seeds] for agent, results in sorted(found.items())}


def curve(result: RunResult) -> tuple[list[int], list[float]]:
    """Returns env steps and mean returns of a run's selection evaluations."""
    selection = RunRecord(Path(result.path)).selection
    return [evaluated.env_steps for evaluated in selection], [evaluated.episode_return_mean for evaluated in selection]


def common_env_steps(one: RunResult, other: RunResult) -> int:
    """Returns the env steps after which the last episode ended that both runs have in common, counted from the first."""
    last = 0
    episodes = (RunRecord(Path(result.path)).episodes for result in (one, other))
    for episode, counterpart in zip(*episodes, strict=False):
        if episode != counterpart:
            break
        last = episode.env_steps
    return last


def table(names: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in [names, ["---"] * len(names), *rows])


def outcome_table(outcomes: np.ndarray, by_agent: dict[str, list[RunResult]]) -> str:
    """Each agent's mean over seeds, and its difference from the mean of the others, paired by seed, with t-intervals.

    Args:
        outcomes: `[2, agents, seeds]`, mean return over training and of the last policy.
        by_agent: gives speeds.
    """
    rows = []
    num_agents = outcomes.shape[1]
    for index, (agent, results) in enumerate(by_agent.items()):
        row = [f"`{agent}`"]
        for outcome in outcomes:
            differences = (outcome[index] - outcome.mean(0)) * num_agents / (num_agents - 1)
            low, high = stats.ttest_1samp(differences, 0.0).confidence_interval()
            row += [f"{outcome[index].mean():.1f}", f"{differences.mean():+.1f} ({low:+.1f} to {high:+.1f})"]
        train_seconds = statistics.median(result.seconds["train"] for result in results)
        row += [f"{train_seconds:.1f}", f"{statistics.median(result.learner_steps / result.seconds['train'] for result in results):,.0f}"]
        rows.append(row)
    difference = "against the others (95%)"
    return table(["", "return over training", difference, "last policy's return", difference, "train s", "learner steps/s"], rows)


def p_value(outcome: np.ndarray) -> float:
    """Returns the exact p-value of no difference between agents, by flipping the signs of whole seeds (Fisher's test for pairs).

    Agents cannot be exchanged within a seed: those whose runs part later end more alike, which is no difference in what they learn.

    Args:
        outcome: `[agents, seeds]`.
    """
    centred = outcome - outcome.mean(0)
    signs = np.array(list(itertools.product((-1.0, 1.0), repeat=outcome.shape[1])))  # [2 ** seeds, seeds]
    spread = np.square(signs @ centred.T).sum(-1)
    return float(np.mean(spread >= spread[-1] * (1.0 - 1e-12)))


def draw(by_agent: dict[str, list[RunResult]], common: np.ndarray, path: Path) -> None:
    plt.rcParams.update({"svg.hashsalt": "arena", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure, (curves, matrix) = plt.subplots(1, 2, figsize=(10, 3.8), constrained_layout=True, width_ratios=[1.25, 1.0])
    for index, (agent, results) in enumerate(by_agent.items()):
        runs = [curve(result) for result in results]
        steps = np.mean([run_steps for run_steps, _ in runs], axis=0) / 1e3  # an evaluation may come up to 8 steps late
        curves.plot(steps, np.mean([returns for _, returns in runs], axis=0), color=f"C{index}", label=agent)
    curves.set(xlabel="thousand env steps", ylabel=f"evaluation return, mean of {len(results)} seeds", ylim=(0, 510))
    curves.legend(frameon=False, fontsize=8)
    names = list(by_agent)
    matrix.imshow(common, cmap="Blues", vmin=0.0)
    for row, column in itertools.product(range(len(names)), repeat=2):
        if row != column:
            dark = common[row, column] > 0.6 * np.nanmax(common)
            matrix.text(column, row, f"{common[row, column] / 1e3:.1f}", ha="center", va="center", color="white" if dark else "black")
    matrix.set_xticks(range(len(names)), names, rotation=35, ha="right")
    matrix.set_yticks(range(len(names)), names)
    matrix.set_title("thousand env steps in common, median of seeds", fontsize=9)
    matrix.spines[:].set_visible(False)
    figure.savefig(path, metadata={"Date": None})


def main(folder: str, target: str) -> None:
    by_agent = read_results(Path(folder))
    names = list(by_agent)
    pairs = {
        (row, column): [common_env_steps(a, b) for a, b in zip(by_agent[names[row]], by_agent[names[column]], strict=True)]
        for row, column in itertools.combinations(range(len(names)), 2)
    }
    common = np.full((len(names), len(names)), np.nan)
    for (row, column), steps in pairs.items():
        common[row, column] = common[column, row] = statistics.median(steps)
    over_training = [[np.mean(curve(result)[1]) for result in results] for results in by_agent.values()]
    at_the_end = [[result.score_mean for result in results] for results in by_agent.values()]
    outcomes = np.array([over_training, at_the_end], np.float64)  # [2, agents, seeds]
    draw(by_agent, common, Path(f"{target}.svg"))
    print(f"{outcomes.shape[-1]} seeds; the same until env step (median of seeds, least to most):\n")
    print(
        table(
            ["", ""],
            [[f"{names[a]}, {names[b]}", f"{statistics.median(s):,.0f} ({min(s):,} to {max(s):,})"] for (a, b), s in pairs.items()],
        )
    )
    print(f"\n{outcome_table(outcomes, by_agent)}\n")
    for name, outcome in zip(("return over training", "last policy's return"), outcomes, strict=True):
        print(f"No difference in {name}: p = {p_value(outcome):.3f}; standard deviation over seeds {outcome.std(-1, ddof=1).mean():.1f}")
    machine = RunRecord(Path(next(iter(by_agent.values()))[0].path)).provenance.machine or {}
    print(f"\n{machine['cpu']}; {machine}")


if __name__ == "__main__":
    main(*sys.argv[1:])
