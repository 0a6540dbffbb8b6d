import pytest

from arena.errors import ArenaError
from arena.serve.limits import Limits
from arena.serve.metrics import ServerCounts
from arena.serve.models import load_models


def test_policies_are_found_by_name_and_version(make_models):
    models = make_models(Limits(), ServerCounts())
    assert models.versions("sums") == ["1", "2"]
    assert models.find("sums").version == "2"
    assert models.find("sums", "1").version == "1"
    assert models.find("sums", "3") is None
    assert models.find("nobody") is None
    assert models.find() is None  # two names


@pytest.mark.worker
def test_files_of_one_name_are_versions_of_one_kind(tmp_path, write_policy):
    first, second = (write_policy(tmp_path / f"{seed}.onnx", "CartPole-v1", seed) for seed in (2, 3))
    other = write_policy(tmp_path / "other.onnx", "Acrobot-v1")
    copies = tmp_path / "copies"
    copies.mkdir()
    models = load_models([("cart", first), ("cart", second), ("acrobot", other)], copies, Limits(), ServerCounts())
    assert [(model.name, model.version) for model in models] == [("cart", "1"), ("cart", "2"), ("acrobot", "1")]
    assert len({model.sha256 for model in models}) == 3
    models.close()
    with pytest.raises(ArenaError, match="another version of 'cart', and does not take"):
        load_models([("cart", first), ("cart", other)], copies, Limits(), ServerCounts())


def test_a_file_that_is_missing_is_refused(tmp_path):
    with pytest.raises(ArenaError, match="cannot read policy"):
        load_models([("text", tmp_path / "absent.onnx")], tmp_path, Limits(), ServerCounts())
