"""Policy files of strangers in the commands that open them: each is refused or fails with its name, and nothing is written."""

import importlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile_policies import Network, dividing, looping, misshapen, not_finite, swelling

from arena.cli.evaluate import PlayedEpisodes, evaluate_all
from arena.cli.explain import explain_policy
from arena.cli.export import export
from arena.cli.pack import pack
from arena.cli.show import show
from arena.cli.watch import WatchOptions, watch_arguments
from arena.errors import ArenaError

pytestmark = pytest.mark.worker

REFUSED = [dividing, looping, lambda: swelling(2**40), lambda: misshapen(7)]


@pytest.mark.parametrize("make", REFUSED, ids=["dividing", "looping", "swelling", "misshapen"])
def test_what_may_not_be_in_a_policy_is_refused_before_it_runs(make: Callable[[], Network], tmp_path: Path):
    path, out = str(make().write(tmp_path / "p.onnx")), tmp_path / "out"
    for command in (
        lambda: show([path], mode="quiet"),
        lambda: evaluate_all([path, "CartPole-v1"], PlayedEpisodes(num_episodes=2), out.with_suffix(".json"), mode="quiet"),
        lambda: explain_policy([path, "CartPole-v1"], {}, out.with_suffix(".json"), mode="quiet"),
        lambda: watch_arguments([path, "CartPole-v1"], WatchOptions(video=out.with_suffix(".gif")), mode="quiet"),
        lambda: export(path, "c", out.with_suffix(".h"), "CartPole-v1", 2, 0, mode="quiet"),
    ):
        with pytest.raises(ArenaError, match=r"p\.onnx"):
            command()
    assert [each.name for each in tmp_path.iterdir()] == ["p.onnx"]


def test_what_fails_while_it_plays_is_named(tmp_path: Path):
    path, out = str(not_finite().write(tmp_path / "p.onnx")), tmp_path / "out"
    fails = "failed: it gave scores that are not finite"
    with pytest.raises(ArenaError, match=rf"p\.onnx cannot be evaluated on CartPole-v1: {fails}"):
        evaluate_all([path, "CartPole-v1"], PlayedEpisodes(num_episodes=2), out.with_suffix(".json"), mode="quiet")
    with pytest.raises(ArenaError, match=rf"p\.onnx cannot be explained on CartPole-v1: {fails}"):
        explain_policy([path, "CartPole-v1"], {}, out.with_suffix(".json"), mode="quiet")
    with pytest.raises(ArenaError, match=rf"p\.onnx cannot be watched: {fails}"):
        watch_arguments([path, "CartPole-v1"], WatchOptions(video=out.with_suffix(".gif")), mode="quiet")
    with pytest.raises(ArenaError, match=r"p\.onnx uses Abs, And, Less, which no export can rebuild"):
        export(path, "c", out.with_suffix(".h"), "CartPole-v1", 2, 0, mode="quiet")
    assert [each.name for each in tmp_path.iterdir()] == ["p.onnx"]


@pytest.mark.parametrize("make", REFUSED, ids=["dividing", "looping", "swelling", "misshapen"])
def test_a_run_with_a_stranger_s_policy_is_not_packed(make: Callable[[], Network], tmp_path: Path, write_run: Callable[..., Path]):
    run = write_run(tmp_path / "logs", "agent", "CartPole-v1", 0)
    shutil.copy(make().write(tmp_path / "p.onnx"), run / "policy.onnx")
    with pytest.raises(ArenaError, match=r"policy\.onnx"):
        pack([str(tmp_path / "logs")], tmp_path / "pack.zip", None, mode="quiet")
    assert not (tmp_path / "pack.zip").exists()


@pytest.mark.extra
@pytest.mark.parametrize("make", REFUSED, ids=["dividing", "looping", "swelling", "misshapen"])
def test_what_may_not_be_in_a_policy_is_not_served(make: Callable[[], Network], tmp_path: Path):
    pytest.importorskip("h11")
    serving, limits = importlib.import_module("arena.cli.serve"), importlib.import_module("arena.serve.limits")
    path = str(make().write(tmp_path / "p.onnx"))
    with pytest.raises(ArenaError, match=r"p\.onnx"):
        serving.serve([path], "127.0.0.1", 0, None, limits.Limits(), mode="quiet")
