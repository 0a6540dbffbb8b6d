"""Writes a table and learning curves of an experiment's run folders, as Markdown and SVG for `docs/`.

python scripts/results_page.py logs/cartpole docs/cartpole
"""

import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from arena.loggers.jsonl import read_jsonl
from arena.rundir import RunDir, RunResult

BAR = 475.0


def read_results(folder: Path) -> dict[str, list[RunResult]]:
    by_agent = defaultdict(list)
    for path in sorted(folder.glob("*/*/seed-*/result.json")):
        result = RunDir(path.parent).read_result()
        assert result is not None
        by_agent[result.agent].append(result)
    return dict(sorted(by_agent.items()))


def table(by_agent: dict[str, list[RunResult]]) -> str:
    header = "| agent | seeds at 475 or more | score, mean of seeds | env steps | train s | start s | whole s | env steps/s | learner steps/s |\n"
    lines = [header + "|---|---|---|---|---|---|---|---|---|"]
    for agent, results in by_agent.items():
        scores = [result.score_mean or 0.0 for result in results]
        columns = (
            [result.env_steps for result in results],
            [result.seconds["train"] for result in results],
            [result.seconds["import"] + result.seconds["build"] for result in results],
            [sum(result.seconds[part] for part in ("import", "build", "train", "evaluate", "checkpoint")) for result in results],
            [result.env_steps_per_second for result in results],
            [result.learner_steps / result.seconds["train"] for result in results],
        )
        steps, train, start, whole, rate, learner_rate = (statistics.median(column) for column in columns)
        passed = sum(score >= BAR for score in scores)
        cells = f"{passed}/{len(scores)} | {np.mean(scores):.1f} | {steps:,.0f} | {train:.1f} | {start:.1f} | {whole:.1f} | {rate:,.0f} | {learner_rate:,.0f}"
        lines.append(f"| `{agent}` | {cells} |")
    return "\n".join(lines)


def draw(by_agent: dict[str, list[RunResult]], path: Path) -> None:
    plt.rcParams.update({"svg.hashsalt": "arena", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure, (by_steps, by_seconds) = plt.subplots(1, 2, figsize=(10, 3.6), sharey=True, constrained_layout=True)
    for index, (agent, results) in enumerate(by_agent.items()):
        curves = [[record for record in read_jsonl(RunDir(Path(r.path)).evaluations) if record["kind"] == "selection"] for r in results]
        for axis, key, scale in ((by_steps, "env_steps", 1e-3), (by_seconds, "train_seconds", 1.0)):
            # A run that reached the target ended there, so its last value is carried on.
            grid = np.linspace(0.0, max(curve[-1][key] for curve in curves), 60)
            values = [
                np.interp(grid, [0.0, *(r[key] for r in curve)], [20.0, *(r["episode_return_mean"] for r in curve)]) for curve in curves
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
    machine = json.loads(RunDir(Path(first.path)).run.read_text())["record"]["machine"]
    print(table(by_agent))
    print(f"\n{machine['cpu']}; {machine}")


if __name__ == "__main__":
    main(*sys.argv[1:])
