import os
import types
from pathlib import Path

import pytest
from exported_policies import contents, largest_difference, observations
from question_server import ask

from arena.export import tensorflow_format
from arena.export.graph import read_graph

VARIABLES = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
TENSORFLOW = types.SimpleNamespace(process_env_for=lambda _: VARIABLES, modules_for=lambda _: {"tensorflow"})


def saved_models_and_litert_files_beside_the_policy_files(folder: str) -> dict[str, list[float]]:
    found = {}
    for name, content in contents().items():
        graph, saved, file = read_graph(content, name), Path(folder, name), Path(folder, f"{name}.tflite")
        tensorflow_format.convert_to_saved_model(graph, saved)
        found[f"{name}, SavedModel"] = largest_difference(tensorflow_format.SavedModel(saved, graph), content, 100)
        if name != "foreign":  # whole numbers of 64 bits: LiteRT has no remainder of them
            tensorflow_format.convert_to_litert(graph, file)
            found[f"{name}, LiteRT"] = largest_difference(tensorflow_format.LiteRtModel(file, graph), content, 100)
    return found


def an_integer_file_beside_the_float_file(folder: str) -> list[float]:
    content = contents()["mlp"]
    graph, inputs = read_graph(content, "mlp"), observations(content, 200)
    sizes, differences = [], []
    for calibration in (None, inputs):
        path = Path(folder, f"{len(sizes)}.tflite")
        tensorflow_format.convert_to_litert(graph, path, calibration)
        sizes.append(os.path.getsize(path))  # noqa: PTH202 - JSON takes no path
        differences.append(largest_difference(tensorflow_format.LiteRtModel(path, graph), content, 200)[1])
    return [sizes[1] / sizes[0], *differences]


@pytest.mark.framework
@pytest.mark.extra
def test_tensorflow_and_litert_act_as_the_policy_files(tmp_path):
    found = ask(saved_models_and_litert_files_beside_the_policy_files, str(tmp_path), spec=TENSORFLOW)
    assert len(found) == 2 * len(contents()) - 1
    assert {name: numbers for name, numbers in found.items() if numbers[0] < 100 or numbers[1] > 1e-5} == {}


@pytest.mark.framework
@pytest.mark.extra
def test_integers_of_eight_bits_are_smaller_and_rougher(tmp_path):
    size, exact, rough = ask(an_integer_file_beside_the_float_file, str(tmp_path), spec=TENSORFLOW)
    assert size < 0.6
    assert exact < 1e-5 < rough < 0.2
