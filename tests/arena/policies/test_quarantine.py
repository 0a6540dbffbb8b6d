import gymnasium as gym
import numpy as np
import pytest
from hostile_policies import dividing, looping, misshapen, not_finite, swelling

from arena.errors import ArenaError
from arena.policies import quarantine
from arena.policies.bounded.bounds import Bounds
from arena.policies.onnx_network import Dense, PolicyNetwork
from arena.policies.policy import OnnxPolicy
from arena.policies.quarantine import check_policy_file, check_policy_files

SPACE, ACTIONS = gym.spaces.Box(-1.0, 1.0, (2,), np.float32), gym.spaces.Discrete(3)
NETWORK = PolicyNetwork([Dense(np.ones((2, 3), np.float32), np.zeros(3, np.float32))], SPACE, ACTIONS)
CONTENT = NETWORK.to_onnx().SerializeToString()


class FakePolicy:
    """Gives answers that a signature does not promise."""

    def __init__(self, scores, actions) -> None:
        self.signature = quarantine.PolicySignature((2,), np.dtype(np.float32), (), np.dtype(np.int64), 3)
        self.scores, self.act = lambda observations: scores(len(observations)), lambda observations: actions(len(observations))


@pytest.mark.parametrize(
    ("scores", "actions", "match"),
    [
        (lambda n: np.zeros((n, 2)), lambda n: np.zeros(n, np.int64), "scores of shape"),
        (lambda n: np.zeros((n, 3)), lambda n: np.zeros((n, 1), np.int64), "actions of shape"),
        (lambda n: np.full((n, 3), np.nan), lambda n: np.zeros(n, np.int64), "NaN or infinite"),
        (lambda n: np.zeros((n, 3)), lambda n: np.full(n, 3), r"outside 0\.\.2"),
    ],
)
def test_answers_that_no_policy_gives_are_refused(scores, actions, match) -> None:
    with pytest.raises(ArenaError, match=match):
        quarantine.try_policy(FakePolicy(scores, actions), "policy")


@pytest.mark.worker
def test_quarantine_answers_for_a_sound_policy(tmp_path) -> None:
    NETWORK.export(tmp_path / "policy.onnx")
    trial = check_policy_file(tmp_path / "policy.onnx")
    assert trial.signature == OnnxPolicy(tmp_path / "policy.onnx").signature
    assert 0 < trial.seconds_per_batch < 1


@pytest.mark.worker
def test_quarantine_runs_nothing_of_the_folder_it_is_called_in(tmp_path, monkeypatch) -> None:
    NETWORK.export(tmp_path / "policy.onnx")
    for name in ("onnx", "numpy", "json"):
        (tmp_path / f"{name}.py").write_text("import pathlib\npathlib.Path('ran').touch()\nraise SystemExit(3)\n")
    monkeypatch.chdir(tmp_path)
    check_policy_file(tmp_path / "policy.onnx")
    assert not (tmp_path / "ran").exists()


@pytest.mark.worker
def test_quarantine_passes_on_why_a_file_is_refused(tmp_path) -> None:
    path = tmp_path / "policy.onnx"
    path.write_bytes(b"nothing")
    with pytest.raises(ArenaError, match=r"policy .*policy\.onnx is not an ONNX file"):
        check_policy_file(path)


@pytest.mark.worker
@pytest.mark.parametrize(
    ("hostile", "reason"),
    [
        (dividing(), r"fails on \d+ observations: its process was ended by SIGFPE"),
        (looping(), r"fails on 128 observations: it gave no answer to 128 observations within 1 seconds"),
        (swelling(800_000_000), "fails on 128 observations: it needs more memory than the 2 GiB allowed"),
        (not_finite(), "fails on 128 observations: it gave scores that are not finite"),
        (misshapen(7), "fails on 7 observations: it gave scores of shape .8, 2. and actions of shape .8,. for 7 observations"),
    ],
    ids=["dividing", "looping", "swelling", "not finite", "misshapen"],
)
def test_quarantine_survives_what_crashes_hangs_or_swells(tmp_path, hostile, reason) -> None:
    with pytest.raises(ArenaError, match=rf"policy .*policy\.onnx {reason}"):
        check_policy_file(hostile.write(tmp_path / "policy.onnx"), bounds=Bounds(is_file_checked=False, call_seconds=1.0))


@pytest.mark.worker
def test_many_files_are_tried_apart_and_the_bad_one_is_named(tmp_path, write_policy) -> None:
    files = [write_policy(tmp_path / f"{env_id}.onnx", env_id) for env_id in ("CartPole-v1", "Acrobot-v1")]
    assert [trial.signature.observation_shape for trial in check_policy_files(files)] == [(4,), (6,)]
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(CONTENT[:100])
    with pytest.raises(ArenaError, match=r"theirs\.onnx is not an ONNX file"):
        check_policy_files([*files, bad], [*files, tmp_path / "theirs.onnx"])
