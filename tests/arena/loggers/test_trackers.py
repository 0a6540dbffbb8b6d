"""Trackers: found by name, refused with what to install, and, in an environment of their own, the real libraries without a network."""

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from arena.errors import ArenaError
from arena.loggers.trackers.libraries import OWN, import_library, tracker_class, tracker_names

ROOT = Path(__file__).parents[3]
FAKE = "arena.testing.fakes:FAKE_AGENT"

WHAT_THEY_HOLD = """
import json, pathlib, sys
import mlflow
from trackio.sqlite_storage import SQLiteStorage
folder = pathlib.Path(sys.argv[1])
client = mlflow.MlflowClient(f"sqlite:///{folder}/mlflow/mlflow.db")
[run] = client.search_runs([client.get_experiment_by_name("arena").experiment_id])
returns = client.get_metric_history(run.info.run_id, "episode/return")
[name] = SQLiteStorage.get_runs("arena")
[wandb] = (folder / "wandb" / "wandb").glob("offline-run-*/*.wandb")
print(json.dumps({
    "mlflow": [run.info.run_name, run.info.status, run.data.params["epsilon"], [[point.step, point.value] for point in returns]],
    "trackio": [name, [[row["step"], row["episode/return"]] for row in SQLiteStorage.get_logs("arena", name) if "episode/return" in row]],
    "wandb": [part in wandb.read_bytes() for part in (b"episode/return", b"fake/CartPole-v1/seed-0")],
}))
"""


def test_trackers_are_found_by_name_and_an_unknown_one_is_refused():
    assert set(OWN) <= set(tracker_names())
    for name in OWN:
        assert tracker_class(name).__name__ == f"{name.capitalize()}Tracker"
    with pytest.raises(ArenaError, match="no tracker 'wandbb'; did you mean 'wandb'"):
        tracker_class("wandbb")


def test_a_missing_library_is_named_with_what_installs_it():
    with pytest.raises(ArenaError, match="no_such_library is not installed here: pip install no_such_library"):
        import_library("no_such_library")
    with pytest.raises(ArenaError, match="pip install no-such"):
        import_library("no_such_library.part", "no-such")


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_each_real_library_holds_the_run_and_sends_nothing(tmp_path: Path):
    subprocess.run([sys.executable, "-m", "arena", "train", FAKE, "CartPole-v1", "--steps", "3000", "--quiet"], cwd=tmp_path, check=True)
    venv.create(tmp_path / "venv")
    python = str(tmp_path / "venv" / "bin" / "python")
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", python, "--no-deps", "--require-hashes", "-r"]
    subprocess.run([*install, str(ROOT / "requirements" / "trackers.txt")], check=True)
    path = ":".join(str(ROOT / part) for part in (".", "agents", "envs"))
    variables = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": path, "TRACKIO_DIR": str(tmp_path / "trackio")}
    unshare = ["unshare", "--user", "--map-root-user", "--net"]  # without a network, what sends something fails
    can_unshare = subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode == 0
    for name in (*OWN, *OWN):
        command = [*(unshare if can_unshare else []), python, "-m", "arena", "sync", "logs/train", "--to", name, "--json"]
        said = subprocess.run(command, cwd=tmp_path, env=variables, stdout=subprocess.PIPE, text=True, check=True).stdout
        [row] = map(json.loads, said.splitlines())
        assert row["destination"] == f"{name}/arena"
    assert not row["added"], "the second time, each tracker had the run"
    reading = [python, "-c", WHAT_THEY_HOLD, str(tmp_path / "logs" / "trackers")]
    held = json.loads(subprocess.run(reading, env=variables, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[-1])
    name, status, epsilon, curve = held["mlflow"]
    assert (name, status, epsilon) == ("fake/CartPole-v1/seed-0", "FINISHED", "0.2")
    assert len(curve) > 3
    assert held["trackio"] == ["train/fake/CartPole-v1/seed-0", curve]
    assert all(held["wandb"])
