"""Policy files of strangers in the commands that open them: each is refused or fails with its name, and nothing is written."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hostile_policies import Network, dividing, looping, misshapen, not_finite, swelling

from arena.cli.evaluate import PlayedEpisodes, evaluate_all
from arena.cli.explain import explain_policy
from arena.cli.show import show
from arena.errors import ArenaError

pytestmark = pytest.mark.worker

REFUSED = [dividing, looping, lambda: swelling(2**40), lambda: misshapen(7)]


@pytest.mark.parametrize("make", REFUSED, ids=["dividing", "looping", "swelling", "misshapen"])
def test_what_may_not_be_in_a_policy_is_refused_before_it_runs(make: Callable[[], Network], tmp_path: Path):
    path, out = str(make().write(tmp_path / "p.onnx")), tmp_path / "out.json"
    for command in (
        lambda: show([path], mode="quiet"),
        lambda: evaluate_all([path, "CartPole-v1"], PlayedEpisodes(num_episodes=2), out, mode="quiet"),
        lambda: explain_policy([path, "CartPole-v1"], {}, out, mode="quiet"),
    ):
        with pytest.raises(ArenaError, match=r"p\.onnx"):
            command()
    assert not out.exists()


def test_what_fails_while_it_plays_is_named(tmp_path: Path):
    path, out = str(not_finite().write(tmp_path / "p.onnx")), tmp_path / "out.json"
    with pytest.raises(ArenaError, match=r"p\.onnx cannot be evaluated on CartPole-v1: failed: it gave scores that are not finite"):
        evaluate_all([path, "CartPole-v1"], PlayedEpisodes(num_episodes=2), out, mode="quiet")
    with pytest.raises(ArenaError, match=r"p\.onnx cannot be explained on CartPole-v1: failed: it gave scores that are not finite"):
        explain_policy([path, "CartPole-v1"], {}, out, mode="quiet")
    assert not out.exists()
