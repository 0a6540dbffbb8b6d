"""The process that imports one framework for `arena doctor`, and answers with one line of JSON after `ANSWER_MARK`.

Frameworks print what they like; the mark tells the answer from that.
"""

import importlib
import json
import sys
import time
from collections.abc import Sequence
from typing import Any

from arena.agent.isolation import refuse_other_frameworks
from arena.doctor.visible_devices import devices_seen, gpu_notes

ANSWER_MARK = "arena-doctor: "
"""Beginning of the line of standard output that holds the answer."""


def import_all(entry_points: Sequence[str], modules: Sequence[str]) -> dict[str, Any]:
    """Imports agents and returns what became of it, fit for JSON.

    Args:
        entry_points: agents, as `package.module:Class`.
        modules: framework modules that they may import; all others are blocked, as in a worker.
    """
    refuse_other_frameworks(frozenset(modules))
    start, errors = time.perf_counter(), []
    for entry_point in entry_points:
        module_name, _, class_name = entry_point.partition(":")
        try:
            getattr(importlib.import_module(module_name), class_name)
        except Exception as error:  # whatever a framework raises is the finding
            errors.append(error_line(error))
    import_seconds = time.perf_counter() - start
    return {
        "error": "; ".join(dict.fromkeys(errors)) or None,
        "import_seconds": import_seconds,
        "devices": devices_seen(sys.modules),
        "gpu_notes": gpu_notes(sys.modules),
    }


def error_line(error: BaseException) -> str:
    """Returns an exception as one line: its type and the last line of its message."""
    return f"{type(error).__name__}: {last_line(str(error))}"


def last_line(text: str) -> str:
    """Returns the last line that is not blank, or `no message`."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no message")


def _main(arguments: Sequence[str]) -> None:
    request = json.loads(arguments[0])
    sys.stdout.write(f"\n{ANSWER_MARK}{json.dumps(import_all(request['entry_points'], request['modules']))}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _main(sys.argv[1:])
