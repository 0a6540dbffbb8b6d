"""Looks up known vulnerabilities of every package in the locks; exits with 1 if there is one.

pip-audit does it, in an environment of its own (`.venv-audit`) that requirements/audit.txt pins. It installs nothing of the locks: it asks
the vulnerability database about their names and versions. Where that cannot be reached, the audit is skipped, and says so.
"""

import dataclasses
import json
import subprocess
import sys
import venv
from pathlib import Path

import setup_env

FOLDER = setup_env.ROOT / ".venv-audit"
LOCKS = ("uv.txt", "core.txt", "all.txt", "cuda.txt")
TOOL = setup_env.REQUIREMENTS / "audit.txt"


@dataclasses.dataclass(frozen=True)
class Findings:
    """The outcome of the audit of one lock."""

    vulnerabilities: tuple[str, ...]
    """A line for each vulnerability."""
    num_audited: int
    """Number of packages that the database knows."""
    skipped: tuple[str, ...]
    """Names of packages that could not be looked up; nothing is known of them."""


def findings(answer: str) -> Findings | None:
    """Returns what pip-audit's JSON says; None if the text isn't such an answer."""
    try:
        dependencies = json.loads(answer)["dependencies"]
        audited = [package for package in dependencies if "skip_reason" not in package]
        lines = [
            f"{package['name']} {package['version']}: {found['id']}, fixed in {', '.join(found['fix_versions']) or 'no version yet'}"
            for package in audited
            for found in package["vulns"]
        ]
        skipped = tuple(package["name"] for package in dependencies if "skip_reason" in package)
        return Findings(tuple(lines), len(audited), skipped)
    except (ValueError, KeyError, TypeError):
        return None


def _run(*command: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)


def _tool() -> Path | None:
    """Returns the interpreter of the environment that holds pip-audit, made if need be; None if it cannot be installed."""
    python = FOLDER / "bin" / "python"
    if not python.exists():
        venv.create(FOLDER, with_pip=True)
    done = _run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", TOOL)
    if done.returncode:
        sys.stdout.write(f"audit skipped: pip-audit cannot be installed: {_last(done.stderr)}\n")
        return None
    return python


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1]


def main() -> int:
    """Audits all locks; returns the exit code."""
    python = _tool()
    if python is None:
        return 0
    bad: dict[str, list[str]] = {}
    for name in LOCKS:
        lock = setup_env.REQUIREMENTS / name
        arguments = (
            "--requirement",
            lock,
            "--require-hashes",
            "--no-deps",
            "--disable-pip",
            "--format",
            "json",
            "--progress-spinner",
            "off",
        )
        done = _run(python, "-m", "pip_audit", *arguments)
        found = findings(done.stdout)
        if found is None:
            sys.stdout.write(f"audit of {name} skipped: {_last(done.stderr)}\n")
            continue
        if not found.num_audited:
            sys.stdout.write(f"audit of {name} skipped: none of its {len(found.skipped)} packages could be looked up from here\n")
            continue
        unknown = f"; could not be looked up: {', '.join(found.skipped)}" if found.skipped else ""
        sys.stdout.write(f"{name}: {len(found.vulnerabilities)} known vulnerabilities in {found.num_audited} packages{unknown}\n")
        for line in found.vulnerabilities:
            bad.setdefault(line, []).append(name)
    for line, names in bad.items():
        sys.stdout.write(f"{line} ({', '.join(names)})\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
