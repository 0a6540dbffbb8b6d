"""Games in a page: PettingZoo is the oracle of the rules, onnxruntime that of the policies."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arena.environments.games import Game
from arena.export.graph import read_graph
from arena.export.javascript_format import write_function
from arena.html.rendering import TEMPLATES
from arena.policies.policy import OnnxPolicy
from arena.tournament.leaderboard.page_games import RULES_IN_THE_PAGE, PageGames, page_games
from arena.tournament.tournament import Tournament

RULES = (TEMPLATES / "games.js").read_text(encoding="utf-8")


def engine() -> Any:
    py_mini_racer = pytest.importorskip("py_mini_racer")
    context = py_mini_racer.MiniRacer()
    context.eval(RULES)
    return context


def positions(game_id: str, num_games: int) -> list[tuple[list[int], dict[str, Any]]]:
    """Returns positions of random games: the actions so far, and what PettingZoo says of the position."""
    found, game, rng = [], Game(game_id), np.random.default_rng(0)
    for _ in range(num_games):
        game.reset()
        actions: list[int] = []
        while True:
            board = game.board()
            assert board is not None
            said = {"board": board.reshape(-1).tolist(), "over": game.over, "returns": list(game.returns)}
            if not game.over:
                said |= {"seen": game.observation().tolist()}
            found.append((list(actions), said))
            if game.over:
                break
            actions.append(int(rng.choice(game.action_mask.nonzero()[0])))
            game.step(actions[-1])
    game.close()
    return found


@pytest.mark.extra
@pytest.mark.parametrize("game_id", RULES_IN_THE_PAGE)
def test_the_page_plays_by_the_rules_of_pettingzoo(game_id: str) -> None:
    context = engine()
    context.eval(f"""
        const game = arenaGames.{game_id};
        const told = (text) => JSON.stringify(JSON.parse(text).map((actions) => {{
          let board = game.start();
          actions.forEach((action, ply) => {{ board = game.play(board, action, 1 + ply % 2); }});
          const winner = game.winner(board), over = game.over(board);
          const said = {{ board, over, returns: [0, 1].map((seat) => (winner ? (winner === seat + 1 ? 1 : -1) : 0)) }};
          return over ? said : {{ ...said, seen: game.observe(board, 1 + actions.length % 2) }};
        }}))""")
    expected = positions(game_id, 40)
    answers = json.loads(context.call("told", json.dumps([actions for actions, _ in expected])))
    assert len(answers) > 250
    assert answers == [said for _, said in expected]


@pytest.mark.extra
@pytest.mark.parametrize("game_id", RULES_IN_THE_PAGE)
def test_a_policy_in_the_page_replies_as_its_file_does(tmp_path: Path, write_policy: Any, game_id: str) -> None:
    path = write_policy(tmp_path / "policy.onnx", game_id, 3)
    games = PageGames(networks=(write_function(read_graph(path.read_bytes(), "policy")),))
    context = engine()
    context.eval(str(games.script()))
    context.eval(f"""
        const game = arenaGames.{game_id}, policy = arenaNetworks[0]();
        const replies = (text) => JSON.stringify(JSON.parse(text).map(([board, piece]) =>
          [arenaReply(game, board, piece, policy), policy.act(game.observe(board, piece)).scores]))""")
    met = [(1 + len(actions) % 2, said) for actions, said in positions(game_id, 10) if not said["over"]]
    answers = json.loads(context.call("replies", json.dumps([(said["board"], piece) for piece, said in met])))
    policy, seen = OnnxPolicy(path), np.array([said["seen"] for _, said in met], np.float32)
    assert [action for action, _ in answers] == policy.act(seen).tolist()
    scores, wanted = np.array([scores for _, scores in answers]), policy.scores(seen)
    legal = wanted > -1e29
    assert np.abs(scores - wanted)[legal].max() <= 1e-5
    assert (scores[~legal] < -1e29).all()


@pytest.mark.extra
def test_the_random_player_and_a_policy_without_masks_play_legal_moves() -> None:
    context = engine()
    context.eval("const game = arenaGames.tictactoe_v3, board = [1, 2, 1, 2, 1, 2, 0, 1, 0]")
    found = {context.eval("arenaReply(game, board, 2, null)") for _ in range(60)}
    assert found == {6, 8}
    context.eval("const eager = { act: () => ({ scores: [9, 8, 7, 6, 5, 4, 1, 3, 2] }) }")
    assert context.eval("arenaReply(game, board, 2, eager)") == 8


def test_each_entrant_has_one_policy_in_the_page(tournament: Tournament) -> None:
    games = page_games(tournament, ["b", "random", "a"])
    (game,) = games.games  # ConnectFour-v0 is an environment here, not a game
    assert game.id == "tictactoe_v3"
    assert [(each.name, each.network) for each in game.opponents] == [("b/seed-10", 0), ("random", None), ("a/seed-0", 1)]
    assert len(games.networks) == 2
    assert games.notes == ()
    assert json.dumps(games.document())


def test_policies_that_a_page_cannot_hold_are_named(tournament: Tournament, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arena.tournament.leaderboard.page_games.MAX_NETWORK_BYTES", 100)
    games = page_games(tournament, ["a", "b", "random"])
    assert [each.name for each in games.games[0].opponents] == ["random"]
    assert "a/seed-0 is not in the page to play tictactoe_v3 against: it takes" in games.notes[0]


def test_nothing_of_a_name_or_a_file_becomes_code(tournament: Tournament) -> None:
    script = str(page_games(tournament, ["a", "b"]).script())
    assert "seed-" not in script
    assert "</" not in script
