"""`arena doctor`: which frameworks work here, as a table on a terminal and as plain lines elsewhere."""

from rich.console import Group, RenderableType
from rich.table import Table

from arena.doctor.diagnosis import Diagnosis, Finding, diagnose
from arena.terminal.output import Mode, Output, literal


def doctor(*, mode: Mode) -> int:
    """Prints what works here; returns 1 if a framework cannot be used, else 0."""
    diagnosis = diagnose()
    print_diagnosis(diagnosis, Output(mode))
    return 0 if diagnosis.healthy else 1


def print_diagnosis(diagnosis: Diagnosis, output: Output) -> None:
    """Prints a diagnosis."""
    output.record(diagnosis.to_dict())
    if output.mode == "live":
        output.show(_table(diagnosis))
    else:
        for line in _lines(diagnosis):
            output.say(line)


def _lines(diagnosis: Diagnosis) -> list[str]:
    lines = [*_machine_lines(diagnosis), ""]
    for finding in diagnosis.findings:
        lines.append(f"{'FAILED' if finding.error else 'ok':7}{finding.name} [{', '.join(finding.agents)}]")
        lines += [f"       {line}" for line in _finding_lines(finding)]
    return lines


def _table(diagnosis: Diagnosis) -> RenderableType:
    table = Table("", "framework", "agents")
    table.add_column("found", overflow="fold")  # an install command must not be cut
    for finding in diagnosis.findings:
        mark = literal("failed", "red") if finding.error else literal("ok", "green")
        agents, found = "\n".join(finding.agents), "\n".join(_finding_lines(finding))
        table.add_row(mark, literal(finding.name), literal(agents), literal(found))
    return Group(*(literal(line) for line in _machine_lines(diagnosis)), table)


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
