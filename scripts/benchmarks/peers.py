"""Sets up the environment of Stable-Baselines3 and SBX, its JAX edition, which are kept apart from the frameworks of this project."""

import hashlib
import importlib.util
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

from arena.errors import ArenaError
from benchmarks.options import option_parser
from benchmarks.processes import ROOT

LOCK = ROOT / "requirements" / "peers.txt"
"""Versions and hashes of all packages in that environment."""
PEERS = ROOT / ".venv-peers"
"""Default folder of that environment."""


def main(options: Sequence[str]) -> None:
    """Sets the environment up if it is missing, and prints its Python."""
    parser = option_parser(__name__, __doc__)
    parser.add_argument("--peers", type=Path, default=PEERS, metavar="DIR", help="folder of the environment")
    print(peers_python(parser.parse_args(options).peers))


def peers_python(folder: Path) -> Path:
    """Returns the Python of the environment in `folder`; sets that up if it is missing, or was made from another lock file.

    Raises:
        ArenaError: if it cannot be set up: no network, say, or no space.
    """
    python, stamp, fingerprint = folder / "bin" / "python", folder / "arena-peers", peers_fingerprint()
    if python.exists() and stamp.exists() and stamp.read_text() == fingerprint:
        return python.absolute()
    print(f"Setting up {folder} for Stable-Baselines3 and SBX (once; about 8 GB with PyTorch's CUDA libraries)", file=sys.stderr)
    try:
        stamp.unlink(missing_ok=True)
        if not python.exists():
            venv.create(folder, with_pip=True)
        install = [*_installer(python), "--quiet", "--no-deps", "--require-hashes", "-r", LOCK]
        subprocess.run([str(part) for part in install], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        stamp.write_text(fingerprint)
    except (OSError, subprocess.CalledProcessError) as error:
        lines = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        raise ArenaError(
            f"cannot set up the environment of Stable-Baselines3 and SBX in {folder} ({lines[-1] if lines else error}); it needs the "
            "package index and 8 GB, or measure without them: performance --only tfagents-dqn,rllib-dqn,rllib-ppo,kerasrl-dqn"
        ) from error
    return python.absolute()


def peers_fingerprint() -> str:
    """Returns the SHA-256 of the lock file."""
    return hashlib.sha256(LOCK.read_bytes()).hexdigest()


def _installer(python: Path) -> list[str | Path]:
    """Returns the command of uv if our own environment has it, which takes a minute instead of many; otherwise that of the new pip."""
    if importlib.util.find_spec("uv") is not None:
        return [sys.executable, "-m", "uv", "pip", "install", "--python", python, "--compile-bytecode"]
    return [python, "-m", "pip", "install", "--disable-pip-version-check"]
