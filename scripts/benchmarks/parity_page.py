"""Prints the tables of docs/parity.md, and draws its figure: `benchmark.py parity-page logs/dqn_parity docs/parity.svg`."""

import itertools
import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from scipy import stats

from arena.errors import ArenaError
from arena.html.line_styles import agent_styles
from arena.run_folder.record import RunRecord
from arena.run_folder.result import RunResult
from benchmarks.marked_page import CHART_STYLE, table
from benchmarks.options import option_parser
from benchmarks.results_page import machine_of, read_results


def paired_results(folder: Path) -> dict[str, list[RunResult]]:
    """Returns the finished runs of each agent, in the same order of seeds: those that every agent has finished."""
    found = {
        agent: {result.seed: result for result in results if result.status == "finished"} for agent, results in read_results(folder).items()
    }
    seeds = sorted(set.intersection(*(set(results) for results in found.values())))
    if not seeds:
        raise ArenaError(f"no seed in {folder} that every agent has finished")
    return {agent: [results[seed] for seed in seeds] for agent, results in found.items()}


def curve(result: RunResult) -> tuple[list[int], list[float]]:
    """Returns env steps and mean returns of a run's selection evaluations."""
    selection = RunRecord(Path(result.path)).selection
    return [evaluated.env_steps for evaluated in selection], [evaluated.episode_return_mean for evaluated in selection]


def common_env_steps(one: RunResult, other: RunResult) -> int:
    """Returns the env steps at the end of the last episode up to which the two runs are identical."""
    last = 0
    episodes = (RunRecord(Path(result.path)).episodes for result in (one, other))
    for episode, counterpart in zip(*episodes, strict=False):
        if episode != counterpart:
            break
        last = episode.env_steps
    return last


def outcome_table(outcomes: np.ndarray, by_agent: dict[str, list[RunResult]]) -> str:
    """Returns a row for each agent: its mean over seeds, and its difference from the mean of the others, paired by seed, with t-intervals.

    Args:
        outcomes: `[2, agents, seeds]`, the mean return over training and that of the last policy.
        by_agent: results that give the speeds.
    """
    rows = []
    num_agents = outcomes.shape[1]
    for index, (agent, results) in enumerate(by_agent.items()):
        row = [f"`{agent}`"]
        for outcome in outcomes:
            differences = (outcome[index] - outcome.mean(0)) * num_agents / (num_agents - 1)
            low, high = stats.ttest_1samp(differences, 0.0).confidence_interval()
            row += [f"{outcome[index].mean():.1f}", f"{differences.mean():+.1f} ({low:+.1f} to {high:+.1f})"]
        train_seconds = statistics.median(result.seconds.train for result in results)
        row += [f"{train_seconds:.1f}", f"{statistics.median(result.learner_steps / result.seconds.train for result in results):,.0f}"]
        rows.append(row)
    difference = "against the others (95%)"
    return table(["", "return over training", difference, "last policy's return", difference, "train s", "learner steps/s"], rows)


def p_value(outcome: np.ndarray) -> float:
    """Returns the exact p-value of no difference between agents, by flipping the signs of whole seeds (Fisher's test for pairs).

    Agents are not exchanged within a seed: agents whose runs part later end more alike, which says nothing about how well they learn.

    Args:
        outcome: `[agents, seeds]`.
    """
    centred = outcome - outcome.mean(0)
    signs = np.array(list(itertools.product((-1.0, 1.0), repeat=outcome.shape[1])))  # [2 ** seeds, seeds]
    spread = np.square(signs @ centred.T).sum(-1)
    return float(np.mean(spread >= spread[-1] * (1.0 - 1e-12)))


def draw(by_agent: dict[str, list[RunResult]], common: np.ndarray, path: Path) -> None:
    """Draws learning curves, and a matrix of the env steps that pairs of agents have in common, `[agents, agents]`."""
    plt.rcParams.update(CHART_STYLE)
    figure, (curves, matrix) = plt.subplots(1, 2, figsize=(10, 3.8), constrained_layout=True, width_ratios=[1.25, 1.0])
    styles = agent_styles({agent: agent for agent in by_agent})
    for agent, results in by_agent.items():
        runs = [curve(result) for result in results]
        steps = np.mean([run_steps for run_steps, _ in runs], axis=0) / 1e3  # an evaluation may come up to 8 steps late
        curves.plot(
            steps,
            np.mean([returns for _, returns in runs], axis=0),
            color=styles[agent].color,
            linestyle=styles[agent].strokes,
            label=agent,
        )
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


def main(options: Sequence[str]) -> None:
    """Prints the tables and writes the figure."""
    parser = option_parser(__name__, __doc__)
    parser.add_argument("folder", type=Path, help="folder of the experiment configs/dqn_parity.toml")
    parser.add_argument("figure", type=Path, help="SVG file to write")
    arguments = parser.parse_args(options)
    by_agent = paired_results(arguments.folder)
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
    draw(by_agent, common, arguments.figure)
    print(f"{outcomes.shape[-1]} seeds; the same until env step (median of seeds, min to max):\n")
    print(
        table(
            ["", ""],
            [[f"{names[a]}, {names[b]}", f"{statistics.median(s):,.0f} ({min(s):,} to {max(s):,})"] for (a, b), s in pairs.items()],
        )
    )
    print(f"\n{outcome_table(outcomes, by_agent)}\n")
    for name, outcome in zip(("return over training", "last policy's return"), outcomes, strict=True):
        print(f"No difference in {name}: p = {p_value(outcome):.3f}; standard deviation over seeds {outcome.std(-1, ddof=1).mean():.1f}")
    print(f"\n{machine_of(next(iter(by_agent.values()))[0])}")
