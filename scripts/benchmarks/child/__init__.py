"""What a benchmark runs in a process of its own: `python -m benchmarks.child.NAME REQUEST` prints a JSON object on its last line."""
