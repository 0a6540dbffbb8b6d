"""The command that installs missing packages from the place that this installation itself came from."""

import importlib.metadata
import importlib.util
import json
import shlex
import shutil
from pathlib import Path
from urllib.parse import unquote, urlparse

NEED_OVERRIDES = frozenset({"tfagents", "all"})
"""Extras that pip cannot install, because tf-agents 0.19 pins versions that its own code has outgrown."""
OVERRIDES = Path(__file__).parents[1] / "overrides.txt"
"""The versions that replace those pins, in an installed package; in a clone it is `requirements/overrides.txt`."""


def install_command(extra: str) -> str:
    """Returns the command that installs an extra of `arena-rl`, such as `keras`.

    An installation from a clone gets uv's command, with the overrides that tf-agents' outdated pins need (`requirements/README.md`); pip
    has no such option. Where uv is missing, as after `pip install .`, the command installs it first. Any other installation gets pip's
    command for the package index, and uv's for an extra that pip cannot resolve.
    """
    try:
        origin = json.loads(importlib.metadata.distribution("arena-rl").read_text("direct_url.json") or "{}")  # PEP 610
    except importlib.metadata.PackageNotFoundError:  # run from its sources, without installation
        origin = {}
    if "dir_info" not in origin:
        if extra not in NEED_OVERRIDES:
            return f"pip install 'arena-rl[{extra}]'"
        return f"pip install uv && uv pip install --override {shlex.quote(str(OVERRIDES))} 'arena-rl[{extra}]'"
    clone = shlex.quote(unquote(urlparse(origin["url"]).path))
    has_uv = importlib.util.find_spec("uv") is not None or shutil.which("uv") is not None
    editable = "-e " if origin["dir_info"].get("editable") else ""
    install = f"uv pip install --override requirements/overrides.txt {editable}'.[{extra}]'"
    return f"{'' if has_uv else 'pip install uv && '}cd {clone} && {install}"
