"""The list of the pack's nodes, in the order of the work."""

from __future__ import annotations

from comfy_api.latest import ComfyExtension, io

from . import comfy_host
from .compare import Compare
from .cot_plan import CoTPlan
from .foleycrafter_generate import FoleyCrafterGenerate
from .generate_audio import GenerateAudio
from .load_video import LoadVideo
from .mmaudio_generate import MMAudioGenerate
from .mux_video import MuxVideo
from .pipeline import Pipeline
from .score import Score
from .silence_fallback import SilenceFallback
from .vocal_separate import VocalSeparate
from .voice_over_cot import VoiceOverCoT

NODES: list[type[io.ComfyNode]] = [
    LoadVideo,
    CoTPlan,
    GenerateAudio,
    MMAudioGenerate,
    FoleyCrafterGenerate,
    VoiceOverCoT,
    VocalSeparate,
    SilenceFallback,
    MuxVideo,
    Compare,
    Score,
    Pipeline,
]


class DeepSoundExtension(ComfyExtension):
    """The pack as ComfyUI registers it."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        comfy_host.register_model_folders()
        return NODES
