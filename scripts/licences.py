"""Writes docs/licences.md: the licence of every package in requirements/all.txt, as the metadata of the installed packages states it."""

import importlib.metadata
import re
import sys
from pathlib import Path

import setup_env

LOCK = setup_env.REQUIREMENTS / "all.txt"
PAGE = setup_env.ROOT / "docs" / "licences.md"
MAX_CHARACTERS = 80
"""Longest text in metadata that is taken for a licence's name; longer ones are the licence itself, and the classifiers name it."""
HEAD = """# Licences

The licence of every package that [requirements/all.txt](../requirements/all.txt) can install, as the package's own metadata states it.
`python3 scripts/licences.py` writes this page. The last column is empty for packages of another platform, which are not installed
where that ran. The arena itself is under Apache-2.0 ([LICENSE](../LICENSE)). Nothing here is legal advice.

| package | version | licence |
|---|---|---|
"""


def locked(lock: Path = LOCK) -> list[tuple[str, str]]:
    """Returns name and version of every package in a lock, in its order."""
    return re.findall(r"^([\w.-]+)==([^\s;\\]+)", lock.read_text(encoding="utf-8"), re.MULTILINE)


def licence(name: str) -> str:
    """Returns the licence that an installed package states; empty if the package isn't installed, `not stated` if it says none."""
    try:
        metadata = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
    stated = metadata.get("License-Expression") or metadata.get("License") or ""
    if stated and len(stated) <= MAX_CHARACTERS and "\n" not in stated:
        return stated
    kinds = [text.rpartition(" :: ")[2] for text in metadata.get_all("Classifier") or () if text.startswith("License :: ")]
    return ", ".join(kinds) or "not stated"


def page() -> str:
    """Returns the page."""
    rows = [f"| {name} | {version} | {licence(name).replace('|', '/')} |" for name, version in locked()]
    return HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    setup_env.enter()
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}: {len(locked())} packages\n")
