import socket
import subprocess
import sys

import pytest

LIMITED = """
import os, resource, socket, sys
from arena.policies.bounded.limits import leave_network, limit_process

left = leave_network()
limit_process(1024**3)
for name, limit in (("AS", 1024**3), ("CORE", 0), ("FSIZE", 0), ("NPROC", 0)):
    assert resource.getrlimit(getattr(resource, f"RLIMIT_{name}")) == (limit, limit), name
try:
    bytearray(2 * 1024**3)
except MemoryError:
    pass
else:
    sys.exit("memory")
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=60)
except OSError:
    pass
else:
    sys.exit("network" if left else 0)
"""


@pytest.mark.worker
def test_a_limited_process_gets_neither_memory_nor_network() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [sys.executable, "-c", LIMITED, str(server.getsockname()[1])]
        assert subprocess.run(command, check=False, stderr=subprocess.PIPE).stderr == b""
