import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from hostile_policies import dividing, looping, misshapen, not_finite, sound, swelling

from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.policies.bounded import bounded_policy
from arena.policies.bounded.bounded_policy import BoundedPolicy, PolicyBroke
from arena.policies.bounded.bounds import Bounds
from arena.policies.bounded.channel import ACTIONS, SCORES, SIGN_OF_LIFE, Channel, Closed
from arena.policies.bounded.whole_episodes import WholeEpisodes, own_registration
from arena.policies.evaluation import evaluate
from arena.policies.policy import OnnxPolicy

pytestmark = pytest.mark.worker

FAR = np.ones((3, 4), np.float32)
"""Observations for which the files behave."""
NEAR = np.full((3, 4), 0.01, np.float32)
"""Observations for which they do not."""
UNCHECKED = Bounds(is_file_checked=False, call_seconds=1.0)
"""Bounds that hold although the static check is left out."""


def episodes(**options) -> WholeEpisodes:
    spec = own_registration("CartPole-v1")
    return WholeEpisodes(**{"env_id": "CartPole-v1", "spec": spec, "num_episodes": 4, "seed": 0, "action_seconds": 60.0, **options})


def test_a_bounded_policy_answers_as_the_file_does_here(tmp_path: Path) -> None:
    path = sound().write(tmp_path / "policy.onnx")
    here, rng = OnnxPolicy(path), np.random.default_rng(0)
    with BoundedPolicy(path) as bounded:
        assert bounded.signature == here.signature
        for count in (1, 100, 0, 7, 20_000):  # the last is larger than what a socket holds
            observations = rng.normal(size=(count, 4)).astype(np.float32)
            masks = rng.random((count, 2)) < 0.5
            assert np.array_equal(bounded.act(observations), here.act(observations))
            assert np.array_equal(bounded.act(observations, action_masks=masks), here.act(observations, action_masks=masks))
            assert np.array_equal(bounded.scores(observations), here.scores(observations))
        first, _ = bounded.act(FAR), bounded.act(-FAR)
        assert np.array_equal(first, here.act(FAR)), "an answer stays what it was"


@pytest.mark.parametrize("observations", [np.zeros((3, 5), np.float32), np.zeros((3, 4)), np.zeros(4, np.float32)])
def test_observations_of_another_form_are_refused_and_the_policy_plays_on(tmp_path: Path, observations: np.ndarray) -> None:
    with BoundedPolicy(sound().write(tmp_path / "policy.onnx")) as policy:
        with pytest.raises(ArenaError, match="do not fit the policy"):
            policy.act(observations)
        assert policy.act(FAR).shape == (3,)


@pytest.mark.parametrize(
    ("hostile", "reason"),
    [
        (dividing(), "its process was ended by SIGFPE"),
        (looping(), "it gave no answer to 3 observations within 1 seconds"),
        (swelling(800_000_000), r"it needs more memory than the 2 GiB allowed"),
        (not_finite(), "it gave scores that are not finite"),
        (misshapen(3), "it gave scores of shape .4, 2. and actions of shape .4,. for 3 observations"),
    ],
    ids=["dividing", "looping", "swelling", "not finite", "misshapen"],
)
def test_what_breaks_a_bound_ends_its_own_process_with_the_reason(tmp_path: Path, hostile, reason: str) -> None:
    path, other = hostile.write(tmp_path / "policy.onnx"), sound().write(tmp_path / "other.onnx")
    with BoundedPolicy(path, bounds=UNCHECKED) as policy, BoundedPolicy(other) as beside:
        assert policy.act(FAR[:2]).shape == (2,)
        with pytest.raises(PolicyBroke, match=f"^{reason}"):
            policy.act(NEAR)
        assert beside.act(NEAR).shape == (3,), "another policy plays on"
        if not policy.is_alive:
            with pytest.raises(PolicyBroke, match=f"^{reason}"):
                policy.act(FAR[:2])


@pytest.mark.parametrize(
    ("hostile", "is_alive"),
    [(dividing(), False), (looping(), False), (swelling(800_000_000), True), (not_finite(), True), (misshapen(3), True)],
    ids=["dividing", "looping", "swelling", "not finite", "misshapen"],
)
def test_whole_episodes_in_which_a_policy_breaks_a_bound_are_not_taken(tmp_path: Path, hostile, is_alive: bool) -> None:
    with BoundedPolicy(hostile.write(tmp_path / "policy.onnx"), bounds=UNCHECKED) as policy:
        assert policy.play(episodes(num_episodes=3)) is None
        assert policy.is_alive is is_alive
        assert policy.play(episodes(num_episodes=3)) is None
        if is_alive:
            assert policy.act(FAR[:2]).shape == (2,)


def test_whole_episodes_are_those_of_a_policy_that_is_asked_step_by_step(tmp_path: Path) -> None:
    path = sound().write(tmp_path / "policy.onnx")
    with BoundedPolicy(path) as policy:
        for seed in (0, 1):
            returns, lengths = policy.play(episodes(num_episodes=150, seed=seed))
            for player in (policy, OnnxPolicy(path)):
                evaluation = evaluate(player, EnvConfig("CartPole-v1"), num_episodes=150, seed=seed)
                assert returns.tolist() == evaluation.episode_returns.tolist()
                assert lengths.tolist() == evaluation.episode_lengths.tolist()
        assert policy.play(episodes(action_seconds=0.0)) is None
        assert policy.play(episodes(spec='{"max_episode_steps": 500}')) is None
        assert policy.is_alive


def test_signs_of_life_keep_long_episodes_going(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds, send = [], Channel.send

    def counted(self, kind: int, content: bytes) -> None:
        kinds.append(kind)
        send(self, kind, content)

    monkeypatch.setattr(Channel, "send", counted)
    with BoundedPolicy(sound().write(tmp_path / "policy.onnx")) as policy:
        returns, _ = policy.play(episodes(num_episodes=15_000))  # seconds, several times that between two signs
        assert len(returns) == 15_000
        assert SIGN_OF_LIFE in kinds
        assert policy.act(FAR).shape == (3,), "and it plays on"


@pytest.mark.parametrize(
    ("kind", "call_seconds"),
    [(SIGN_OF_LIFE, 0.001), (SCORES, 60.0), (200, 60.0)],
    ids=["signs without end", "another kind", "an unknown kind"],
)
def test_a_process_that_does_not_keep_to_the_messages_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: int, call_seconds: float
) -> None:
    class Impostor:
        def __init__(self, *_: object) -> None:
            here, there = socket.socketpair()
            self.channel, self._there = Channel(here), Channel(there)
            self._thread = threading.Thread(target=self._send)
            self._thread.start()

        def _send(self) -> None:
            signature = {
                "observation_shape": [4],
                "observation_dtype": "float32",
                "action_shape": [],
                "action_dtype": "int64",
                "num_scores": 2,
                "choices": [],
            }
            self._there.send(ACTIONS, json.dumps(signature).encode())
            self._there.receive()
            end = time.monotonic() + 2.0  # four times the bound of all calls
            with contextlib.suppress(Closed):
                while time.monotonic() < end:
                    self._there.send(kind, b"")
                    self._there.receive()
                self._there.send(ACTIONS, np.ones(4).tobytes() + np.ones(4, np.int64).tobytes())

        def end(self) -> None:
            self.channel.close()
            self._thread.join()
            self._there.close()

    monkeypatch.setattr(bounded_policy, "PlayerProcess", Impostor)
    with BoundedPolicy(tmp_path / "policy.onnx", bounds=Bounds(call_seconds=call_seconds)) as policy:
        assert policy.play(episodes()) is None
        assert not policy.is_alive


def test_a_file_that_is_refused_or_breaks_its_process_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("nothing")
    large = sound()
    large.add("ReduceMax", np.zeros((2_000, 2_000), np.float32), keepdims=1)  # 16 MB: a small file may fit into what the process has
    path = large.write(tmp_path / "policy.onnx")
    tight = Bounds(memory_bytes=64 * 1024**2)
    for file, bounds, reason in (
        (tmp_path / "text.onnx", None, "is not an ONNX file"),
        (path, tight, "broke the process|needs more memory"),
    ):
        with pytest.raises(ArenaError, match=rf"^policy .*mine\.onnx .*({reason})"):
            BoundedPolicy(file, shown_as=Path("mine.onnx"), bounds=bounds)
    with pytest.raises(ArenaError, match="cannot read policy"):
        BoundedPolicy(tmp_path / "absent.onnx")


def test_a_file_that_is_not_through_its_checks_in_time_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent:  # a process that never answers: a real one may be through before anybody waits for it
        def __init__(self, *_: object) -> None:
            here, self._there = socket.socketpair()
            self.channel = Channel(here)

        def end(self) -> None:
            self.channel.close()
            self._there.close()

    monkeypatch.setattr(bounded_policy, "PlayerProcess", Silent)
    with pytest.raises(ArenaError, match=r"^policy .*policy\.onnx was not through its checks after 0\.001 seconds"):
        BoundedPolicy(tmp_path / "policy.onnx", bounds=Bounds(load_seconds=0.001))


def test_a_policy_that_is_closed_leaves_no_process(tmp_path: Path) -> None:
    path = sound().write(tmp_path / "policy.onnx")
    with BoundedPolicy(path):
        before = set(psutil.Process().children(recursive=True))
        with BoundedPolicy(path) as policy:
            policy.act(FAR)
            assert len(set(psutil.Process().children(recursive=True)) - before) == 1
        assert set(psutil.Process().children(recursive=True)) == before


def test_an_interrupt_is_answered_while_a_policy_hangs(tmp_path: Path) -> None:
    path = looping().write(tmp_path / "policy.onnx")
    with BoundedPolicy(path, bounds=Bounds(is_file_checked=False, call_seconds=3_000.0)) as policy:
        timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            policy.act(NEAR)
        assert not policy.is_alive
        timer.join()


PLAY = """
import sys
from pathlib import Path
import numpy as np
from arena.policies.bounded.bounded_policy import BoundedPolicy
from arena.policies.bounded.bounds import Bounds

policy = BoundedPolicy(Path(sys.argv[1]), bounds=Bounds(is_file_checked=False, call_seconds=3_000.0))
print("ready", flush=True)
policy.act(np.full((3, 4), 0.01, np.float32))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_hanging_policy_ends_with_the_process_that_it_played_for(tmp_path: Path, number: signal.Signals) -> None:
    path = looping().write(tmp_path / "policy.onnx")
    player = subprocess.Popen([sys.executable, "-c", PLAY, str(path)], stdout=subprocess.PIPE)
    try:
        assert player.stdout.readline() == b"ready\n"
        others = psutil.Process(player.pid).children(recursive=True)
        assert len(others) == 2, "the fork server and the policy's process"
    finally:
        player.send_signal(number)
        player.wait()
        player.stdout.close()
    deadline = time.monotonic() + 60
    while any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in others):
        assert time.monotonic() < deadline
        time.sleep(0.05)
