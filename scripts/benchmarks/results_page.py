"""Writes a table and learning curves of the finished runs of an experiment: `benchmark.py results-page logs/cartpole docs/cartpole.md`.

The table goes between the marks of the page, and the curves into an SVG file beside it.
"""

import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot as plt

from arena.errors import ArenaError
from arena.html.line_styles import agent_styles
from arena.run_folder.record import RunRecord
from arena.run_folder.result import RunResult
from benchmarks.marked_page import CHART_STYLE, MarkedPage, table
from benchmarks.options import option_parser

BAR = 475.0
"""Score that a seed must reach to be counted."""


def main(options: Sequence[str]) -> None:
    """Writes the page and its chart."""
    parser = option_parser(__name__, __doc__)
    parser.add_argument("folder", type=Path, help="folder of the experiment")
    parser.add_argument("page", type=Path, help="Markdown page; a new one has the table alone")
    arguments = parser.parse_args(options)
    page = MarkedPage(arguments.page, "results", arguments.page.stem)
    by_agent = read_results(arguments.folder)
    draw(by_agent, page.chart)
    page.write(results_table(by_agent))
    first = next(iter(by_agent.values()))[0]
    print(f"{page.path} and {page.chart} written; the runs were made on {machine_of(first)}")


def machine_of(result: RunResult) -> str:
    """Returns a line about the machine that a run was made on."""
    machine = RunRecord(Path(result.path)).provenance.machine or {}
    return f"{machine['cpu']}; {machine}"


def read_results(folder: Path) -> dict[str, list[RunResult]]:
    """Returns the results of an experiment's runs, by agent.

    Raises:
        ArenaError: if there are none.
    """
    by_agent = defaultdict(list)
    for path in sorted(folder.glob("*/*/seed-*/result.json")):
        result = RunRecord(path.parent).result
        assert result is not None
        by_agent[result.agent].append(result)
    if not by_agent:
        raise ArenaError(f"no results in {folder}; run the experiment first")
    return dict(sorted(by_agent.items()))


COLUMNS: tuple[tuple[str, Callable[[RunResult], Any], str], ...] = (
    ("env steps", lambda r: r.env_steps, ",.0f"),
    ("train s", lambda r: r.seconds.train, ".1f"),
    ("start s", lambda r: r.seconds.until_training, ".1f"),
    ("whole s", lambda r: r.seconds.total, ".1f"),
    ("env steps/s", lambda r: r.env_steps_per_second, ",.0f"),
    ("learner steps/s", lambda r: r.learner_steps / r.seconds.train, ",.0f"),
)
"""Columns whose values are medians over seeds: name, value of a result, and format."""


def results_table(by_agent: dict[str, list[RunResult]]) -> str:
    """Returns a row for each agent."""
    names = ["agent", "seeds at 475 or more", "score, mean of seeds", *(name for name, _, _ in COLUMNS)]
    rows = []
    for agent, results in by_agent.items():
        scores = [result.score_mean or 0.0 for result in results]
        passed = f"{sum(score >= BAR for score in scores)}/{len(scores)}"
        medians = [format(statistics.median(map(value, results)), form) for _, value, form in COLUMNS]
        rows.append([f"`{agent}`", passed, f"{np.mean(scores):.1f}", *medians])
    return table(names, rows)


def draw(by_agent: dict[str, list[RunResult]], path: Path) -> None:
    """Draws the median evaluation return of each agent, over env steps and over seconds of training."""
    plt.rcParams.update(CHART_STYLE)
    figure, (by_steps, by_seconds) = plt.subplots(1, 2, figsize=(10, 3.6), sharey=True, constrained_layout=True)
    styles = agent_styles({agent: agent for agent in by_agent})
    for agent, results in by_agent.items():
        curves = [RunRecord(Path(result.path)).selection for result in results]
        for axis, key, scale in ((by_steps, "env_steps", 1e-3), (by_seconds, "train_seconds", 1.0)):
            # A run that reached the target ended there, so its last value is carried on.
            grid = np.linspace(0.0, max(getattr(curve[-1], key) for curve in curves), 60)
            values = [
                np.interp(grid, [0.0, *(getattr(e, key) for e in curve)], [20.0, *(e.episode_return_mean for e in curve)])
                for curve in curves
            ]
            axis.plot(grid * scale, np.median(values, axis=0), color=styles[agent].color, linestyle=styles[agent].strokes, label=agent)
    by_steps.set(xlabel="thousand env steps", ylabel="evaluation return, median of seeds", ylim=(0, 510))
    by_seconds.set(xlabel="seconds of training", xscale="log", xlim=(0.1, None))
    by_seconds.legend(frameon=False, fontsize=8)
    figure.savefig(path, metadata={"Date": None})
