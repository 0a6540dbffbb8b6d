"""The command that installs missing packages from the place that this installation itself came from."""

import importlib.metadata
import importlib.util
import json
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

NEED_OVERRIDES = frozenset({"tfagents", "all"})
"""Extras that pip cannot install, because tf-agents 0.19 pins versions that its own code has outgrown."""
OVERRIDES = Path(__file__).parents[1] / "overrides.txt"
"""The versions that replace those pins, in an installed package; in a clone it is `requirements/overrides.txt`."""


def install_command(*extras: str) -> str:
    """Returns the command that installs extras of `arena-rl`, such as `keras`.

    An installation from a clone gets uv's command, with the overrides that tf-agents' outdated pins need (`requirements/README.md`); pip
    has no such option. Where uv is missing, as after `pip install .`, the command installs it first. Any other installation gets pip's
    command, and uv's for an extra that pip cannot resolve: for the file or the repository that it came from, or for the package index.
    """
    names = ",".join(extras)
    try:
        origin = json.loads(importlib.metadata.distribution("arena-rl").read_text("direct_url.json") or "{}")  # PEP 610
    except importlib.metadata.PackageNotFoundError:  # run from its sources, without installation
        origin = {}
    if "dir_info" not in origin:
        wanted = shlex.quote(f"arena-rl[{names}]{_source(origin)}")
        if NEED_OVERRIDES.isdisjoint(extras):
            return f"pip install {wanted}"
        return f"pip install uv && uv pip install --override {shlex.quote(str(OVERRIDES))} {wanted}"
    clone = shlex.quote(unquote(urlparse(origin["url"]).path))
    has_uv = importlib.util.find_spec("uv") is not None or shutil.which("uv") is not None
    editable = "-e " if origin["dir_info"].get("editable") else ""
    install = f"uv pip install --override requirements/overrides.txt {editable}'.[{names}]'"
    return f"{'' if has_uv else 'pip install uv && '}cd {clone} && {install}"


def _source(origin: Mapping[str, Any]) -> str:
    """Returns ` @ URL` of the wheel or repository that the installation came from; nothing for the package index, or a file that is gone.

    Args:
        origin: content of the installation's `direct_url.json` (PEP 610); empty for the package index.
    """
    url, repository = str(origin.get("url", "")), origin.get("vcs_info")
    if repository:
        return f" @ {repository['vcs']}+{url}@{repository['commit_id']}"
    parsed = urlparse(url)
    if not url or (parsed.scheme == "file" and not Path(unquote(parsed.path)).is_file()):
        return ""
    return f" @ {url}"
