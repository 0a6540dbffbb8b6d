import dataclasses
import json
import os
import subprocess
import sys
import textwrap

import pytest

from arena.agent.spec import AgentSpec
from arena.doctor import diagnosis
from arena.doctor.variants import framework_variants
from arena.machine.installation import install_command


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    size: int = 3


def spec(**changes) -> AgentSpec:
    fields = {
        "id": "fake-dqn",
        "entry_point": "arena_fake.dqn:DQN",
        "config": Config,
        "framework": "Fake",
        "algorithm": "dqn",
        "modules": frozenset(),
        "distributions": ("numpy", "no-such-distribution"),
        "extra": "keras",
    }
    return AgentSpec(**{**fields, **changes})


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Writes a module `arena_fake.dqn` that another process can import."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "arena_fake").mkdir()

    def write(source: str) -> None:
        (tmp_path / "arena_fake" / "dqn.py").write_text(textwrap.dedent(source))

    return write


def find(*specs: AgentSpec, timeout_seconds: float = 60.0) -> diagnosis.Finding:
    (variant,) = framework_variants(specs)
    return diagnosis.try_variant(variant, timeout_seconds=timeout_seconds)


@pytest.mark.worker
def test_a_framework_that_imports_is_found(package):
    package("import os, arena.agent.spec\nassert os.environ['FAKE_MODE'] == '1'\nprint('chatter')\nclass DQN: pass\n")
    finding = find(spec(process_env={"FAKE_MODE": "1"}))
    assert finding.error is None
    assert finding.devices == ("CPU",)
    assert finding.import_seconds is not None
    assert 0 < finding.import_seconds < 60
    assert finding.versions["numpy"]
    assert finding.versions["no-such-distribution"] is None


@pytest.mark.worker
def test_a_missing_module_is_named_with_the_command_that_installs_it(package):
    package("import no_such_framework\nclass DQN: pass\n")
    finding = find(spec())
    assert finding.error == "ModuleNotFoundError: No module named 'no_such_framework'"
    assert finding.install == install_command("keras")


@pytest.mark.worker
def test_other_frameworks_are_blocked_as_in_a_worker(package):
    package("import torch\nclass DQN: pass\n")
    finding = find(spec())
    assert finding.error is not None
    assert finding.error.startswith("HiddenModule: No module named 'torch' in this worker")


@pytest.mark.worker
def test_each_agent_that_fails_is_named(package):
    package("class DQN: pass\n")
    finding = find(spec(), spec(id="fake-ppo", entry_point="arena_fake.ppo:PPO"), spec(id="fake-c51", entry_point="arena_fake.dqn:C51"))
    assert finding.error is not None
    assert "No module named 'arena_fake.ppo'" in finding.error
    assert "has no attribute 'C51'" in finding.error


@pytest.mark.worker
def test_devices_come_from_the_framework(package, tmp_path):
    (tmp_path / "torch.py").write_text(
        "class cuda:\n    device_count = staticmethod(lambda: 1)\n    get_device_name = staticmethod(lambda index: 'Fake GPU')\n"
    )
    package("import torch\nclass DQN: pass\n")
    assert find(spec(modules=frozenset({"torch"}))).devices == ("CPU", "PyTorch cuda:0 Fake GPU")


@pytest.mark.worker
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


@pytest.mark.worker
def test_a_framework_that_aborts_is_one_finding(package):
    package("import os, sys\nprint('registered more than once', file=sys.stderr, flush=True)\nos.abort()\n")
    finding = find(spec())
    assert finding.error is not None
    assert finding.error.endswith(": registered more than once")
    assert "-6" in finding.error


@pytest.mark.worker
def test_a_framework_that_hangs_is_one_finding(package):
    package("import time\ntime.sleep(60)\n")
    finding = find(spec(), timeout_seconds=0.5)
    assert finding.error == "not imported after 0.5 seconds"
    assert finding.install == "it hangs, or the machine is busy: try again"


@pytest.mark.worker
def test_specs_that_cannot_be_loaded_become_findings(monkeypatch):
    specs = {"fake-dqn": spec()}
    monkeypatch.setattr(diagnosis, "agent_ids", lambda: ["broken", "fake-dqn"])
    monkeypatch.setattr(diagnosis, "agent_spec", lambda name: specs[name])
    broken, fake = diagnosis.find(timeout_seconds=600)
    assert (broken.agents, broken.error) == (("broken",), "KeyError: 'broken'")
    assert fake.error == "ModuleNotFoundError: No module named 'arena_fake'"


@pytest.mark.worker
def test_doctor_itself_imports_no_framework():
    code = "import sys, arena.doctor.diagnosis, arena.cli.doctor\n"
    code += "from arena.agent.isolation import FRAMEWORK_MODULES as F; sys.exit(' '.join(F & set(sys.modules)) or None)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=600)


def test_what_is_not_installed_is_not_tried_and_named_with_the_command_that_installs_it():
    finding = find(spec(modules=frozenset({"no_such_framework", "json"})))
    assert (finding.error, finding.is_installed) == ("not installed: no_such_framework", False)
    assert finding.install == install_command("keras")


def test_a_diagnosis_is_healthy_if_no_framework_that_is_installed_failed():
    good = diagnosis.Finding(name="Good", agents=("a",), error=None, install="x", versions={})
    bad = dataclasses.replace(good, name="Bad", error="no [x]")
    found = diagnosis.Diagnosis(machine={}, versions={"numpy": "2"}, findings=(good, bad))
    value = json.loads(json.dumps(found.to_dict()))
    assert [finding["error"] for finding in value["findings"]] == [None, "no [x]"]
    assert value["healthy"] is False
    assert dataclasses.replace(found, findings=(good, dataclasses.replace(bad, is_installed=False))).healthy
