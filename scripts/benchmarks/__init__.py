"""The benchmark: every agent beside its framework's own loop, beside peers, and above the floor of its environment and arithmetic.

No framework is imported here. Each measurement is a process of its own: the arena's worker, a module of `benchmarks.loops`, or
`peers_script.py` in an environment of its own.
"""
