"""What seconds of training were measured under: runs at a time, and load of the machine."""

from collections.abc import Sequence

from arena.report.load import LoadedRun


def circumstances(runs: Sequence[LoadedRun]) -> str:
    """Returns a sentence about the runs at a time and the load of the machine; empty if neither was recorded.

    Two agents have been given the same seconds only if both had the machine to themselves in the same measure, so the sentence says who had
    what where that differs.
    """
    workers: dict[str, list[int]] = {}
    loads: dict[str, list[float]] = {}
    for run in runs:
        recorded = [load for load in (run.provenance.load_at_start, run.provenance.load_at_end) if load is not None]
        loads.setdefault(run.agent, []).extend(recorded)
        workers.setdefault(run.agent, []).extend([] if run.provenance.workers is None else [run.provenance.workers])
    parts = []
    if any(workers.values()):
        parts.append(f"{_by_agent(workers)} runs at a time")
    if any(loads.values()):
        cores = sorted({str(run.provenance.machine.get("cores_available")) for run in runs if run.provenance.machine})
        noun = "core" if cores == ["1"] else "cores"
        parts.append(f"a load average of {_by_agent(loads)}" + (f" on {' or '.join(cores)} {noun}" if cores else ""))
    return f"Seconds were measured with {' and '.join(parts)}." if parts else ""


def _by_agent(values: dict[str, list[int]] | dict[str, list[float]]) -> str:
    """Returns the range of all values, or that of each agent where they differ: `2`, `1 (a), 4 (b)`."""
    ranges = {agent: _range(own) for agent, own in values.items() if own}
    if len(set(ranges.values())) == 1:
        return next(iter(ranges.values()))
    return ", ".join(f"{own} ({agent})" for agent, own in ranges.items())


def _range(values: list[int] | list[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
