"""The environment of the peers: Stable-Baselines3 and SBX, which would not fit beside every framework here, nor should they."""

import hashlib
import importlib.util
import subprocess
import sys
import venv
from pathlib import Path

from arena.errors import ArenaError

_PACKAGE = Path(__file__).parent
_REPOSITORY = _PACKAGE.parent.parent


def peers_script() -> Path:
    """Returns the script that measures peers; see `_found`."""
    return _found("scripts/benchmarks/peers_script.py")


def probe_folder() -> Path:
    """Returns the folder of `probe.py`, for peers to import."""
    return _PACKAGE / "child"


def peers_fingerprint() -> str:
    """Returns the SHA-256 of the file that pins the peers' versions."""
    return hashlib.sha256(_lock().read_bytes()).hexdigest()


def peers_python(folder: Path) -> Path:
    """Returns the Python of the peers' environment in `folder`, and makes that where it is missing or of another lock file.

    Raises:
        ArenaError: if it cannot be made: no network, no room.
    """
    lock, python, stamp = _lock(), folder / "bin" / "python", folder / "arena-peers"
    fingerprint = peers_fingerprint()
    if python.exists() and stamp.exists() and stamp.read_text() == fingerprint:
        return python.absolute()
    print(f"Setting up {folder} for Stable-Baselines3 and SBX (once; about 8 GB with PyTorch's CUDA libraries)", file=sys.stderr)
    try:
        stamp.unlink(missing_ok=True)
        if not python.exists():
            venv.create(folder, with_pip=True)
        install = [*_installer(python), "--quiet", "--no-deps", "--require-hashes", "-r", lock]
        subprocess.run([str(part) for part in install], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        stamp.write_text(fingerprint)
    except (OSError, subprocess.CalledProcessError) as error:
        lines = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        raise ArenaError(
            f"the peers' environment {folder} cannot be made ({lines[-1] if lines else error}); "
            "it needs the package index and 8 GB, or measure without peers: --only tfagents-dqn,rllib-dqn,rllib-ppo,kerasrl-dqn"
        ) from error
    return python.absolute()


def _lock() -> Path:
    return _found("requirements/peers.txt")


def _installer(python: Path) -> list[str | Path]:
    """Returns uv's command where our own environment has uv, which takes a minute instead of many; else that of the new one's pip."""
    if importlib.util.find_spec("uv") is not None:
        return [sys.executable, "-m", "uv", "pip", "install", "--python", python, "--compile-bytecode"]
    return [python, "-m", "pip", "install", "--disable-pip-version-check"]


def _found(name: str) -> Path:
    """Returns a file of the repository, or its copy in the installed package."""
    for path in (_PACKAGE / "peers_files" / Path(name).name, _REPOSITORY / name):
        if path.exists():
            return path
    raise ArenaError(f"{name} is missing from this installation of arena-rl")
