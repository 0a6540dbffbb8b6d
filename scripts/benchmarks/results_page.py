"""Writes a table and learning curves of an experiment's run folders, as Markdown and SVG for `docs/`.

python scripts/benchmarks/results_page.py logs/cartpole docs/cartpole
"""

import statistics
import sys
from collections import defaultdict
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from arena.run_folder.record import RunRecord
from arena.run_folder.result import RunResult

BAR = 475.0


def read_results(folder: Path) -> dict[str, list[RunResult]]:
    by_agent = defaultdict(list)
    for path in sorted(folder.glob("*/*/seed-*/result.json")):
        result = RunRecord(path.parent).result
        assert result is not None
        by_agent[result.agent].append(result)
    return dict(sorted(by_agent.items()))


COLUMNS = (
    ("env steps", lambda r: r.env_steps, ",.0f"),
    ("train s", lambda r: r.seconds["train"], ".1f"),
    ("start s", lambda r: r.start_seconds, ".1f"),
    ("whole s", lambda r: r.whole_seconds, ".1f"),
    ("env steps/s", lambda r: r.env_steps_per_second, ",.0f"),
    ("learner steps/s", lambda r: r.learner_steps / r.seconds["train"], ",.0f"),
)
"""Medians over seeds."""


def table(by_agent: dict[str, list[RunResult]]) -> str:
    names = ["agent", "seeds at 475 or more", "score, mean of seeds", *(name for name, _, _ in COLUMNS)]
    lines = [names, ["---"] * len(names)]
    for agent, results in by_agent.items():
        scores = [result.score_mean or 0.0 for result in results]
        passed = f"{sum(score >= BAR for score in scores)}/{len(scores)}"
        medians = [format(statistics.median(map(value, results)), form) for _, value, form in COLUMNS]
        lines.append([f"`{agent}`", passed, f"{np.mean(scores):.1f}", *medians])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def draw(by_agent: dict[str, list[RunResult]], path: Path) -> None:
    plt.rcParams.update({"svg.hashsalt": "arena", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure, (by_steps, by_seconds) = plt.subplots(1, 2, figsize=(10, 3.6), sharey=True, constrained_layout=True)
    for index, (agent, results) in enumerate(by_agent.items()):
        curves = [RunRecord(Path(result.path)).selection for result in results]
        for axis, key, scale in ((by_steps, "env_steps", 1e-3), (by_seconds, "train_seconds", 1.0)):
            # A run that reached the target ended there, so its last value is carried on.
            grid = np.linspace(0.0, max(getattr(curve[-1], key) for curve in curves), 60)
            values = [
                np.interp(grid, [0.0, *(getattr(e, key) for e in curve)], [20.0, *(e.episode_return_mean for e in curve)])
                for curve in curves
            ]
            axis.plot(grid * scale, np.median(values, axis=0), color=f"C{index}", label=agent)
    by_steps.set(xlabel="thousand env steps", ylabel="evaluation return, median of seeds", ylim=(0, 510))
    by_seconds.set(xlabel="seconds of training", xscale="log", xlim=(0.1, None))
    by_seconds.legend(frameon=False, fontsize=8)
    figure.savefig(path, metadata={"Date": None})


def main(folder: str, target: str) -> None:
    by_agent = read_results(Path(folder))
    draw(by_agent, Path(f"{target}.svg"))
    first = next(iter(by_agent.values()))[0]
    machine = RunRecord(Path(first.path)).provenance.machine or {}
    print(table(by_agent))
    print(f"\n{machine['cpu']}; {machine}")


if __name__ == "__main__":
    main(*sys.argv[1:])
