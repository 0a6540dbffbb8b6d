"""rliable (Agarwal et al., 2021) as an oracle, in an environment of its own: it needs older packages than the arena."""

import json
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest

from arena.statistics import metrics

REQUIREMENTS = Path(__file__).parents[3] / "requirements" / "rliable.txt"

SHAPES = ((5, 1), (10, 4), (7, 3))
"""Seeds and environments."""
THRESHOLDS = np.linspace(-0.5, 1.5, 21) + 0.001

ORACLE = """
import json, sys
import numpy as np
from rliable import library, metrics
answers = []
for given in json.load(sys.stdin):
    x, y, thresholds = (np.array(given[key]) for key in ("x", "y", "thresholds"))  # [S, M]: seeds by environments
    answers.append({
        "iqm": metrics.aggregate_iqm(x),
        "mean": metrics.aggregate_mean(x),
        "median": metrics.aggregate_median(x),
        "optimality_gap": metrics.aggregate_optimality_gap(x),
        "probability": metrics.probability_of_improvement(x, y),
        "profile": library.score_distributions(x, thresholds).tolist(),
    })
print(json.dumps(answers))
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_point_estimates_are_rliables(tmp_path):
    venv.create(tmp_path / "venv")
    python = str(tmp_path / "venv" / "bin" / "python")
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", python, "--no-deps", "--require-hashes", "-r"]
    subprocess.run([*install, str(REQUIREMENTS)], check=True)
    rng = np.random.default_rng(0)
    samples = [rng.normal(0.6, 0.5, (2, *shape)).round(1) for shape in SHAPES]  # rounded: ties
    given = json.dumps([{"x": x.tolist(), "y": y.tolist(), "thresholds": THRESHOLDS.tolist()} for x, y in samples])
    process = subprocess.run([python, "-c", ORACLE], input=given, stdout=subprocess.PIPE, text=True, check=True)
    for (x, y), expected in zip(samples, json.loads(process.stdout.splitlines()[-1]), strict=True):
        for name, metric in metrics.METRICS.items():
            assert metric(list(x.T)) == pytest.approx(expected[name]), name
        probability = np.mean([metrics.probability_of_improvement(*pair) for pair in zip(x.T, y.T, strict=True)])
        assert probability == pytest.approx(expected["probability"])
        assert metrics.profile(list(x.T), THRESHOLDS) == pytest.approx(expected["profile"])
