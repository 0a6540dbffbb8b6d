import importlib.util

import pytest

from arena.environments.requirements import missing_for


@pytest.mark.parametrize(
    ("env_id", "module", "told"),
    [
        ("LunarLander-v3", "Box2D", "box2d"),
        ("phys2d/CartPole-v1", "jax", "keras"),
        ("HalfCheetah-v5", "mujoco", "[mujoco]"),
    ],
)
def test_what_is_missing_is_named_with_its_command(env_id, module, told, monkeypatch) -> None:
    find_spec = importlib.util.find_spec
    for missing in (True, False):
        found = None if missing else object()
        monkeypatch.setattr(importlib.util, "find_spec", lambda name, found=found: found if name == module else find_spec(name))
        assert (told in missing_for(env_id)) == missing
        assert bool(missing_for(env_id)) == missing


def test_what_can_be_made_needs_nothing_and_what_is_gone_says_so() -> None:
    assert missing_for("CartPole-v1") == missing_for("arena/Chain-v0") == ""
    assert "newer versions" in missing_for("Ant-v2")
