from pathlib import Path

import numpy as np
import pytest
from hostile_policies import dividing, sound

from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.policies.bounded.bounded_policy import BoundedPolicy, PolicyBroke
from arena.policies.bounded.bounds import Bounds
from arena.policies.policy import OnnxPolicy, UniformPolicy
from arena.tournament.entry.env_spaces import env_spaces
from arena.tournament.play import load_policy as module
from arena.tournament.play.load_policy import load_policy

NEAR, FAR = np.full((3, 4), 0.01, np.float32), np.ones((3, 4), np.float32)


@pytest.fixture
def load():
    spaces, rng = env_spaces(EnvConfig("CartPole-v1")), np.random.default_rng(0)
    return lambda path, **options: load_policy(path, spaces, rng, **options)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files for which a process is started; none of them is checked before."""
    paths: list[Path] = []

    def start(path: Path, **options) -> BoundedPolicy:
        paths.append(path)
        return BoundedPolicy(path, bounds=Bounds(is_file_checked=False), **options)

    monkeypatch.setattr(module, "BoundedPolicy", start)
    return paths


def test_no_file_means_random_play_and_a_trusted_file_plays_here(tmp_path: Path, load):
    random = load(None)
    assert isinstance(random, UniformPolicy)
    assert set(random.act(np.zeros((100, 4), np.float32)).tolist()) == {0, 1}
    path = sound().write(tmp_path / "policy.onnx")
    assert isinstance(load(path, trusted=True), OnnxPolicy)
    assert load(path, trusted=True) is load(path, trusted=True)


@pytest.mark.worker
def test_a_file_keeps_its_process_from_task_to_task(tmp_path: Path, load, started: list[Path]):
    path = sound().write(tmp_path / "policy.onnx")
    assert load(path).act(FAR).tolist() == load(path).act(FAR).tolist() == OnnxPolicy(path).act(FAR).tolist()
    assert started == [path]


@pytest.mark.worker
def test_what_breaks_in_one_task_fails_to_its_end_and_begins_anew_in_the_next(tmp_path: Path, load, started: list[Path]):
    path = dividing().write(tmp_path / "policy.onnx")
    for _ in range(2):
        policy = load(path)
        assert policy.act(FAR).shape == (3,)
        for observations in (NEAR, FAR):
            with pytest.raises(PolicyBroke, match="SIGFPE"):
                policy.act(observations)
    assert started == [path, path]


@pytest.mark.worker
def test_a_file_that_cannot_be_loaded_fails_when_it_is_to_act(tmp_path: Path, load):
    (tmp_path / "bad.onnx").write_text("nothing")
    policy = load(tmp_path / "bad.onnx")
    with pytest.raises(ArenaError, match=r"^policy bad\.onnx is not an ONNX file"):
        policy.act(FAR)


def test_a_file_that_is_gone_is_not_the_policys_fault(tmp_path: Path, load):
    with pytest.raises(ArenaError, match=r"absent\.onnx is missing; put the file back"):
        load(tmp_path / "absent.onnx")


@pytest.mark.worker
def test_only_so_many_processes_are_kept(tmp_path: Path, load, started: list[Path], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MAX_PROCESSES", 2)
    paths = [sound().write(tmp_path / f"{index}.onnx") for index in range(3)]
    for path in (*paths, paths[1], paths[0]):
        load(path).act(FAR)
    assert started == [*paths, paths[0]]
