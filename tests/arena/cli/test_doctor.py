import dataclasses
import io
import json
import textwrap
from collections.abc import Iterator

import pytest

from arena.cli.doctor import print_diagnosis
from arena.doctor.diagnosis import Diagnosis, Finding
from arena.terminal.output import Mode, Output

GOOD = Finding(name="Good", agents=("a",), error=None, install="x", versions={"numpy": "2"}, devices=("CPU",), import_seconds=1.25)
ABSENT = Finding(
    name="Absent",
    agents=("d",),
    error="not installed: absent",
    install="pip install 'arena-rl[absent]'",
    versions={},
    is_installed=False,
)
BAD = Finding(name="Bad", agents=("b", "c"), error="no [x]", install="pip install 'arena-rl[bad]'", versions={"bad": None})


@pytest.fixture
def diagnosis() -> Diagnosis:
    machine = {
        "platform": "Linux",
        "python": "3.11.7",
        "cpu": "CPU",
        "cores_available": 2,
        "cores_logical": 4,
        "memory_bytes": 2**34,
        "gpus": [{"name": "Fake GPU", "memory_bytes": 2**33, "driver": "1.2"}],
    }
    return Diagnosis(machine=machine, versions={"numpy": "2"}, findings=(GOOD, BAD, ABSENT))


def printed(diagnosis: Diagnosis, mode: Mode) -> str:
    file = io.StringIO()
    whole = print_diagnosis(dataclasses.replace(diagnosis, findings=()), iter(diagnosis.findings), Output(mode, file))
    assert whole == diagnosis
    return file.getvalue()


def test_plain_lines_say_what_works_and_what_to_do(diagnosis: Diagnosis):
    expected = """\
        Python 3.11.7 on Linux
        CPU: 2 of 4 cores, 16 GiB memory
        GPU: Fake GPU, 8 GiB, driver 1.2
        numpy 2

        ok      Good [a]
                CPU; imported in 1.2 s
                numpy 2
        FAILED  Bad [b, c]
                no [x]
                pip install 'arena-rl[bad]'
                bad missing
        missing Absent [d]
                not installed: absent
                pip install 'arena-rl[absent]'
        """
    assert printed(diagnosis, "plain") == textwrap.dedent(expected)


def test_a_missing_gpu_has_its_reason(diagnosis: Diagnosis):
    machine = {**diagnosis.machine, "gpus": []}
    findings = (dataclasses.replace(GOOD, gpu_notes=("Good sees no GPU: why",)),)
    text = printed(dataclasses.replace(diagnosis, machine=machine, driver_problem="no driver", findings=findings), "plain")
    assert "\nGPU: none; no driver\n" in text
    assert "\n        CPU; imported in 1.2 s\n        Good sees no GPU: why\n" in text


def test_a_terminal_gets_colours_and_no_bracket_is_lost(diagnosis: Diagnosis, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    text = printed(diagnosis, "live")
    assert "\x1b[" in text
    assert "pip install 'arena-rl[bad]'" in text
    assert "no [x]" in text


def test_programs_get_one_object(diagnosis: Diagnosis):
    assert json.loads(printed(diagnosis, "json"))["healthy"] is False
    assert printed(diagnosis, "quiet") == ""


def test_each_finding_is_printed_before_the_next_is_looked_for(diagnosis: Diagnosis):
    file = io.StringIO()

    def findings() -> Iterator[Finding]:
        yield GOOD
        assert "ok      Good [a]" in file.getvalue()
        yield BAD

    print_diagnosis(dataclasses.replace(diagnosis, findings=()), findings(), Output("plain", file))
