"""The one place where torch's number of threads is touched."""

import pytest
import torch

from deepsound.runtime.threads import one_thread


def test_the_host_s_number_of_threads_comes_back_even_after_an_error():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with pytest.raises(KeyError), one_thread():
            assert torch.get_num_threads() == 1
            raise KeyError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
