"""Tournaments and leagues: policies of any origin meet, and a leaderboard says who is better and how sure that is.

======================================================  ======================================================
How is a policy file taken in?                          `entry/admission.py`
Who are the players of an experiment's folder?          `entry/find_players.py`, `entry/run_players.py`
Who meets whom next?                                    `schedule/rounds.py`, `schedule/swiss.py`, `schedule/adaptive.py`
Where is a match played?                                `play/play_task.py`: `play_episodes.py` for duels, `play_games.py` for games
Where is a policy loaded for play?                      `play/load_policy.py`, with bounds: `arena.policies.bounded`
Who is to blame when a match fails?                     `faults.py`
What is written of a match?                             `match_records.py`
Where is a result counted?                              `points.py`
Where is a ranking decided?                             `standings/ranking.py`
What shows the result?                                  `leaderboard/leaderboard_page.py`, `leaderboard/leaderboard_table.py`
Where does a tournament begin?                          `play/play_tournament.py`; a league: `league.py`
Who plays no further matches of a league, and why?      `league_journal.py`
======================================================  ======================================================
"""
