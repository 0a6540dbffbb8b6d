"""The command that installs missing packages from the place that this installation itself came from."""

import importlib.metadata
import json
import shlex
from urllib.parse import unquote, urlparse


def install_command(extra: str) -> str:
    """Returns the command that installs an extra of `arena-rl`, such as `keras`.

    An installation from a clone gets uv's command, with the overrides that tf-agents' outdated pins need (`requirements/README.md`); pip
    has no such option. Any other installation gets pip's command for the package index.
    """
    try:
        origin = json.loads(importlib.metadata.distribution("arena-rl").read_text("direct_url.json") or "{}")  # PEP 610
    except importlib.metadata.PackageNotFoundError:  # run from its sources, without installation
        origin = {}
    if "dir_info" not in origin:
        return f"pip install 'arena-rl[{extra}]'"
    clone = shlex.quote(unquote(urlparse(origin["url"]).path))
    return f"cd {clone} && uv pip install --override requirements/overrides.txt -e '.[{extra}]'"
