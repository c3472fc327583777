"""Nothing is sent anywhere that the owner did not choose: no library reports to its maker."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_LOADED = """
import os
from tiro.media.vad import SpeechProbabilities
SpeechProbabilities()
print(len(os.listdir("/proc/self/task")), os.environ["HF_HUB_DISABLE_TELEMETRY"])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_onnx_runtime_starts_no_thread_that_reports() -> None:
    """With its reporting on, importing it starts a thread for that; there is no other."""
    kept = {name: value for name, value in os.environ.items() if "TELEMETRY" not in name}
    environment = kept | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", _LOADED], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1", "1"]
