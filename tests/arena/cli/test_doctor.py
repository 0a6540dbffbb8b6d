import dataclasses
import io
import json
import os
import subprocess
import sys
import textwrap
from typing import Literal

import pytest
from rich.console import Console

from arena.agent.spec import AgentSpec
from arena.cli import doctor
from arena.machine.installation import install_command


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    activation: Literal["relu", "tanh"] = "relu"
    size: int = 3

    def __post_init__(self):
        if self.activation == "tanh":
            raise ValueError("this framework has no tanh")


@dataclasses.dataclass(frozen=True, kw_only=True)
class BackendConfig(Config):
    backend: Literal["jax", "torch"] = "jax"


def spec(**changes) -> AgentSpec:
    fields = {
        "id": "fake-dqn",
        "entry_point": "arena_fake.dqn:DQN",
        "config": Config,
        "framework": "Fake",
        "algorithm": "dqn",
        "modules": frozenset({"jax"}),
        "distributions": ("numpy", "no-such-distribution"),
        "extra": "keras",
    }
    return AgentSpec(**{**fields, **changes})


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Writes a module `arena_fake.dqn` that a probe's process can import."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    (tmp_path / "arena_fake").mkdir()

    def write(source: str) -> None:
        (tmp_path / "arena_fake" / "dqn.py").write_text(textwrap.dedent(source))

    return write


def find(*specs: AgentSpec, timeout_seconds: float = 60.0) -> doctor.Finding:
    (probe,) = doctor.probes(specs)
    return doctor.run_probe(probe, timeout_seconds=timeout_seconds)


def test_agents_of_one_framework_share_a_probe():
    (probe,) = doctor.probes([spec(), spec(id="fake-ppo", entry_point="arena_fake.ppo:PPO", distributions=("numpy", "rich"))])
    assert probe.agents == ("fake-dqn", "fake-ppo")
    assert probe.entry_points == ("arena_fake.dqn:DQN", "arena_fake.ppo:PPO")
    assert probe.distributions == ("numpy", "no-such-distribution", "rich")
    assert probe.name == "Fake"


def test_agents_that_need_other_modules_or_environments_have_their_own():
    specs = [spec(), spec(id="b", modules=frozenset({"torch"})), spec(id="c", process_env={"A": "1"}), spec(id="d", framework="Other")]
    assert len(doctor.probes(specs)) == 4


def test_each_choice_of_the_config_that_changes_the_modules_is_tried():
    chooser = spec(
        config=BackendConfig,
        modules=lambda c: frozenset({c.backend}),
        process_env=lambda c: {"BACKEND": c.backend},
        extra=lambda c: f"keras-{c.backend}",
    )
    jax, torch = doctor.probes([chooser])
    assert (jax.name, jax.modules, jax.process_env) == ("Fake (backend=jax)", {"jax"}, (("BACKEND", "jax"),))
    assert (torch.name, torch.modules, torch.process_env) == ("Fake (backend=torch)", {"torch"}, (("BACKEND", "torch"),))
    assert jax.install == install_command("keras-jax")
    assert torch.install == install_command("keras-torch")


def test_a_framework_that_imports_is_found(package):
    package("import os, arena.agent.spec\nassert os.environ['FAKE_MODE'] == '1'\nprint('chatter')\nclass DQN: pass\n")
    finding = find(spec(process_env={"FAKE_MODE": "1"}))
    assert finding.error is None
    assert finding.devices == ("CPU",)
    assert finding.import_seconds is not None
    assert 0 < finding.import_seconds < 60
    assert finding.versions["numpy"]
    assert finding.versions["no-such-distribution"] is None


def test_a_missing_module_is_named_with_the_command_that_installs_it(package):
    package("import no_such_framework\nclass DQN: pass\n")
    finding = find(spec())
    assert finding.error == "ModuleNotFoundError: No module named 'no_such_framework'"
    assert finding.install == install_command("keras")


def test_other_frameworks_are_blocked_as_in_a_worker(package):
    package("import torch\nclass DQN: pass\n")
    finding = find(spec())
    assert finding.error == "ModuleNotFoundError: No module named 'torch'"


def test_each_agent_that_fails_is_named(package):
    package("class DQN: pass\n")
    finding = find(spec(), spec(id="fake-ppo", entry_point="arena_fake.ppo:PPO"), spec(id="fake-c51", entry_point="arena_fake.dqn:C51"))
    assert finding.error is not None
    assert "No module named 'arena_fake.ppo'" in finding.error
    assert "has no attribute 'C51'" in finding.error


def test_devices_come_from_the_framework(package, tmp_path):
    (tmp_path / "torch.py").write_text(
        "class cuda:\n    device_count = staticmethod(lambda: 1)\n    get_device_name = staticmethod(lambda index: 'Fake GPU')\n"
    )
    package("import torch\nclass DQN: pass\n")
    assert find(spec(modules=frozenset({"torch"}))).devices == ("CPU", "PyTorch cuda:0 Fake GPU")


def test_a_framework_without_a_gpu_says_why(package, tmp_path):
    (tmp_path / "torch.py").write_text(
        "class cuda:\n    device_count = staticmethod(lambda: 0)\nclass version:\n    cuda = None\n__version__ = '2.10.0+cpu'\n"
    )
    package("import torch\nclass DQN: pass\n")
    finding = find(spec(modules=frozenset({"torch"})))
    assert finding.devices == ("CPU",)
    (note,) = finding.gpu_notes
    assert note.startswith("PyTorch sees no GPU: ")
    assert "this build of PyTorch (2.10.0+cpu) is for CPUs alone" in note


def test_report_says_why_the_driver_shows_no_gpu(report):
    machine = {**report.machine, "gpus": []}
    findings = (dataclasses.replace(report.findings[0], gpu_notes=("Good sees no GPU: why",)),)
    text = dataclasses.replace(report, machine=machine, driver_problem="no driver", findings=findings).to_text()
    assert "\nGPU: none; no driver\n" in text
    assert "\n       CPU; imported in 1.2 s\n       Good sees no GPU: why\n" in text


def test_a_framework_that_aborts_is_one_finding(package):
    package("import os, sys\nprint('registered more than once', file=sys.stderr, flush=True)\nos.abort()\n")
    finding = find(spec())
    assert finding.error is not None
    assert finding.error.endswith(": registered more than once")
    assert "-6" in finding.error


def test_a_framework_that_hangs_is_one_finding(package):
    package("import time\ntime.sleep(60)\n")
    assert find(spec(), timeout_seconds=0.5).error == "not imported after 0.5 seconds"


def test_specs_that_cannot_be_loaded_become_findings(monkeypatch):
    specs = {"fake-dqn": spec()}
    monkeypatch.setattr(doctor, "agent_ids", lambda: ["broken", "fake-dqn"])
    monkeypatch.setattr(doctor, "agent_spec", lambda name: specs[name])
    broken, fake = doctor.diagnose(timeout_seconds=60).findings
    assert (broken.agents, broken.error) == (("broken",), "KeyError: 'broken'")
    assert fake.error == "ModuleNotFoundError: No module named 'arena_fake'"


@pytest.fixture
def report() -> doctor.Report:
    machine = {
        "platform": "Linux",
        "python": "3.11.7",
        "cpu": "CPU",
        "cores_available": 2,
        "cores_logical": 4,
        "memory_bytes": 2**34,
        "gpus": [{"name": "Fake GPU", "memory_bytes": 2**33, "driver": "1.2"}],
    }
    good = doctor.Finding(
        name="Good", agents=("a",), error=None, install="x", versions={"numpy": "2"}, devices=("CPU",), import_seconds=1.25
    )
    bad = doctor.Finding(name="Bad", agents=("b", "c"), error="no [x]", install="pip install 'arena-rl[bad]'", versions={"bad": None})
    return doctor.Report(machine=machine, versions={"numpy": "2"}, findings=(good, bad))


def test_report_as_text(report):
    expected = """\
        Python 3.11.7 on Linux
        CPU: 2 of 4 cores, 16 GiB memory
        GPU: Fake GPU, 8 GiB, driver 1.2
        numpy 2

        ok     Good [a]
               CPU; imported in 1.2 s
               numpy 2
        FAILED Bad [b, c]
               no [x]
               pip install 'arena-rl[bad]'
               bad missing"""
    assert report.to_text() == textwrap.dedent(expected)


def test_report_prints_a_table_on_a_terminal_and_plain_lines_elsewhere(report):
    table, plain = io.StringIO(), io.StringIO()
    report.print(Console(file=table, width=100, force_terminal=True))
    report.print(Console(file=plain, width=20))
    assert "\x1b[" in table.getvalue()
    assert "pip install 'arena-rl[bad]'" in table.getvalue()
    assert "no [x]" in table.getvalue()
    assert plain.getvalue() == report.to_text() + "\n"


def test_report_as_json(report):
    value = json.loads(json.dumps(report.to_dict()))
    assert [finding["error"] for finding in value["findings"]] == [None, "no [x]"]
    assert value["healthy"] is False
    assert dataclasses.replace(report, findings=report.findings[:1]).healthy


def test_doctor_itself_imports_no_framework():
    code = "import sys, arena.cli.doctor\n"
    code += "from arena.agent.isolation import FRAMEWORK_MODULES as F; sys.exit(' '.join(F & set(sys.modules)) or None)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
