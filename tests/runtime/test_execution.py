"""Where networks run: the device asked for, and what is said of one that is not there."""

import pytest
import torch

from deepsound.errors import InputError
from deepsound.runtime.execution import Execution, torch_device


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_device_that_is_not_there_is_not_among_those_to_choose():
    with pytest.raises(InputError) as error:
        torch_device(Execution("cuda"))
    assert str(error.value).partition("; choose one of: ")[2] in ("auto, cpu.", "auto, cpu, mps.")
