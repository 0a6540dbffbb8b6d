"""Keeps what a framework has compiled for the next worker that compiles the same, in a folder that nobody else can have written.

Frameworks load machine code from such a folder: it is trusted only if it is this user's and closed to others. Each worker has its
framework write into a copy of its own (hard links), and what was added is kept file by file once it is whole: workers beside each other,
and workers that are killed, leave no half-written program to the others. What is kept is parted by versions and by the processor.
"""

import contextlib
import hashlib
import json
import os
import platform
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from arena.errors import ArenaError

VARIABLE = "ARENA_CACHE"
"""Names the folder; empty or `off`: nothing is kept. Not set: the platform's folder for caches."""
MAX_BYTES = 2**28
"""Kept for one agent on one set of versions; the oldest go first."""
MAX_UNUSED_SECONDS = 30 * 86_400.0
"""After which programs of other versions, and copies of workers that were killed, are removed."""


def cache_folder() -> Path | None:
    """Returns the folder for compiled programs, made if missing; None where nothing is to be kept.

    Raises:
        ArenaError: if `ARENA_CACHE` names a folder that cannot be trusted or written. The platform's own folder is then left alone.
    """
    wanted = os.environ.get(VARIABLE)
    if wanted in ("", "off"):
        return None
    try:
        folder = Path(wanted).absolute() if wanted else _platform_folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        problem = _problem(folder)
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home directory
        problem = getattr(error, "strerror", None) or str(error)
    if problem is None:
        return folder
    if wanted:
        raise ArenaError(f"{VARIABLE}={wanted!r} cannot hold compiled programs: {problem}; name another folder, or say {VARIABLE}=off")
    return None


@contextlib.contextmanager
def compile_cache(name: str, modules: frozenset[str], versions: Mapping[str, str | None]) -> Iterator[Callable[[], None]]:
    """Has this process's framework, which must not have been imported yet, find and leave compiled programs.

    Args:
        name: of the agent: its programs are kept apart.
        modules: of the framework; nothing is done for one that compiles nothing.
        versions: of all that compiles.

    Yields:
        A function that keeps what has been compiled so far, as the end of the context does.
    """
    if not modules & {"jax", "tensorflow", "torch"}:
        yield lambda: None
        return
    folder = cache_folder()
    kept = None if folder is None else folder / _fingerprint(versions) / name
    with tempfile.TemporaryDirectory(prefix="worker-", dir=folder, ignore_cleanup_errors=True) as path:
        own = Path(path)
        # PyTorch keeps programs anyway, in a folder of /tmp that another user may have made first: it gets one of its own in any case.
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(own / "torch")
        if folder is None or kept is None:
            yield lambda: None
            return
        with contextlib.suppress(OSError):  # a full disk, or someone clears the folder: the programs are compiled anew
            kept.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.utime(kept.parent)
            _link_all(kept, own)
        os.environ.update(_variables(own))
        try:
            yield lambda: _link_all(own, kept)
        finally:
            with contextlib.suppress(OSError):
                _link_all(own, kept)
                _prune(folder, kept)


def _variables(folder: Path) -> dict[str, str]:
    for name in ("jax", "tensorflow"):
        (folder / name).mkdir(exist_ok=True)
    flags = os.environ.get("TF_XLA_FLAGS", "")
    if not any(character.isspace() for character in str(folder)):  # TensorFlow splits its flags there, and knows no quotes
        flags = f"{flags} --tf_xla_persistent_cache_directory={folder / 'tensorflow'}".strip()
    return {
        "JAX_COMPILATION_CACHE_DIR": str(folder / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",  # hundreds of small programs take longer to compile than the large one
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "JAX_PERSISTENT_CACHE_ENABLE_XLA_CACHES": "none",  # their folder's name becomes part of a program's key (jax/_src/cache_key.py)
        "TF_XLA_FLAGS": flags,
    }


def _platform_folder() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "arena-rl"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "arena-rl"


def _problem(folder: Path) -> str | None:
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        return "it is no folder, or a link to one"
    if hasattr(os, "getuid") and status.st_uid != os.getuid():
        return "it belongs to another user, whose programs would be run here"
    if status.st_mode & 0o077:
        return f"others may use it (chmod 700 {folder})"
    return None if os.access(folder, os.W_OK) else "it is not writable"


def _fingerprint(versions: Mapping[str, str | None]) -> str:
    processor = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):  # machine code may use any feature of the processor that it was compiled on
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor += "".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))
    known = json.dumps([dict(versions), processor, platform.platform(), sys.version])
    return hashlib.sha256(known.encode()).hexdigest()[:16]


def _link_all(source: Path, target: Path) -> None:
    for path in source.rglob("*"):
        other = target / path.relative_to(source)
        with contextlib.suppress(OSError):  # another worker was quicker, or removed it
            if path.is_dir():
                other.mkdir(mode=0o700, parents=True, exist_ok=True)
            elif path.is_file() and not other.exists():
                os.link(path, other)


def _prune(folder: Path, kept: Path) -> None:
    now = time.time()
    with contextlib.suppress(OSError):  # another worker prunes too
        for path in folder.iterdir():
            if path != kept.parent and now - path.stat().st_mtime > MAX_UNUSED_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
        files = sorted((path.stat().st_mtime, path.stat().st_size, path) for path in kept.rglob("*") if path.is_file())
        excess = sum(size for _, size, _ in files) - MAX_BYTES
        for _, size, path in files:
            if excess <= 0:
                break
            path.unlink(missing_ok=True)
            excess -= size
