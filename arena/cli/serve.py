"""`arena serve`: policies over HTTP."""

import contextlib
import re
from collections.abc import Sequence
from pathlib import Path

from arena.cli.policy_arguments import given_policies
from arena.errors import ArenaError
from arena.formats.folders import read_file
from arena.serve.limits import Limits
from arena.serve.server import serve as run_server
from arena.terminal.output import Mode, Output

MAX_TOKEN_BYTES = 4_096
"""Largest size of a file with a token."""

_UNFIT = re.compile(r"[^\w.-]", re.ASCII)
"""Characters of a name that do not stand in an address; a run's name has `/`."""


def serve(policies: Sequence[str], host: str, port: int, token_file: Path | None, limits: Limits, *, mode: Mode) -> None:
    """Serves policies until the command is stopped.

    Args:
        policies: policy files or folders of runs; `NAME=PATH` names one, and files of one name are its versions.
        host: address to listen on.
        port: port to listen on.
        token_file: file that holds the token; None asks for none.
        limits: limits of requests.
        mode: what is printed.
    """
    out = Output(mode)
    named = [(_UNFIT.sub("-", each.name), each.path) for argument in policies for each in given_policies([argument])]

    def tell(address: str) -> None:
        out.record({"address": address, "policies": [name for name, _ in named]})
        out.say(f"{address} serves {', '.join(dict.fromkeys(name for name, _ in named))}; Ctrl-C stops it")

    run_server(named, host=host, port=port, token=_token(token_file), limits=limits, on_ready=tell)


def _token(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        content = read_file(file, max_bytes=MAX_TOKEN_BYTES)
    except OSError as error:
        raise ArenaError(f"cannot read the token in {file}: {error.strerror}") from error
    with contextlib.suppress(UnicodeDecodeError):
        return content.decode("ascii").strip()
    raise ArenaError(f"{file} holds no token of plain characters")
