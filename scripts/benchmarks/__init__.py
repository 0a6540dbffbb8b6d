"""The benchmarks of this repository, outside the wheel: `python3 scripts/benchmark.py` lists and runs them.

`benchmarks.catalogue` names them all, and `benchmarks.<name>` has the `main` of each. Nothing here imports a framework: what needs one
runs in a process of its own, as a module of `benchmarks.child` or of `benchmarks.loops`.
"""
