"""`arena doctor`: which frameworks work here, each said as soon as it is known."""

import dataclasses
from collections.abc import Iterable

from arena.doctor.diagnosis import Diagnosis, Finding, find, machine_diagnosis
from arena.terminal.output import Mode, Output


def doctor(*, mode: Mode) -> int:
    """Prints what works here; returns 1 if a framework is installed and cannot be used, else 0."""
    return 0 if print_diagnosis(machine_diagnosis(), find(), Output(mode)).healthy else 1


def print_diagnosis(machine: Diagnosis, findings: Iterable[Finding], output: Output) -> Diagnosis:
    """Prints a diagnosis, each finding once it is there, and returns the whole.

    Args:
        machine: diagnosis of the machine.
        findings: outcomes of the frameworks, as they become known.
        output: takes the text; as JSON, one object at the end.
    """
    for line in [*_machine_lines(machine), ""]:
        output.say(line)
    found = []
    for finding in findings:
        mark, style = _mark(finding)
        output.say(f"{mark:8}{finding.name} [{', '.join(finding.agents)}]", style=style)
        for line in _finding_lines(finding):
            output.say(f"        {line}")
        found.append(finding)
    diagnosis = dataclasses.replace(machine, findings=tuple(found))
    output.record(diagnosis.to_dict())
    return diagnosis


def _mark(finding: Finding) -> tuple[str, str]:
    """Returns the word before a finding, and its colour."""
    if finding.error is None:
        return "ok", "green"
    return ("FAILED", "red") if finding.is_installed else ("missing", "dim")


def _machine_lines(diagnosis: Diagnosis) -> list[str]:
    machine = diagnosis.machine
    gpus = [f"{gpu['name']}, {_gigabytes(gpu['memory_bytes'])}, driver {gpu['driver']}" for gpu in machine["gpus"]]
    if not gpus:
        gpus = ["none", *filter(None, [diagnosis.driver_problem])]
    return [
        f"Python {machine['python']} on {machine['platform']}",
        f"{machine['cpu']}: {machine['cores_available']} of {machine['cores_logical']} cores, {_gigabytes(machine['memory_bytes'])} memory",
        f"GPU: {'; '.join(gpus)}",
        _versions_line(diagnosis.versions),
    ]


def _finding_lines(finding: Finding) -> list[str]:
    if finding.error:
        lines = [finding.error, finding.install]
    else:
        lines = [f"{', '.join(finding.devices)}; imported in {finding.import_seconds:.1f} s", *finding.gpu_notes]
    return [*lines, _versions_line(finding.versions)] if finding.versions else lines


def _versions_line(versions: dict[str, str | None]) -> str:
    return ", ".join(f"{name} {version or 'missing'}" for name, version in versions.items())


def _gigabytes(num_bytes: int) -> str:
    return f"{num_bytes / 2**30:.0f} GiB"
