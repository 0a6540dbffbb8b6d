from pathlib import Path

import pydantic
import pytest

from arena.environments.config import EnvConfig
from arena.formats.validation import validate
from arena.tournament.entry.admission import AdmittedPolicy
from arena.tournament.entry.player import Player, random_player
from arena.tournament.tournament import Rules, Tournament


def test_entrants_are_named_in_the_order_in_which_they_were_given_and_files_by_their_hash(tmp_path: Path):
    there, gone = tmp_path / "there.onnx", tmp_path / "gone.onnx"
    there.write_text("")

    def player(entrant: str, seed: int, path: Path) -> Player:
        policy = AdmittedPolicy(path=path, sha256=path.stem, source=path)
        return Player(name=f"{entrant}/seed-{seed}", entrant=entrant, policies={"CartPole-v1": policy})

    players = (random_player(), player("b", 0, there), player("a", 0, gone), player("b", 1, there))
    tournament = Tournament(path=tmp_path, players=players, envs=(EnvConfig("CartPole-v1"),), rules=Rules())
    assert tournament.entrants == ("random", "b", "a")
    assert tournament.entrant_of == {"random": "random", "b/seed-0": "b", "a/seed-0": "a", "b/seed-1": "b"}
    assert tournament.policy_files == {"there": there}


@pytest.mark.parametrize(
    "rule", [{"games": 1}, {"episodes": 0}, {"opening_plies": -1}, {"move_seconds": 0.0}, {"seed": -1}, {"schedule": "knock-out"}]
)
def test_rules_that_no_tournament_can_follow_are_refused(rule: dict[str, object]):
    [name] = rule
    with pytest.raises(pydantic.ValidationError, match=name):
        validate(Rules, rule)
