"""The bounded player: a policy file that may be a stranger's plays in a process of its own, with bounds of memory and time.

=================================================  ==========================================================
Who plays?                                         `bounded_policy.py`: `BoundedPolicy`
What are the bounds?                               `bounds.py`: `Bounds`
Where do the processes come from?                  `player_processes.py`, which talks to `fork_server.py`
What runs in such a process?                       `player_process.py`, held by `limits.py`
What does it play by itself?                       `whole_episodes.py`: `play_whole`
What do the two sides send each other?             `channel.py`
=================================================  ==========================================================

One process plays one policy, so that each fault has one author. The processes are forks of a server that has loaded onnxruntime already:
a start takes milliseconds, and not the half second of a new interpreter.
"""
