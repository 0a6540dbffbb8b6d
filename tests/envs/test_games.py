"""One seat of a game as an environment: rules, seats, opponents, the pool of snapshots, and what the training loop does for it."""

import contextlib
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from hostile_policies import not_finite

from arena.environments.config import EnvConfig
from arena.environments.factory import ArenaEnvFactory
from arena.environments.games import Game
from arena.environments.make import make_env
from arena.environments.metering import Meter
from arena.errors import ArenaError
from arena.experiment.file import from_table
from arena.policies.bounded.bounded_policy import PolicyBroke
from arena.policies.evaluation import evaluate
from arena.policies.onnx_network import Dense, PolicyNetwork
from arena.policies.policy import OnnxPolicy, UniformPolicy
from arena.run_folder.events import EvaluationEnded, WorkerEvent
from arena.run_folder.folder import RunDir
from arena.run_folder.timings import Timings
from arena.testing import FakeAgent, FakeConfig
from arena.worker.worker import train_and_judge
from arena_envs import tictactoe
from arena_envs.games import Seat
from arena_envs.tictactoe import optimal_moves

CONNECT_FOUR, TIC_TAC_TOE = EnvConfig("arena/ConnectFour-v0"), EnvConfig("arena/TicTacToe-v0")


def column_policy(path: Path, order: list[int], game: str = "connect_four_v3") -> Path:
    """Writes a policy that takes the first allowed action of `order`, whatever the position."""
    seat = Seat(game)
    scores = np.zeros(int(seat.action_space.n), np.float32)
    scores[order] = np.arange(len(order), 0, -1)
    kernel = np.zeros((seat.observation_space.num_features, len(scores)), np.float32)
    PolicyNetwork([Dense(kernel, scores)], seat.observation_space, seat.action_space).export(path)
    return path


def play(env: gym.Env, seed: int, choose) -> tuple[float, int, list]:
    observation, _ = env.reset(seed=seed)
    total, length, seen, ended = 0.0, 0, [observation.tolist()], False
    while not ended:
        observation, reward, ended, truncated, _ = env.step(choose(observation))
        assert not truncated
        total, length = total + reward, length + 1
        seen.append(observation.tolist())
    return total, length, seen


def first_allowed(observation: np.ndarray, num_actions: int = 7) -> int:
    return int(observation[-num_actions:].argmax())


@pytest.mark.parametrize("config", [CONNECT_FOUR, TIC_TAC_TOE], ids=["connect four", "tic-tac-toe"])
def test_random_games_reward_the_learners_seat(config) -> None:
    env = make_env(config)
    seat, rng = env.unwrapped, np.random.default_rng(0)
    space = env.observation_space
    outcomes, seats = [], []
    for seed in range(60):
        total, _, seen = play(env, seed, lambda observation: int(rng.choice(np.flatnonzero(space.split(observation)[1]))))
        assert total == seat.game.returns[seat.seat]
        assert all(space.contains(np.asarray(observation, np.float32)) for observation in seen)
        outcomes.append(total)
        seats.append(seat.seat)
    assert set(outcomes) <= {-1.0, 0.0, 1.0}
    assert {-1.0, 1.0} <= set(outcomes)
    assert 15 <= sum(seats) <= 45, "seats are drawn"


def test_the_position_is_the_movers_view_at_its_turn() -> None:
    env = make_env(CONNECT_FOUR)
    for seed in range(8):
        observation, _ = env.reset(seed=seed)
        seat = env.unwrapped
        assert seat.game.seat == seat.seat
        planes = observation[:84].reshape(6, 7, 2)
        assert planes[..., 0].sum() == 0
        assert planes[..., 1].sum() == seat.seat, "whoever moves second finds one piece of the other"
        observation, *_ = env.step(first_allowed(observation))
        planes = observation[:84].reshape(6, 7, 2)
        assert planes[..., 0].sum() == 1


@pytest.mark.worker
def test_a_fixed_opponent_plays_its_file(tmp_path) -> None:
    policy = column_policy(tmp_path / "three.onnx", [3, 2])
    env = make_env(EnvConfig("arena/ConnectFour-v0", {"opponent": str(policy)}))
    for seed in range(6):
        total, length, seen = play(env, seed, first_allowed)  # column 0, against column 3: the first mover has four first
        assert total == (1.0 if env.unwrapped.seat == 0 else -1.0)
        assert length == (4 if env.unwrapped.seat == 0 else 3)
        assert np.reshape(seen[-1][:84], (6, 7, 2))[:, 3, 1].sum() >= 3


def test_a_forbidden_move_is_an_error() -> None:
    env = make_env(TIC_TAC_TOE)
    observation, _ = env.reset(seed=0)
    taken = first_allowed(observation, 9)
    env.step(taken)
    with pytest.raises(ValueError, match="illegal"):
        env.step(taken)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"opponent": "Random"}, "opponent='Random' must be 'random', 'self', 'perfect' or the path of an .onnx file"),
        ({"opponent": "perfect"}, "opponent='perfect' is known for tictactoe_v3 only, not for connect_four_v3"),
        ({"opponent": "nowhere.onnx"}, "cannot read opponent nowhere.onnx"),
        ({"snapshots": "folder"}, "snapshots='folder' has a meaning for opponent='self' only"),
    ],
)
def test_impossible_opponents_are_refused(kwargs, message) -> None:
    with pytest.raises(ArenaError, match=message):
        make_env(EnvConfig("arena/ConnectFour-v0", kwargs))


@pytest.mark.worker
def test_an_opponent_that_breaks_a_bound_is_named(tmp_path) -> None:
    num_inputs = Seat("tictactoe_v3").observation_space.shape[0]
    first_allowed_move = np.concatenate([np.zeros((num_inputs - 9, 9)), np.eye(9)]).astype(np.float32)
    network = not_finite(
        num_inputs=num_inputs, num_actions=9, near=2.0, kernel=first_allowed_move
    )  # breaks once it has taken the first cell
    env = make_env(EnvConfig("arena/TicTacToe-v0", {"opponent": str(network.write(tmp_path / "hostile.onnx"))}))
    with pytest.raises(PolicyBroke, match=r"opponent .*hostile\.onnx: "):
        play(env, 0, lambda observation: 8 - int(observation[:-10:-1].argmax()))


@pytest.mark.worker
def test_an_opponent_of_another_game_is_refused(tmp_path) -> None:
    policy = column_policy(tmp_path / "policy.onnx", [4], "tictactoe_v3")
    with pytest.raises(ArenaError, match="cannot play here"):
        make_env(EnvConfig("arena/ConnectFour-v0", {"opponent": str(policy)}))


def position(moves: list[int]) -> np.ndarray:
    game = Game("tictactoe_v3")
    game.reset()
    for move in moves:
        game.step(move)
    return game.observation()


def test_perfect_play_is_that_of_the_textbook() -> None:
    assert tictactoe.value(0, 0) == 0, "tic-tac-toe is a draw"
    assert tictactoe.value.cache_info().currsize == 5_478, "all positions that can be reached"
    assert optimal_moves(position([])) == list(range(9))
    assert optimal_moves(position([0])) == [4], "a corner is answered by the centre"
    assert optimal_moves(position([4])) == [0, 2, 6, 8], "the centre is answered by a corner"
    assert optimal_moves(position([0, 4, 1])) == [2], "a threat is met"
    assert optimal_moves(position([0, 3, 1, 4])) == [2], "a win is taken"


def test_the_perfect_opponent_never_loses_and_draws_against_itself() -> None:
    config = EnvConfig("arena/TicTacToe-v0", {"opponent": "perfect"})
    env, rng = make_env(config), np.random.default_rng(0)
    against_random = [play(env, seed, lambda observation: int(rng.choice(np.flatnonzero(observation[18:] > 0.5))))[0] for seed in range(40)]
    assert max(against_random) == 0.0
    assert min(against_random) == -1.0
    assert {play(env, seed, lambda observation: int(rng.choice(optimal_moves(observation))))[0] for seed in range(40)} == {0.0}


def opponents(folder: Path, count: int, seed: int = 0) -> list[str]:
    seat = Seat("tictactoe_v3", "self", str(folder))
    seat.reset(seed=seed)
    drawn = [seat.draw_opponent() for _ in range(count)]
    return ["random" if policy is None else policy.path.stem for policy in drawn]


def test_the_pool_is_drawn_by_its_rule(tmp_path) -> None:
    assert set(opponents(tmp_path, 20)) == {"random"}, "an empty pool"
    for name in ("a", "b", "c"):
        column_policy(tmp_path / f"{name}.onnx", [4], "tictactoe_v3")
    drawn = opponents(tmp_path, 2_000)
    share = {name: drawn.count(name) / len(drawn) for name in sorted(set(drawn))}
    assert share == pytest.approx({"a": 1 / 6, "b": 1 / 6, "c": 1 / 2, "random": 1 / 6}, abs=0.056)  # five standard deviations
    assert opponents(tmp_path, 50, seed=3) == opponents(tmp_path, 50, seed=3)


def test_without_a_folder_self_is_random(tmp_path) -> None:
    """Evaluations of a run against its own past."""
    plain, own = Seat("tictactoe_v3"), Seat("tictactoe_v3", "self")
    assert own.wants_snapshots
    assert not plain.wants_snapshots

    def choose(observation: np.ndarray) -> int:
        return first_allowed(observation, 9)

    assert [play(own, seed, choose) for seed in range(5)] == [play(plain, seed, choose) for seed in range(5)]


def test_the_factory_hands_over_the_folder_where_it_is_wanted(tmp_path) -> None:
    seeds = np.random.SeedSequence(0)
    own = ArenaEnvFactory(EnvConfig("arena/TicTacToe-v0", {"opponent": "self"}), Meter(), seeds, snapshots=tmp_path)
    assert own.snapshots == tmp_path
    assert own.make().unwrapped.snapshots == tmp_path
    for config in (TIC_TAC_TOE, EnvConfig("CartPole-v1")):
        assert ArenaEnvFactory(config, Meter(), seeds, snapshots=tmp_path).snapshots is None


def test_run_folders_keep_and_drop_snapshots(tmp_path) -> None:
    run_dir = RunDir(tmp_path)
    policy = column_policy(tmp_path / "policy.onnx", [4], "tictactoe_v3")
    for env_steps in (500, 1_000, 20_000):
        run_dir.add_snapshot(policy, env_steps)
    names = sorted(path.name for path in run_dir.snapshots.iterdir())
    assert [int(name[10:22]) for name in names] == [500, 1_000, 20_000]
    assert OnnxPolicy(run_dir.snapshots / names[0]).signature.num_scores == 9
    run_dir.drop_snapshots_after(1_000)
    assert sorted(path.name for path in run_dir.snapshots.iterdir()) == names[:2]
    run_dir.clear()
    assert not run_dir.snapshots.exists()
    run_dir.drop_snapshots_after(0)


def test_evaluation_starts_are_paired() -> None:
    env = make_env(TIC_TAC_TOE)
    policies = [UniformPolicy(env.action_space, np.random.default_rng(seed), env.observation_space) for seed in (0, 0, 1)]
    returns = [evaluate(policy, TIC_TAC_TOE, num_episodes=20, seed=4).episode_returns.tolist() for policy in policies]
    assert returns[0] == returns[1] != returns[2]


class Killed(Exception):
    pass


def train(folder: Path, *, kill_after: int | None = None) -> RunDir:
    """Trains the fake agent against its own past, up to the first evaluation after `kill_after` env steps."""
    table = {
        "name": "test",
        "agents": ["arena.testing.fakes:FAKE_AGENT"],
        "envs": [{"id": "arena/TicTacToe-v0", "kwargs": {"opponent": "self"}}],
        "budget": {"env_steps": 1_200},
        "evaluation": {"period": 200, "episodes": 4, "final_episodes": 4},
        "checkpoint_period": 400,
        "log_period": 200,
    }
    run = next(from_table(table).runs())
    run_dir = RunDir(folder)
    folder.mkdir(exist_ok=True)
    factory = ArenaEnvFactory(run.env, Meter(run.budget.env_steps), np.random.SeedSequence(0), snapshots=run_dir.snapshots)
    agent = FakeAgent(factory, FakeConfig(num_envs=2), seed=0, device="cpu")

    def emit(event: WorkerEvent) -> None:
        if isinstance(event, EvaluationEnded) and kill_after is not None and event.env_steps >= kill_after:
            raise Killed

    with contextlib.closing(agent):
        train_and_judge(run, run_dir, agent, factory, emit, Timings())
    return run_dir


def test_a_killed_run_against_its_own_past_goes_on_exactly(tmp_path) -> None:
    straight = train(tmp_path / "straight")
    assert len(list(straight.snapshots.iterdir())) == 6, "one for each selection evaluation"
    with pytest.raises(Killed):
        train(tmp_path / "cut", kill_after=1_000)
    assert len(list(RunDir(tmp_path / "cut").snapshots.iterdir())) == 5, "one is younger than the checkpoint after 800 env steps"
    cut = train(tmp_path / "cut")
    for name in ("episodes.jsonl", "policy.onnx", *(f"snapshots/{path.name}" for path in straight.snapshots.iterdir())):
        assert (cut.path / name).read_bytes() == (straight.path / name).read_bytes(), name
