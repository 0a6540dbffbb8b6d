from pathlib import Path

import pytest

from arena.errors import ArenaError
from arena.tournament.entry.admission import AdmittedPolicy
from arena.tournament.entry.player import Player, random_player


def player(env: str, *, failed: bool = False) -> Player:
    """Returns a player of one environment, whose run failed there or left a policy."""
    if failed:
        return Player(name="a/seed-0", entrant="a", policies={}, runs={env: Path(f"runs/{env}")}, failed={env: "crashed"})
    policy = AdmittedPolicy(path=Path(f"copies/{env}"), sha256=f"hash of {env}", source=Path(f"runs/{env}/policy.onnx"))
    return Player(name="a/seed-0", entrant="a", policies={env: policy}, runs={env: Path(f"runs/{env}")}, origins={env: {"agent": env}})


def test_the_random_player_plays_everywhere_without_a_file():
    random = random_player()
    assert random.plays("anything")
    assert random.plays_with("anything") is None
    assert random.hashes() == {}


def test_a_player_plays_where_it_has_a_policy_or_a_failed_run():
    trained, failed = player("x"), player("x", failed=True)
    assert (trained.plays("x"), trained.plays("y")) == (True, False)
    assert (failed.plays("x"), failed.plays("y")) == (True, False)
    assert (trained.plays_with("x"), failed.plays_with("x")) == (Path("copies/x"), None)
    assert (trained.hashes(), failed.hashes()) == ({"x": "hash of x"}, {})


def test_players_of_one_name_are_joined_over_environments():
    joined = player("x").joined(player("y", failed=True)).joined(player("z"))
    assert list(joined.hashes()) == ["x", "z"]
    assert joined.failed == {"y": "crashed"}
    assert joined.runs.keys() == {"x", "y", "z"}
    assert joined.origins.keys() == {"x", "z"}


@pytest.mark.parametrize(("failed", "there"), [((False, False), "runs/x/policy.onnx"), ((False, True), "runs/x"), ((True, True), "runs/x")])
def test_two_sources_for_one_environment_are_refused_with_both(failed: tuple[bool, bool], there: str):
    with pytest.raises(ArenaError) as error:
        player("x", failed=failed[0]).joined(player("x", failed=failed[1]))
    here = "runs/x" if failed[0] else "runs/x/policy.onnx"
    assert str(error.value) == f"two players are called 'a/seed-0': {here} and {there}; give one as NAME=PATH"
