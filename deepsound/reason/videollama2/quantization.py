"""Quantization of the language model to int8 or nf4 by bitsandbytes.

Embedding, head, projectors and towers stay in 16 bits.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Literal

import torch
from torch import nn

from deepsound.models.videollama2.language import LanguageModel
from deepsound.runtime.packages import missing_package

Bits = Literal["int8", "nf4"]

# As bitsandbytes' authors measured it: activations beyond this are multiplied in 16 bit.
_OUTLIERS_FROM = 6.0


def quantise(model: LanguageModel, bits: Bits, device: torch.device) -> LanguageModel:
    """`model` on `device` with every linear layer between embedding and head quantised, in place.

    `nf4` is 4-bit normal floats with double quantisation. Weights are quantised as they reach the device, layer by
    layer. Raises EngineError where bitsandbytes is not installed.
    """
    library = _bitsandbytes()
    compute = model.dtype
    for layer in model.model.layers:
        for name, linear in [(name, module) for name, module in layer.named_modules() if isinstance(module, nn.Linear)]:
            owner, _, attribute = name.rpartition(".")
            setattr(layer.get_submodule(owner), attribute, _quantised_layer(library, linear, bits, compute).to(device))
        layer.to(device)
    return model.to(device).eval()


def _quantised_layer(library: Any, linear: nn.Linear, bits: Bits, compute: torch.dtype) -> nn.Module:
    sizes = (linear.in_features, linear.out_features)
    has_bias = linear.bias is not None
    with torch.device("meta"):
        if bits == "int8":
            made = library.nn.Linear8bitLt(*sizes, bias=has_bias, has_fp16_weights=False, threshold=_OUTLIERS_FROM)
        else:
            made = library.nn.Linear4bit(
                *sizes, bias=has_bias, compute_dtype=compute, compress_statistics=True, quant_type="nf4"
            )
    # Quantising writes to the weights, and these may be mapped to their file.
    weight = linear.weight.data.clone()
    if bits == "int8":
        made.weight = library.nn.Int8Params(weight, requires_grad=False, has_fp16_weights=False)
    else:
        made.weight = library.nn.Params4bit(weight, requires_grad=False, compress_statistics=True, quant_type="nf4")
    made.bias = linear.bias
    network: nn.Module = made
    return network


def _bitsandbytes() -> Any:
    try:
        return import_module("bitsandbytes")
    except Exception as error:  # it fails in many ways where it does not fit the machine
        raise missing_package(
            f"8 and 4 bit need bitsandbytes, which cannot be used here ({error})",
            "bitsandbytes",
            otherwise="choose precision bf16 or fp16",
        ) from error
