"""Says how to install what is missing, from where this arena itself came."""

import importlib.metadata
import json
import shlex
from urllib.parse import unquote, urlparse


def install_command(extra: str) -> str:
    """Returns the command that installs an extra of `arena-rl`: from the clone that it was installed from, else from the package index.

    In a clone it is uv's, with the overrides that tf-agents' outdated pins need (`requirements/README.md`); pip has no such option.
    """
    try:
        origin = json.loads(importlib.metadata.distribution("arena-rl").read_text("direct_url.json") or "{}")  # PEP 610
    except importlib.metadata.PackageNotFoundError:  # run from its sources, without installation
        origin = {}
    if "dir_info" not in origin:
        return f"pip install 'arena-rl[{extra}]'"
    clone = shlex.quote(unquote(urlparse(origin["url"]).path))
    return f"cd {clone} && uv pip install --override requirements/overrides.txt -e '.[{extra}]'"
