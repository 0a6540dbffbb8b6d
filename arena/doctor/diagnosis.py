"""Diagnosis of all frameworks: each is imported as its agents import it, in a process of its own.

A framework that aborts its process, or hangs, thus becomes one finding among others.
"""

import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from arena.agent.registry import agent_ids, agent_spec
from arena.doctor.import_process import ANSWER_MARK, error_line, last_line
from arena.doctor.variants import FrameworkVariant, framework_variants
from arena.machine.description import machine_info
from arena.machine.gpus import driver_problem
from arena.machine.versions import CORE_DISTRIBUTIONS, package_versions

MAX_PROCESSES = 2
"""Number of frameworks that are imported at a time."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """Outcome of importing one framework variant."""

    name: str
    """Name of the variant."""
    agents: tuple[str, ...]
    """Ids of the agents that need it."""
    error: str | None
    """Reason, in one line, for which it cannot be used; None if it can."""
    install: str
    """Command that installs the framework, or what else to do about the error."""
    versions: dict[str, str | None]
    """Version of each package that matters; None for one that is not installed."""
    devices: tuple[str, ...] = ()
    """Devices that the framework sees, in its own words."""
    import_seconds: float | None = None
    """Wall seconds of the imports; None if they did not end."""
    is_installed: bool = True
    """Whether every module that its agents import is there; what is not installed is not broken."""
    gpu_notes: tuple[str, ...] = ()
    """Reasons for which it sees no GPU, or what it lacks to use one that it sees; one line each."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """The machine, the core's packages and one finding for each framework variant."""

    machine: dict[str, Any]
    """Description of the machine by `machine_info`."""
    versions: dict[str, str | None]
    """Versions of the core's packages."""
    findings: tuple[Finding, ...]
    """Outcome of each variant."""
    driver_problem: str | None = None
    """Reason for which the driver shows no GPU; None if it shows one."""

    @property
    def healthy(self) -> bool:
        """Whether every framework that is installed can be used."""
        return all(finding.error is None or not finding.is_installed for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Returns the diagnosis, fit for JSON."""
        return {**dataclasses.asdict(self), "healthy": self.healthy}


def machine_diagnosis() -> Diagnosis:
    """Returns the diagnosis of the machine and of the core, before any framework was tried."""
    return Diagnosis(machine=machine_info(), versions=package_versions(CORE_DISTRIBUTIONS), findings=(), driver_problem=driver_problem())


def find(agents: Sequence[str] | None = None, *, timeout_seconds: float = 180.0) -> Iterator[Finding]:
    """Tries every framework that a registered agent needs, `MAX_PROCESSES` at a time, and yields each outcome once it is known.

    Args:
        agents: ids or `package.module:SPEC`; all registered agents if None.
        timeout_seconds: longest time for the imports of one framework.
    """
    specs = []
    for name in agent_ids() if agents is None else agents:
        try:
            spec = agent_spec(name)
            framework_variants([spec])
        except Exception as error:  # whatever a package raises, its framework cannot be used
            yield Finding(name="no spec", agents=(name,), error=error_line(error), install="fix its package", versions={})
        else:
            specs.append(spec)
    with ThreadPoolExecutor(MAX_PROCESSES) as pool:
        yield from pool.map(lambda variant: try_variant(variant, timeout_seconds=timeout_seconds), framework_variants(specs))


def try_variant(variant: FrameworkVariant, *, timeout_seconds: float) -> Finding:
    """Imports a variant's agents in a new process and returns the outcome; what is not installed is not tried."""
    missing = sorted(module for module in variant.modules if importlib.util.find_spec(module) is None)
    if missing:
        facts: dict[str, Any] = {"error": f"not installed: {', '.join(missing)}"}
    else:
        facts = _import_elsewhere(variant, timeout_seconds)
    return Finding(
        name=variant.name,
        agents=variant.agents,
        error=facts["error"],
        install=facts.get("remedy", variant.install),
        versions=package_versions(variant.distributions),
        devices=tuple(facts.get("devices", ())),
        import_seconds=facts.get("import_seconds"),
        is_installed=not missing,
        gpu_notes=tuple(facts.get("gpu_notes", ())),
    )


def _import_elsewhere(variant: FrameworkVariant, timeout_seconds: float) -> dict[str, Any]:
    """Returns the answer of `arena.doctor.import_process`, or an error alone if there was none."""
    request = json.dumps({"entry_points": variant.entry_points, "modules": sorted(variant.modules)})
    try:
        process = subprocess.run(
            [sys.executable, "-P", "-m", "arena.doctor.import_process", request],
            env={**os.environ, "XLA_PYTHON_CLIENT_PREALLOCATE": "false", **dict(variant.process_env)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_seconds,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"not imported after {timeout_seconds:g} seconds", "remedy": "it hangs, or the machine is busy: try again"}
    answers = [line.removeprefix(ANSWER_MARK) for line in process.stdout.splitlines() if line.startswith(ANSWER_MARK)]
    if not answers:
        return {"error": f"its process ended with code {process.returncode}: {last_line(process.stderr)}"}
    answer: dict[str, Any] = json.loads(answers[-1])
    return answer
