import gymnasium as gym
import numpy as np
import pytest

from arena.errors import ArenaError
from arena.policies import quarantine
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
def test_quarantine_survives_what_swells_or_hangs(tmp_path) -> None:
    NETWORK.export(path := tmp_path / "policy.onnx")
    with pytest.raises(ArenaError, match=r"broke the process that tried it|needs more memory"):
        check_policy_file(path, memory_bytes=150 * 1024**2)
    with pytest.raises(ArenaError, match=r"not through its checks after 0\.2 seconds"):
        check_policy_file(path, timeout_seconds=0.2)


@pytest.mark.worker
def test_many_files_are_tried_in_one_process_and_the_bad_one_is_named(tmp_path, monkeypatch) -> None:
    paths = [tmp_path / f"{index}.onnx" for index in range(3)]
    for path in paths:
        path.write_bytes(CONTENT)
    commands, run = [], quarantine.subprocess.run
    monkeypatch.setattr(quarantine.subprocess, "run", lambda command, **options: commands.append(command) or run(command, **options))
    check_policy_files(paths)
    assert [command[-6:] for command in commands] == [list(map(str, [*paths, *paths]))]
    paths[1].write_bytes(CONTENT[:100])
    with pytest.raises(ArenaError, match=r"1\.onnx is not an ONNX file"):
        check_policy_files(paths)


@pytest.mark.worker
def test_limits_that_many_files_break_together_refuse_none(tmp_path, monkeypatch) -> None:
    paths = [tmp_path / f"{index}.onnx" for index in range(2)]
    for path in paths:
        path.write_bytes(CONTENT)
    run = quarantine.subprocess.run

    def hang(command, **options):
        if command[-4:-2] == list(map(str, paths)):
            raise quarantine.subprocess.TimeoutExpired(command, 1.0)
        return run(command, **options)

    monkeypatch.setattr(quarantine.subprocess, "run", hang)
    check_policy_files(paths)


@pytest.mark.worker
def test_files_are_tried_together_and_each_is_given_its_own_shapes(tmp_path, write_policy, monkeypatch) -> None:
    files = [write_policy(tmp_path / f"{env_id}.onnx", env_id) for env_id in ("CartPole-v1", "Acrobot-v1")]
    commands, run = [], quarantine.subprocess.run
    monkeypatch.setattr(quarantine.subprocess, "run", lambda command, **options: commands.append(command) or run(command, **options))
    assert [trial.signature.observation_shape for trial in check_policy_files(files)] == [(4,), (6,)]
    assert len(commands) == 1
