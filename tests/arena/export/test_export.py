import numpy as np
import pytest
from exported_policies import OWN, contents

from arena.environments.config import EnvConfig
from arena.errors import ArenaError
from arena.export.export import export_policy
from arena.export.formats import FORMATS, find_format

CARTPOLE = EnvConfig("CartPole-v1")


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "policy.onnx"
    OWN["mlp"].export(path)
    return path


@pytest.mark.worker
def test_a_header_is_compared_on_visited_observations_and_put_in_its_place(tmp_path, policy):
    written = export_policy(policy, "c", tmp_path / "out" / "policy.h", env=CARTPOLE, num_episodes=3)
    assert written.comparison.num_equal == written.comparison.num_observations == 1_000
    assert 0 < written.comparison.num_visited < 1_000
    assert written.comparison.largest_score_difference < 1e-5
    assert [each.batch_size for each in written.comparison.latencies] == [1, 256]
    assert written.num_bytes == written.path.stat().st_size
    assert written.played is None
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["policy.h"]


@pytest.mark.extra
@pytest.mark.framework
def test_integers_of_eight_bits_are_calibrated_and_play_the_same_episodes(tmp_path, policy):
    written = export_policy(policy, "litert-int8", tmp_path / "policy.tflite", env=CARTPOLE, num_episodes=20)
    assert written.comparison.num_visited == written.comparison.num_observations
    assert written.comparison.num_equal > 0.8 * written.comparison.num_observations
    assert len(written.played.export) == len(written.played.policy) == 20
    assert np.mean(written.played.export) > 8


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("litert-int9", "no format 'litert-int9'; did you mean 'litert-int8'"),
        ("executorch", "no export to executorch: its Python runtime"),
        ("onnx", "a policy file is ONNX already"),
    ],
)
def test_what_has_no_route_says_so(name, message):
    with pytest.raises(ArenaError, match=message):
        find_format(name)


def test_a_missing_package_is_named_with_the_extra_that_has_it(monkeypatch):
    monkeypatch.setattr("arena.export.formats.importlib.util.find_spec", lambda name: None)
    with pytest.raises(ArenaError, match=r"needs tensorflow and ai_edge_litert: .*litert"):
        find_format("litert")
    assert find_format("c") is FORMATS["c"]


def test_refusals_come_before_any_work(tmp_path, policy, monkeypatch):
    monkeypatch.setattr("arena.export.formats.importlib.util.find_spec", lambda name: True)
    output = tmp_path / "new" / "policy.tflite"
    with pytest.raises(ArenaError, match="name the environment with --env"):
        export_policy(policy, "litert-int8", output)
    (tmp_path / "masked.onnx").write_bytes(contents()["masked"])
    with pytest.raises(ArenaError, match=r"masked.onnx has action masks"):
        export_policy(tmp_path / "masked.onnx", "litert-int8", output, env=EnvConfig("tictactoe_v3"))
    with pytest.raises(ArenaError, match=r"policy.onnx exists; name another"):
        export_policy(policy, "c", policy)
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(ArenaError, match=r"text.onnx is not an ONNX file"):
        export_policy(tmp_path / "text.onnx", "c", output)
    assert not output.parent.exists()
