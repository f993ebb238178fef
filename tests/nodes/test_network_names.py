"""ComfyUI's log names each network by its own name; it read "ModuleList" for all of them."""

import pytest


@pytest.mark.usefixtures("host")
def test_the_core_sees_each_network_under_its_own_name(pack):
    import torch
    from deepsound_pack_under_test.nodes.host_memory import ComfyPlacement

    placement = ComfyPlacement()
    network = torch.nn.Linear(2, 2)
    patcher = placement._wrap(network, torch.device("cpu"))
    assert type(patcher.model).__name__ == "DeepSoundLinear"
    assert list(patcher.model.children()) == [network]
