"""Counts of a server, in Prometheus' text format."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper bounds of the histogram of a request's duration."""
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Content type of the text."""

Labels = tuple[tuple[str, str], ...]


class ServerCounts:
    """What a server counts from its start."""

    def __init__(self) -> None:
        self._requests: Counter[Labels] = Counter()
        self._durations: dict[Labels, Counter[float]] = {}
        self._seconds: Counter[Labels] = Counter()
        self._totals: dict[str, Counter[Labels]] = {name: Counter() for name in _TOTALS}

    def note_request(self, route: str, status: int, seconds: float) -> None:
        """Counts a request that was answered.

        Args:
            route: Address, without what clients put into it.
            status: HTTP status of the answer.
            seconds: Time from the request's head to the answer.
        """
        labels = (("route", route),)
        self._requests[(*labels, ("code", str(status)))] += 1
        self._durations.setdefault(labels, Counter()).update([next((bound for bound in SECONDS if seconds <= bound), float("inf"))])
        self._seconds[labels] += seconds  # type: ignore[assignment]  # a counter of floats

    def add(self, name: str, number: int, **labels: str) -> None:
        """Adds to one of the totals `observations`, `batches`, `restarts` and `refused`."""
        self._totals[name][tuple(labels.items())] += number

    def text(self, waiting: Mapping[str, int]) -> str:
        """Returns all counts; `waiting` holds the number of waiting requests of each policy."""
        lines = list(_family("arena_requests_total", "counter", "Requests by address and status.", self._requests.items()))
        lines += ["# HELP arena_request_seconds Seconds from a request's head to its answer.", "# TYPE arena_request_seconds histogram"]
        for labels, counts in self._durations.items():
            total = 0
            for bound in (*SECONDS, float("inf")):
                total += counts[bound]
                text = "+Inf" if bound == float("inf") else f"{bound:g}"
                lines.append(f"arena_request_seconds_bucket{_labels((*labels, ('le', text)))} {total}")
            lines.append(f"arena_request_seconds_sum{_labels(labels)} {self._seconds[labels]:.6f}")
            lines.append(f"arena_request_seconds_count{_labels(labels)} {total}")
        for name, about in _TOTALS.items():
            lines += _family(f"arena_{name}_total", "counter", about, self._totals[name].items())
        held = [((("policy", name),), number) for name, number in waiting.items()]
        lines += _family("arena_waiting_requests", "gauge", "Requests that wait for a policy.", held)
        return "\n".join(lines) + "\n"


_TOTALS = {
    "observations": "Observations answered.",
    "batches": "Calls of a policy.",
    "restarts": "Processes of a policy that were begun anew.",
    "refused": "Requests refused before a policy saw them, by reason.",
}


def _family(name: str, kind: str, about: str, rows: Iterable[tuple[Labels, int]]) -> Iterator[str]:
    yield f"# HELP {name} {about}"
    yield f"# TYPE {name} {kind}"
    for labels, value in rows:
        yield f"{name}{_labels(labels)} {value}"


def _labels(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
