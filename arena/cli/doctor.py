"""Says which frameworks work on this machine: each is imported as its agents import it, in a process of its own.

A framework that aborts its process or hangs thus becomes one row of the report.
"""

import contextlib
import dataclasses
import importlib
import json
import os
import subprocess
import sys
import time
import typing
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from arena.agent.isolation import refuse_other_frameworks
from arena.agent.registry import agent_ids, agent_spec
from arena.agent.spec import AgentSpec
from arena.machine.gpu_report import devices_seen, gpu_notes
from arena.machine.gpus import driver_problem
from arena.machine.usage import machine_info, package_versions

CORE_DISTRIBUTIONS = ("arena-rl", "gymnasium", "numpy", "onnx", "onnxruntime", "tensorboard")
MAX_PROCESSES = 2
_MARK = "arena-doctor: "


@dataclasses.dataclass(frozen=True, kw_only=True)
class Probe:
    """What one process imports: the agents that need the same modules in the same process environment."""

    name: str
    """The framework, with the config field that chooses among its ways to run: `Keras (backend=jax)`."""
    agents: tuple[str, ...]
    entry_points: tuple[str, ...]
    modules: frozenset[str]
    """The framework modules that may be imported; all others are blocked, as in a worker."""
    process_env: tuple[tuple[str, str], ...]
    distributions: tuple[str, ...]
    install: str
    """The command that installs it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """What became of one probe."""

    name: str
    agents: tuple[str, ...]
    error: str | None
    """Why it cannot be used, in one line; None if it can."""
    install: str
    versions: dict[str, str | None]
    """Of each distribution; None where it is not installed."""
    devices: tuple[str, ...] = ()
    """As the framework names them."""
    import_seconds: float | None = None
    gpu_notes: tuple[str, ...] = ()
    """Why it sees no GPU, or what it lacks in order to use the one that it sees; one line each."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """The machine, the core's packages and one finding per framework."""

    machine: dict[str, Any]
    versions: dict[str, str | None]
    findings: tuple[Finding, ...]
    driver_problem: str | None = None
    """Why the driver shows no GPU; None if it shows one."""

    @property
    def healthy(self) -> bool:
        """True if every framework can be used."""
        return all(finding.error is None for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Returns the report, fit for JSON."""
        return {**dataclasses.asdict(self), "healthy": self.healthy}

    def print(self, console: Console) -> None:
        """Prints the table on a terminal, plain lines elsewhere."""
        if console.is_terminal:
            console.print(self.to_table())
        else:
            console.file.write(self.to_text() + "\n")

    def to_text(self) -> str:
        """Returns the report as plain lines."""
        lines = [*_machine_lines(self), ""]
        for finding in self.findings:
            state = "FAILED" if finding.error else "ok"
            lines.append(f"{state:7}{finding.name} [{', '.join(finding.agents)}]")
            lines += [f"       {line}" for line in _finding_lines(finding)]
        return "\n".join(lines)

    def to_table(self) -> RenderableType:
        """Returns the report for a rich console."""
        table = Table("", "framework", "agents")
        table.add_column("found", overflow="fold")  # an install command must not be cut
        for finding in self.findings:
            mark = Text("failed", style="red") if finding.error else Text("ok", style="green")
            table.add_row(mark, finding.name, Text("\n".join(finding.agents)), Text("\n".join(_finding_lines(finding))))
        return Group(*(Text(line) for line in _machine_lines(self)), table)


def diagnose(agents: Sequence[str] | None = None, *, timeout_seconds: float = 180.0) -> Report:
    """Tries every framework that a registered agent needs.

    Args:
        agents: ids or `package.module:SPEC`; all registered agents if None.
        timeout_seconds: for the imports of one framework.
    """
    specs, findings = [], []
    for name in agent_ids() if agents is None else agents:
        try:
            spec = agent_spec(name)
            probes([spec])
        except Exception as error:  # whatever a package raises, its framework cannot be used
            findings.append(Finding(name="no spec", agents=(name,), error=_one_line(error), install="mend its package", versions={}))
        else:
            specs.append(spec)
    with ThreadPoolExecutor(MAX_PROCESSES) as pool:
        findings += pool.map(lambda probe: run_probe(probe, timeout_seconds=timeout_seconds), probes(specs))
    return Report(
        machine=machine_info(),
        versions=package_versions(CORE_DISTRIBUTIONS),
        findings=tuple(findings),
        driver_problem=driver_problem(),
    )


def probes(specs: Sequence[AgentSpec]) -> list[Probe]:
    """Returns what must be tried for these agents: one probe per framework and way to run it, sorted by name."""
    found: dict[tuple[Any, ...], Probe] = {}
    for spec in specs:
        for config, choice in _configs(spec):
            modules, process_env = _needs(spec, config)
            probe = Probe(
                name=f"{spec.framework} ({choice})" if choice else spec.framework,
                agents=(spec.id,),
                entry_points=(spec.entry_point,),
                modules=modules,
                process_env=process_env,
                distributions=spec.distributions,
                install=spec.install_command(config),
            )
            known = found.setdefault((probe.name, modules, process_env), probe)
            if known is not probe:
                found[probe.name, modules, process_env] = _joined(known, probe)
    return sorted(found.values(), key=lambda probe: probe.name)


def run_probe(probe: Probe, *, timeout_seconds: float) -> Finding:
    """Imports the probe's agents in a new process and returns what became of it."""
    facts: dict[str, Any] = {}
    try:
        process = subprocess.run(
            [
                sys.executable,
                "-P",
                "-m",
                "arena.cli.doctor",
                json.dumps({"entry_points": probe.entry_points, "modules": sorted(probe.modules)}),
            ],
            env={**os.environ, "XLA_PYTHON_CLIENT_PREALLOCATE": "false", **dict(probe.process_env)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_seconds,
        )
    except subprocess.TimeoutExpired:
        error = f"not imported after {timeout_seconds:g} seconds"
    else:
        answers = [line.removeprefix(_MARK) for line in process.stdout.splitlines() if line.startswith(_MARK)]
        if answers:
            facts = json.loads(answers[-1])
            error = facts["error"]
        else:
            error = f"its process ended with code {process.returncode}: {_last_line(process.stderr)}"
    return Finding(
        name=probe.name,
        agents=probe.agents,
        error=error,
        install=probe.install,
        versions=package_versions(probe.distributions),
        devices=tuple(facts.get("devices", ())),
        import_seconds=facts.get("import_seconds"),
        gpu_notes=tuple(facts.get("gpu_notes", ())),
    )


def _configs(spec: AgentSpec) -> Iterator[tuple[Any, str]]:
    """Yields the configs that need different modules or environments: one per member of a `Literal` field, or the default alone."""
    default, hints, found = spec.config(), typing.get_type_hints(spec.config), False
    for field in dataclasses.fields(spec.config):
        configs = {}
        for value in typing.get_args(hints[field.name]) if typing.get_origin(hints[field.name]) is typing.Literal else ():
            with contextlib.suppress(ValueError):  # a value that this framework refuses
                configs[value] = dataclasses.replace(default, **{field.name: value})
        if len({_needs(spec, config) for config in configs.values()}) > 1:
            found = True
            yield from ((config, f"{field.name}={value}") for value, config in configs.items())
    if not found:
        yield default, ""


def _needs(spec: AgentSpec, config: Any) -> tuple[frozenset[str], tuple[tuple[str, str], ...]]:
    return spec.modules_for(config), tuple(sorted(spec.process_env_for(config).items()))


def _joined(first: Probe, second: Probe) -> Probe:
    return dataclasses.replace(
        first,
        agents=first.agents + second.agents,
        entry_points=tuple(dict.fromkeys(first.entry_points + second.entry_points)),
        distributions=tuple(dict.fromkeys(first.distributions + second.distributions)),
    )


def _machine_lines(report: Report) -> list[str]:
    machine = report.machine
    gpus = [f"{gpu['name']}, {_gigabytes(gpu['memory_bytes'])}, driver {gpu['driver']}" for gpu in machine["gpus"]]
    return [
        f"Python {machine['python']} on {machine['platform']}",
        f"{machine['cpu']}: {machine['cores_available']} of {machine['cores_logical']} cores, {_gigabytes(machine['memory_bytes'])} memory",
        f"GPU: {'; '.join(gpus) or '; '.join(['none', *filter(None, [report.driver_problem])])}",
        _versions_line(report.versions),
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


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {_last_line(str(error))}"


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no message")


# Below: what runs in the process of a probe.


def _import_all(entry_points: Sequence[str], modules: Sequence[str]) -> dict[str, Any]:
    refuse_other_frameworks(frozenset(modules))
    start, errors = time.perf_counter(), []
    for entry_point in entry_points:
        module_name, _, class_name = entry_point.partition(":")
        try:
            getattr(importlib.import_module(module_name), class_name)
        except Exception as error:  # whatever a framework raises is the finding
            errors.append(_one_line(error))
    import_seconds = time.perf_counter() - start
    return {
        "error": "; ".join(dict.fromkeys(errors)) or None,
        "import_seconds": import_seconds,
        "devices": devices_seen(sys.modules),
        "gpu_notes": gpu_notes(sys.modules),
    }


def _main(arguments: Sequence[str]) -> None:
    request = json.loads(arguments[0])
    sys.stdout.write(f"\n{_MARK}{json.dumps(_import_all(request['entry_points'], request['modules']))}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _main(sys.argv[1:])
