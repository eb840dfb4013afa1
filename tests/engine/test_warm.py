"""What an engine that waits leaves behind in the libraries that it has imported."""

from __future__ import annotations

import os
from types import SimpleNamespace

import torch

from tui.engine import warm


def test_kernels_are_launched_as_ever_once_the_libraries_are_imported() -> None:
    asked = getattr(torch._C, warm.STREAM)
    with warm.without_touching_a_gpu():
        answer = getattr(torch._C, warm.STREAM)
        module, driver, rules = {"_raw_stream": answer}, SimpleNamespace(get_current_stream=answer), {answer: "known"}
        from torch._dynamo.device_interface import CudaInterface

        assert answer is not asked
        assert os.environ[warm.MOE_BACKEND] == "native_torch"
    assert getattr(torch._C, warm.STREAM) is CudaInterface.get_raw_stream is asked
    assert module == {"_raw_stream": asked} and driver.get_current_stream is asked and rules == {asked: "known"}
    assert warm.MOE_BACKEND not in os.environ
