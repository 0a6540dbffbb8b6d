"""Writes the lock files under `requirements/` from `pyproject.toml`: names, versions and hashes, no download host."""

import subprocess
import sys

import setup_env

setup_env.enter()

REQUIREMENTS = setup_env.REQUIREMENTS
COMPILE = (
    *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"),
    *("--override", str(REQUIREMENTS / "overrides.txt"), "--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url"),
)
SAME_VERSIONS = ("--constraint", "requirements/all.txt")
"""Arguments that let a lock have the versions of the whole, which is written first."""

for name, sources in {
    "uv.txt": [str(REQUIREMENTS / "uv.in")],
    "audit.txt": [str(REQUIREMENTS / "audit.in")],
    "rliable.txt": [str(REQUIREMENTS / "rliable.in")],
    "peers.txt": [str(REQUIREMENTS / "peers.in")],
    "all.txt": ["pyproject.toml", "--extra", "all", "--group", "dev"],
    "trackers.txt": ["pyproject.toml", str(REQUIREMENTS / "trackers.in")],
    "ray-serve.txt": ["pyproject.toml", "--extra", "ray-serve", *SAME_VERSIONS],
    "core.txt": ["pyproject.toml", "--group", "unit", *SAME_VERSIONS],
    **{
        f"{framework}.txt": ["pyproject.toml", "--extra", framework, "--group", "build", *SAME_VERSIONS]
        for framework in setup_env.FRAMEWORKS
        if framework != "rllib-cpu"
    },
    "rllib-cpu.txt": [
        *("pyproject.toml", "--extra", "rllib", "--group", "build", *SAME_VERSIONS),
        *("--override", str(REQUIREMENTS / "rllib-cpu-overrides.txt")),
    ],
    "cuda.txt": ["pyproject.toml", "--extra", "all", "--extra", "cuda"],
}.items():
    subprocess.run([*COMPILE, *sources, "-o", str(REQUIREMENTS / name), *sys.argv[1:]], cwd=setup_env.ROOT, check=True)
