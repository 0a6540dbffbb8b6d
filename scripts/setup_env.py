"""Makes the project's own environment in `.venv`, from the hashed lock files, with nothing but Python and pip.

`enter()` does it if it has not been done, then runs the calling script again inside. The user's Python stays as it was.
"""

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "arena-setup"
LOCKS = (ROOT / "requirements" / "uv.txt", ROOT / "requirements" / "all.txt")


def enter() -> None:
    """Returns inside the project's environment; from outside, sets it up and does not return."""
    if Path(sys.prefix).resolve() == VENV and STAMP.exists() and STAMP.read_text() == _fingerprint():
        return
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        sys.exit(f"Python 3.11, 3.12 or 3.13 is needed; this is {sys.version.split()[0]}. Call this script with another python3.")
    python = VENV / "bin" / "python"
    if not (STAMP.exists() and STAMP.read_text() == _fingerprint() and python.exists()):
        _install(python)
    environment = {**os.environ, "VIRTUAL_ENV": str(VENV), "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}
    os.execve(python, [str(python), *sys.argv], environment)


def _install(python: Path) -> None:
    print(f"Setting up {VENV} (once; about 10 GB with the CUDA libraries of PyTorch)", flush=True)
    STAMP.unlink(missing_ok=True)
    if not python.exists():
        venv.create(VENV, with_pip=True)
    uv_lock, lock = LOCKS
    _call(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", uv_lock)
    uv = (python, "-m", "uv", "pip")
    _call(*uv, "install", "--quiet", "--python", python, "--no-deps", "--require-hashes", "--compile-bytecode", "-r", lock)
    _call(*uv, "install", "--quiet", "--python", python, "--no-deps", "--no-build-isolation", "--editable", ROOT)
    STAMP.write_text(_fingerprint())


def _call(*command: object) -> None:
    try:
        subprocess.run([str(part) for part in command], check=True)
    except subprocess.CalledProcessError as error:
        sys.exit(f"setting up failed: {' '.join(map(str, command))} ended with code {error.returncode}")


def _fingerprint() -> str:
    digest = hashlib.sha256(str(ROOT).encode())
    for path in (*LOCKS, ROOT / "pyproject.toml"):
        digest.update(path.read_bytes())
    return digest.hexdigest()
