import json
import os

from arena.machine.description import machine_info


def test_machine_info_is_json_and_plausible():
    info = machine_info()
    assert json.loads(json.dumps(info)) == info
    assert 1 <= info["cores_available"] <= info["cores_logical"]
    assert info["memory_bytes"] > 2**28
    assert info["cpu"]
    assert os.uname().nodename not in json.dumps(info)
