from arena.environments.config import EnvConfig
from arena.experiment.names import check_name


def test_names_are_safe_in_paths_and_tell_arguments_apart() -> None:
    assert EnvConfig("CartPole-v1").name == "CartPole-v1"
    assert EnvConfig("module:arena/Chain-v0", {"b": "x/y", "a": 3}).name == "module-arena-Chain-v0,a=3,b=x-y"


def test_long_arguments_give_short_readable_distinct_names() -> None:
    lake = ["S" + "F" * 15, *["FHFF" * 4] * 14, "F" * 15 + "G"]
    one, other = EnvConfig("FrozenLake-v1", {"desc": lake}), EnvConfig("FrozenLake-v1", {"desc": [*lake[:-1], "H" * 15 + "G"]})
    for config in (one, other):
        assert config.name.startswith("FrozenLake-v1,desc=SFFF")
        assert len(config.name) <= 60
        assert check_name(config.name, "environment name") == config.name
    assert one.name != other.name
    assert one.name == EnvConfig("FrozenLake-v1", {"desc": list(lake)}).name
    assert check_name(EnvConfig("A-v0", {"text": "a\nb\0"}).name, "environment name")


def test_a_name_of_its_own_replaces_the_one_that_is_made() -> None:
    config = EnvConfig("CartPole-v1", {"gravity": 3}, "heavy")
    assert config.name == "heavy"
    assert config == EnvConfig("CartPole-v1", {"gravity": 3})
