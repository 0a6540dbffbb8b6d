"""The page of a small tournament that was really played: two policies and the random player on CartPole, Chain and tic-tac-toe."""

import dataclasses
import functools
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from headless_browser import opened_browser

from arena.cli.leaderboard import leaderboard as write_again
from arena.environments.config import EnvConfig
from arena.environments.games import Game
from arena.errors import ArenaError
from arena.policies.onnx_network import Dense, PolicyNetwork
from arena.statistics.estimate import Estimate
from arena.tournament.entry.admission import AdmittedPolicy
from arena.tournament.entry.env_spaces import env_spaces
from arena.tournament.entry.player import Player
from arena.tournament.leaderboard import duel_replays
from arena.tournament.leaderboard import replay_selection as selection
from arena.tournament.leaderboard.duel_replays import MAX_FRAME_BYTES, record_duels
from arena.tournament.leaderboard.leaderboard_page import render_leaderboard, write_leaderboard
from arena.tournament.match_records import Episodes, PlayedGame
from arena.tournament.play.play_episodes import duel_policy
from arena.tournament.play.play_tournament import play
from arena.tournament.standings.compute_standings import compute_standings
from arena.tournament.standings.standings import Standings
from arena.tournament.tournament import Rules, Tournament
from arena.tournament.tournament_folder import TournamentFolder
from arena.watching import film

pytestmark = pytest.mark.xdist_group("leaderboard page")  # one process makes what they share
ENVS = ("CartPole-v1", "arena/Chain-v0", "tictactoe_v3")
HOSTILE = "<script>alert(1)"


def _policy(env: EnvConfig, seed: int, path: Path) -> AdmittedPolicy:
    observations, actions = env_spaces(env)
    inputs = getattr(observations, "num_features", observations.shape[0])  # type: ignore[index]
    kernel = np.random.default_rng(seed).normal(size=(inputs, actions.n)).astype(np.float32)  # type: ignore[attr-defined]
    PolicyNetwork([Dense(kernel, np.zeros(kernel.shape[1], np.float32))], observations, actions).export(path)  # type: ignore[arg-type]
    return AdmittedPolicy(path=path, sha256=hashlib.sha256(path.read_bytes()).hexdigest(), source=path)


@pytest.fixture(autouse=True, scope="module")
def _replays_are_short_and_play_in_this_process() -> Iterator[None]:
    """Plays the policies of replays, which are these tests' own, without the processes that bound a stranger's, and draws few frames."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duel_replays, "duel_policy", functools.partial(duel_policy, trusted=True))
        patch.setattr(film, "MAX_FRAMES", 10)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tournament")
    envs = tuple(EnvConfig(env) for env in ENVS)
    players = [Player(name="random", entrant="random", policies={})]
    for seed, name in enumerate(("weak", HOSTILE)):
        policies = {env.name: _policy(env, seed, path / f"{seed}-{env.name}.onnx") for env in envs}
        players.append(Player(name=f"{name}-0", entrant=name, policies=policies))
    play(
        Tournament(path=path, players=tuple(players), envs=envs, rules=Rules(episodes=4, games=8), command="arena tournament a b"),
        workers=1,
        trusted=True,
    )
    return path


@pytest.fixture(scope="module")
def html(folder: Path) -> str:
    path = write_leaderboard(compute_standings(folder), folder)
    assert path == folder / "leaderboard.html"
    return path.read_text(encoding="utf-8")


def _documents(html: str) -> list[dict[str, Any]]:
    found = re.findall(r'<script type="application/json" id="replay-\d+">(.*?)</script>', html, re.DOTALL)
    return [json.loads(text) for text in found]


def test_the_page_holds_by_itself_and_for_everybody(html: str, problems: Callable[[str], list[str]]) -> None:
    assert problems(html) == []
    assert len(html) < MAX_FRAME_BYTES
    assert "<pre>arena tournament a b</pre>" in html


def test_names_are_text_never_markup(html: str) -> None:
    assert HOSTILE not in html
    assert "&lt;script&gt;alert(1)" in html


def test_every_pair_has_its_duel_and_its_games(html: str, folder: Path) -> None:
    records = TournamentFolder(folder).read_records()
    documents = _documents(html)
    games = [document for document in documents if document["kind"] == "game"]
    duels = [document for document in documents if document["kind"] == "duel"]
    assert len(games) == len(duels) == 3  # pairs; Chain draws nothing
    assert "arena-Chain-v0 has no replays: it has no render mode" in html
    played = {record.match: record for record in records if isinstance(record, PlayedGame)}
    shown = [match for game in games for match in game["matches"]]
    assert {match["match"] for match in shown} == set(played)
    for match in shown:
        assert match["moves"] == list(played[match["match"]].moves)
        assert match["players"] == list(played[match["match"]].players)


def test_a_duel_shows_the_recorded_returns_of_the_start_that_differs_most(html: str, folder: Path) -> None:
    records = {r.player: r for r in TournamentFolder(folder).read_records() if isinstance(r, Episodes) and r.env == "CartPole-v1"}
    for document in _documents(html):
        if document["kind"] == "duel":
            returns = np.array([records[player].returns for player in document["players"]])
            episode = np.abs(returns[0] - returns[1]).argmax()
            assert [pane["returns"][-1] for pane in document["panes"]] == returns[:, episode].tolist()
    assert "another way" not in html


def test_the_page_opens_on_the_duel_whose_returns_differ_most(html: str) -> None:
    [opened] = re.findall(r'data-watch="(\d+)" data-opens', html)
    documents = _documents(html)
    apart = {
        number: abs(document["panes"][0]["returns"][-1] - document["panes"][1]["returns"][-1])
        for number, document in enumerate(documents, 1)
        if document["kind"] == "duel"
    }
    assert apart[int(opened)] == max(apart.values()) > 0


def test_the_changes_of_a_game_build_its_board_up(html: str, folder: Path) -> None:
    (document, *_) = (document for document in _documents(html) if document["kind"] == "game")
    assert document["shape"] == [3, 3]
    match = document["matches"][0]
    game = Game("tictactoe_v3")
    game.reset()
    board = np.zeros(9, np.int8)
    for move, (seat, changes) in zip(match["moves"], match["plies"], strict=True):
        assert seat == game.seat
        game.step(move)
        for cell, piece in changes:
            board[cell] = piece
        np.testing.assert_array_equal(board.reshape(3, 3), game.board())


def test_a_match_that_is_asked_for_comes_first(folder: Path) -> None:
    tournament_folder = TournamentFolder(folder)
    tournament, records = tournament_folder.read(), tournament_folder.read_records()
    order = list(tournament.entrants)
    last = [record for record in records if isinstance(record, PlayedGame)][-1]
    replays = selection.game_replays(tournament, records, order, [last.match])
    assert last.match in [replay.matches[0].match for replay in replays]
    choice = selection.find_duel(tournament, records, f"CartPole-v1/random~{HOSTILE}-0/2")
    assert (choice.episode, choice.why, choice.episodes[0].player) == (2, "asked for", "random")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("CartPole-v1/random~nobody/0", "'nobody' played no episode of CartPole-v1"),
        ("CartPole-v1/random~weak-0/4", "there are 4 episodes, counted from 0"),
        ("CartPole-v1/random/0", "a duel is called ENV/PLAYER~PLAYER/EPISODE"),
        ("Nowhere-v1/random~weak-0/0", "a duel is called ENV/PLAYER~PLAYER/EPISODE"),
        ("tictactoe_v3/random~weak-0/999/0", "a game as in matches.jsonl"),
    ],
)
def test_a_match_that_was_not_played_is_refused(folder: Path, name: str, reason: str) -> None:
    with pytest.raises(ArenaError, match=re.escape(reason)):
        selection.find_duel(TournamentFolder(folder).read(), TournamentFolder(folder).read_records(), name)


def test_frames_beyond_the_bound_are_left_out_and_said(folder: Path) -> None:
    tournament_folder = TournamentFolder(folder)
    tournament, records = tournament_folder.read(), tournament_folder.read_records()
    choices = selection.choose_duels(tournament, records, tournament.entrants)
    replays, notes = record_duels(tournament, [choice for choice in choices if choice.env.id == "CartPole-v1"], 1)
    assert len(replays) == 1
    assert notes == ["2 duels were left out to keep the page small; arena leaderboard --match shows any."]


def _standings(folder: Path, **changes: Any) -> tuple[Standings, Tournament]:
    return dataclasses.replace(compute_standings(folder), **changes), TournamentFolder(folder).read()


def test_decided_pairs_and_cycles_are_said_in_words(folder: Path, problems: Callable[[str], list[str]]) -> None:
    standings, tournament = _standings(folder)
    names = [row.entrant for row in standings.rows]
    rows = tuple(
        dataclasses.replace(row, rank_low=low, rank_high=high)
        for row, (low, high) in zip(standings.rows, [(1, 1), (2, 3), (2, 3)], strict=True)
    )
    decided = dataclasses.replace(standings, rows=rows, better=((names[0], names[1]), (names[0], names[2])))
    page = render_leaderboard(dataclasses.replace(decided, cycles=(("a", "b", "c"),), circles=("a beats b",)), tournament)
    text = page.replace("&lt;", "<").replace("&gt;", ">")
    assert (
        f"{names[0]} is ahead of all others. Between {names[1]} and {names[2]} nothing is decided. Ranked by points against the field."
        in text
    )
    assert f"Decided: {names[0]} has more points against the field than {names[1]}." in text
    assert f"<b>Not decided</b>: {names[1]} or {names[2]}." in text
    assert "a, b, c beat each other in a circle: a beats b. No single number ranks them." in text
    assert problems(page) == []
    assert "player.js" not in page
    matrix = page.partition('<table class="matrix">')[2].partition("</table>")[0]
    assert matrix.count("<td style=") == 4, "the first against both others, and they against it"
    of_duels = dataclasses.replace(decided, envs=tuple(env for env in standings.envs if env.kind == "duel"))
    text = render_leaderboard(of_duels, tournament).replace("&lt;", "<").replace("&gt;", ">")
    assert f"Decided: {names[0]} has more points against the field than {names[1]}." in text, "they have one policy each"
    several = dataclasses.replace(of_duels, rows=tuple(dataclasses.replace(row, members=("one", "two")) for row in of_duels.rows))
    text = render_leaderboard(several, tournament).replace("&lt;", "<").replace("&gt;", ">")
    assert f"Decided: {names[0]} beats {names[1]} more often than not." in text


def test_where_there_is_no_interval_the_page_says_so_and_draws_none(folder: Path, problems: Callable[[str], list[str]]) -> None:
    standings, tournament = _standings(folder)
    rows = tuple(dataclasses.replace(row, rating=_unsure(row.rating), points=_unsure(row.points)) for row in standings.rows)
    pairs = tuple(
        dataclasses.replace(pair, return_difference=_unsure(pair.return_difference)) if pair.return_difference else pair
        for pair in standings.pairs
    )
    envs = tuple(
        dataclasses.replace(env, scores=tuple(dataclasses.replace(score, score=_unsure(score.score)) for score in env.scores))
        for env in standings.envs
    )
    page = render_leaderboard(dataclasses.replace(standings, rows=rows, pairs=pairs, envs=envs), tournament)
    num_scores = sum(len(env.scores) for env in envs)
    # What stands under a name on a phone stands in a column of its own elsewhere.
    assert page.count("[no interval]") == 2 * num_scores + sum(pair.return_difference is not None for pair in pairs)
    assert page.count('<span class="missing">no interval</span>') == 2 * len(rows)
    forests = re.findall(r'<svg class="forest".*?</svg>', page, re.DOTALL)
    assert sum("<circle" in forest for forest in forests) == 2 * (len(rows) + num_scores)
    assert not any('class="line' in forest for forest in forests)
    assert "None" not in page
    assert problems(page) == []


def test_a_marked_interval_has_a_star_and_its_remark_stands_once_below_the_table(folder: Path) -> None:
    standings, tournament = _standings(folder)
    differences = [pair.return_difference for pair in standings.pairs if pair.return_difference]
    marked = [each for each in differences if each.note and each.low is not None]
    assert marked, "all pairs have few seeds"
    page = render_leaderboard(standings, tournament)
    table = page.partition("Every pair on every environment</summary>")[2].partition("</details>")[0]
    assert table.count("]*</small>") == len(marked)
    assert table.count(f'<p class="note">* {marked[0].note}</p>') == 1


def _unsure(interval: Estimate) -> Estimate:
    return dataclasses.replace(interval, low=None, high=None)


def test_the_command_writes_the_page_again_with_what_is_asked_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_again(folder, ["CartPole-v1/random~weak-0/3"], 4.0)
    page = folder / "leaderboard.html"
    assert capsys.readouterr().out == f"Page: {page}\n"
    duels = [document for document in _documents(page.read_text(encoding="utf-8")) if document["kind"] == "duel"]
    assert (duels[0]["players"], duels[0]["why"]) == (["random", "weak-0"], "asked for")
    with pytest.raises(ArenaError, match="nowhere"):
        write_again(folder / "nowhere", [], 4.0)


@pytest.mark.extra
@pytest.mark.worker
def test_a_person_plays_a_live_duel_by_keyboard(html: str, folder: Path) -> None:
    """Whoever pushes the cart to the right alone is beaten, and the cart is to the right by then."""
    pane = "document.querySelector('#duelling [data-part=right]')"
    with opened_browser() as page:
        for width in (1_300, 390):
            page.resize(width, 900)
            page.open(folder / "leaderboard.html")
            assert page.run("document.documentElement.scrollWidth <= innerWidth")
            page.run(f"{pane}.querySelector('[data-part=take]').click()")
            page.press("ArrowRight")
            page.press(" ")
            page.wait_for(f"/^You: return [0-9]+ in [0-9]+ steps, ended$/.test({pane}.querySelector('[data-part=told]').textContent)")
            page.release("ArrowRight")
            cart = f"Number({pane}.querySelector('.body').getAttribute('x1')) + 20"
            assert page.run(cart) > 152.0
            page.wait_for("/wins|a tie/.test(document.querySelector('#duelling [data-part=status]').textContent)")
        assert not page.errors
