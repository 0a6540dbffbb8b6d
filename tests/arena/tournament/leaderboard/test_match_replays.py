import json

from arena.tournament.leaderboard.match_replays import DuelReplay, GameReplay, Pane, ReplayedGame


def test_a_game_is_told_to_the_page_with_its_kind_and_title():
    game = ReplayedGame(match="x/0", players=("a/0", "b/0"), moves=(4,), plies=((0, ((4, 1),)),), opening=0, outcome="a wins.")
    replay = GameReplay(env="tictactoe", players=("a", "b"), outcome="a wins.", why="asked for", shape=(3, 3), matches=(game,))
    document = json.loads(json.dumps(replay.document()))
    assert (document["kind"], document["title"]) == ("game", "a \N{EN DASH} b, tictactoe")
    assert document["matches"][0]["plies"] == [[0, [[4, 1]]]]
    assert document["shape"] == [3, 3]


def test_a_duel_is_told_with_the_panes_of_both_players():
    panes = [Pane(player=name, sheet="data:", columns=1, width=2, height=3, times=(0, 4), returns=(0.0, 1.5)) for name in "ab"]
    replay = DuelReplay(env="CartPole-v1", players=("a", "b"), outcome="A tie.", why="asked for", panes=(panes[0], panes[1]))
    document = json.loads(json.dumps(replay.document()))
    assert document["kind"] == "duel"
    assert [(pane["player"], pane["returns"]) for pane in document["panes"]] == [("a", [0.0, 1.5]), ("b", [0.0, 1.5])]
