"""Games in a page: PettingZoo is the oracle of the rules, onnxruntime that of the policies."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from arena.environments.config import EnvConfig
from arena.environments.games import Game
from arena.environments.make import make_env
from arena.export.graph import read_graph
from arena.export.javascript_format import write_function
from arena.html.rendering import TEMPLATES
from arena.policies.onnx_network import Dense, PolicyNetwork
from arena.policies.policy import OnnxPolicy
from arena.tournament.leaderboard.page_games import DYNAMICS_IN_THE_PAGE, RULES_IN_THE_PAGE, PageGames, page_games
from arena.tournament.tournament import Tournament

RULES, DYNAMICS = ((TEMPLATES / name).read_text(encoding="utf-8") for name in ("games.js", "control.js"))
NUM_STEPS = 200
"""Env steps over which the page's dynamics are held against Gymnasium's."""
ROLL = """
    const roll = (text) => {
      const { id, state, actions } = JSON.parse(text), control = arenaControls[id];
      let now = state;
      return JSON.stringify(actions.map((action) => {
        const { state: next, reward, terminated } = control.step(now, action);
        now = next;
        return { state: now, reward, terminated, seen: control.observe(now) };
      }));
    }"""


def engine() -> Any:
    py_mini_racer = pytest.importorskip("py_mini_racer")
    context = py_mini_racer.MiniRacer()
    context.eval(RULES)
    context.eval(DYNAMICS)
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


def rollout(env_id: str, seed: int) -> tuple[list[float], list[float], list[dict[str, Any]]]:
    """Returns the initial state, the actions, and what Gymnasium says of each step; held random actions, and a pole that is kept up."""
    env, rng = gym.make(env_id).unwrapped, np.random.default_rng(seed)
    observation, _ = env.reset(seed=seed)
    start, actions, said = [float(value) for value in env.state], [], []
    held: Any = 1
    for _ in range(NUM_STEPS):
        if rng.random() < 0.25:
            held = np.float32(rng.uniform(-2.5, 2.5)) if env_id == "Pendulum-v1" else int(rng.integers(env.action_space.n))
        action = int(observation @ [0.1, 0.5, 1.0, 1.0] > 0.0) if env_id == "CartPole-v1" else held
        actions.append(float(np.asarray(action).item()))
        observation, reward, terminated, _, _ = env.step(np.array([action], np.float32) if env_id == "Pendulum-v1" else action)
        state = [float(value) for value in env.state]
        said.append({"state": state, "reward": float(reward), "terminated": terminated, "seen": observation.tolist()})
        if terminated:
            break
    return start, actions, said


@pytest.mark.extra
@pytest.mark.parametrize("env_id", DYNAMICS_IN_THE_PAGE)
def test_the_page_moves_as_gymnasium_does(env_id: str) -> None:
    context = engine()
    context.eval(ROLL)
    longest = 0
    for seed in range(5):
        start, actions, said = rollout(env_id, seed)
        answers = json.loads(context.call("roll", json.dumps({"id": env_id, "state": start, "actions": actions})))
        assert len(answers) == len(said)
        for answer, expected in zip(answers, said, strict=True):
            assert answer["terminated"] == expected["terminated"]
            for key in ("state", "reward", "seen"):
                np.testing.assert_allclose(answer[key], expected[key], rtol=0.0, atol=1e-6)
        longest = max(longest, len(said))
    assert longest == NUM_STEPS


@pytest.mark.extra
@pytest.mark.parametrize("env_id", DYNAMICS_IN_THE_PAGE)
def test_initial_states_in_the_page_are_those_of_gymnasium(env_id: str) -> None:
    context = engine()
    context.eval("const spread = (id) => JSON.stringify([0, 0.5, 0.999999].map((value) => arenaControls[id].start(() => value)))")
    low, middle, high = np.array(json.loads(context.call("spread", env_id)))
    env = gym.make(env_id).unwrapped
    found = np.array([env.reset(seed=seed) and [float(value) for value in env.state] for seed in range(200)])
    assert (found >= low - 1e-9).all()
    assert (found <= high + 1e-9).all()
    np.testing.assert_allclose(middle, (low + high) / 2, atol=1e-5)
    assert (np.ptp(found, axis=0) >= 0.9 * (high - low)).all()
    limit = context.eval(f"arenaControls['{env_id}'].maxSteps")
    assert limit == gym.spec(env_id).max_episode_steps


@pytest.mark.extra
@pytest.mark.parametrize("env_id", ["CartPole-v1", "Pendulum-v1"])
def test_a_policy_acts_in_a_live_duel_as_its_file_does(tmp_path: Path, env_id: str) -> None:
    made, rng = make_env(EnvConfig(env_id)), np.random.default_rng(3)
    num_outputs = 2 if env_id == "CartPole-v1" else 1
    kernel = rng.normal(size=(made.observation_space.shape[0], num_outputs)).astype(np.float32)
    path = tmp_path / "policy.onnx"
    PolicyNetwork([Dense(kernel, np.zeros(num_outputs, np.float32))], made.observation_space, made.action_space).export(path)
    context = engine()
    context.eval(str(PageGames(networks=(write_function(read_graph(path.read_bytes(), "policy")),)).script()))
    context.eval("const policy = arenaNetworks[0]()")
    context.eval(
        "const acts = (id, text) => JSON.stringify(JSON.parse(text).map((s) => arenaAction(arenaControls[id], s, policy, Math.random)))"
    )
    _, _, said = rollout(env_id, 0)
    answers = json.loads(context.call("acts", env_id, json.dumps([each["state"] for each in said])))
    wanted = OnnxPolicy(path).act(np.array([each["seen"] for each in said], np.float32)).reshape(-1)
    np.testing.assert_allclose(answers, wanted, rtol=0.0, atol=1e-5)
    context.eval("const drawn = (id) => Array.from({ length: 50 }, () => arenaAction(arenaControls[id], [0, 0, 0, 0], null, Math.random))")
    assert len(set(context.call("drawn", env_id))) > 1


def test_environments_with_dynamics_in_the_page_are_offered_for_live_duels(tournament: Tournament) -> None:
    known = dataclasses.replace(tournament, envs=(*tournament.envs, EnvConfig("CartPole-v1"), EnvConfig("Acrobot-v1", {"x": 1})))
    games = page_games(known, ["random", "a"])
    (duel,) = games.duels  # an environment with arguments moves otherwise
    assert (duel.id, [each.name for each in duel.opponents]) == ("CartPole-v1", ["random"])
    assert json.dumps(games.duels_document())


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
    assert "a/seed-0 is not in the page to play tictactoe_v3: it takes" in games.notes[0]


def test_nothing_of_a_name_or_a_file_becomes_code(tournament: Tournament) -> None:
    script = str(page_games(tournament, ["a", "b"]).script())
    assert "seed-" not in script
    assert "</" not in script
