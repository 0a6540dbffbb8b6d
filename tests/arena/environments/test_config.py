from arena.environments.config import EnvConfig


def test_names_are_safe_in_paths_and_tell_arguments_apart() -> None:
    assert EnvConfig("CartPole-v1").name == "CartPole-v1"
    assert EnvConfig("module:arena/Chain-v0", {"b": "x/y", "a": 3}).name == "module-arena-Chain-v0,a=3,b=x-y"
