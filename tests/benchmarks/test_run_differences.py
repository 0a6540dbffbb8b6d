"""The comparison of run folders: it finds every planted difference, and passes over times and attempts."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.run_differences import run_differences

CHECKPOINT = "checkpoint/env-steps-5"


def write(path: Path) -> Path:
    (path / CHECKPOINT / "agent").mkdir(parents=True)
    for name in ("episodes.jsonl", "evaluations.jsonl", "policy.onnx"):
        (path / name).write_text(name)
    (path / "run.json").write_text(json.dumps({"inputs": {"seed": 0}, "record": {"started": "now"}}))
    (path / "result.json").write_text(json.dumps({"status": "finished", "score_mean": 1.5, "seconds": {"train": 1.0}, "num_attempts": 1}))
    training = {"meter": {"env_steps": 5, "env_seconds": 1.0}, "progress": {"learner_steps": 3, "seconds": {"train": 1.0}}}
    (path / CHECKPOINT / "training.json").write_text(json.dumps(training))
    (path / CHECKPOINT / "manifest.json").write_text("{}")
    (path / CHECKPOINT / "agent" / "state.json").write_text("{}")
    np.savez(path / CHECKPOINT / "agent" / "weights.npz", weights=np.ones(3, np.float32), other=np.zeros(2))
    (path / "checkpoint" / "latest.json").write_text('{"directory": "env-steps-5"}')
    return path


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    expected = write(tmp_path / "straight")
    shutil.copytree(expected, tmp_path / "killed")
    return tmp_path / "killed", expected


def put(name: str, **values: object) -> Callable[[Path], object]:
    def change(path: Path) -> None:
        file = path / name
        file.write_text(json.dumps({**json.loads(file.read_text()), **values}))

    return change


def weights(value: np.ndarray) -> Callable[[Path], object]:
    return lambda path: np.savez(path / CHECKPOINT / "agent" / "weights.npz", weights=value, other=np.zeros(2))


@pytest.mark.parametrize(
    "change",
    [
        put("result.json", seconds={"train": 9.0}, num_attempts=3, cpu_seconds=4.0, path="elsewhere"),
        put(f"{CHECKPOINT}/training.json", progress={"learner_steps": 3, "seconds": {"train": 2.0}, "num_attempts": 2}),
        put(f"{CHECKPOINT}/training.json", meter={"env_steps": 5, "env_seconds": 2.0}),
        put("run.json", record={"started": "later"}),
        lambda path: (path / "attempts.json").write_text("[]"),
        lambda path: (path / CHECKPOINT / "manifest.json").write_text("[]"),
        weights(np.ones(3, np.float32)),
    ],
)
def test_times_and_attempts_are_outside_of_the_guarantee(pair: tuple[Path, Path], change: Callable[[Path], object]):
    change(pair[0])
    assert run_differences(*pair) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda path: (path / "episodes.jsonl").write_text("x"), "episodes.jsonl differs"),
        (lambda path: (path / "evaluations.jsonl").unlink(), "evaluations.jsonl differs"),
        (lambda path: (path / "policy.onnx").write_text("x"), "policy.onnx differs"),
        (put("run.json", inputs={"seed": 1}), "run.json: inputs: seed is 1, not 0"),
        (put("result.json", status="crashed"), "result.json: status is 'crashed', not 'finished'"),
        (put("result.json", score_mean=1.5000001), "result.json: score_mean is 1.5000001, not 1.5"),
        (put(f"{CHECKPOINT}/training.json", meter={"env_steps": 6}), "training.json: meter: env_steps is 6, not 5"),
        (put("checkpoint/latest.json", directory="env-steps-4"), "checkpoint/latest.json differs"),
        (lambda path: (path / CHECKPOINT / "agent" / "state.json").write_text("[]"), "state.json differs"),
        (lambda path: (path / CHECKPOINT / "agent" / "more.json").touch(), "more.json is in one of them only"),
        (weights(np.nextafter(np.ones(3, np.float32), 2)), "weights.npz: array weights differs"),
        (weights(np.ones(3)), "weights.npz: array weights differs"),
        (lambda path: np.savez(path / CHECKPOINT / "agent" / "weights.npz", weights=np.ones(3)), "weights.npz holds other arrays"),
    ],
)
def test_every_other_difference_is_named(pair: tuple[Path, Path], change: Callable[[Path], object], words: str):
    change(pair[0])
    [told] = run_differences(*pair)
    assert words in told
