import types
from pathlib import Path

import pytest
from exported_policies import contents, largest_difference
from question_server import ask

from arena.export import torch_format
from arena.export.graph import read_graph

TORCH = types.SimpleNamespace(process_env_for=lambda _: {}, modules_for=lambda _: {"torch"})


def programs_beside_the_policy_files(folder: str) -> dict[str, list[float]]:
    found = {}
    for name, content in contents().items():
        graph, path = read_graph(content, name), Path(folder, f"{name}.pt2")
        torch_format.convert(graph, path)
        found[name] = largest_difference(torch_format.ExportedProgram(path, graph), content, 100)
    return found


@pytest.mark.framework
def test_exported_programs_act_as_the_policy_files(tmp_path):
    found = ask(programs_beside_the_policy_files, str(tmp_path), spec=TORCH)
    assert len(found) == len(contents())
    assert {name: numbers for name, numbers in found.items() if numbers[0] < 100 or numbers[1] > 1e-5} == {}
