"""The ComfyUI extension: the list of nodes, and what is registered when it loads."""

from __future__ import annotations

from comfy_api.latest import ComfyExtension, io

from deepsound.runtime.numeric_defaults import numeric_defaults
from deepsound.weights.missing import register_download_action

from . import host_folders, routes
from .audio_to_video import AudioToVideo
from .best_take import BestTake
from .compare import Compare
from .cot_plan import CoTPlan
from .export_stems import ExportStems
from .folder_batch import FolderBatch
from .foleycrafter_generate import FoleyCrafterGenerate
from .generate_audio import GenerateAudio
from .joint import Joint
from .load_video import LoadVideo
from .mix_master import MixMaster
from .mmaudio_generate import MMAudioGenerate
from .mux_video import MuxVideo
from .pipeline import PipelineNode
from .prompt_preset import PromptPresetNode
from .regenerate_span import RegenerateSpan
from .score import ScoreNode
from .seeing_hearing import SeeingHearingGenerate
from .silence_fallback import SilenceFallback
from .verdict_from_text import VerdictFromText
from .vocal_separate import VocalSeparate
from .voice_over_cot import VoiceOverCoT

# A node has no command line: this is the one thing to do where weights are missing.
DOWNLOAD_ACTION = "Press *Weights…* on this node, or switch on *download* and run again."

NODES: list[type[io.ComfyNode]] = [
    LoadVideo,
    PromptPresetNode,
    CoTPlan,
    GenerateAudio,
    MMAudioGenerate,
    FoleyCrafterGenerate,
    SeeingHearingGenerate,
    VoiceOverCoT,
    VerdictFromText,
    VocalSeparate,
    SilenceFallback,
    RegenerateSpan,
    MixMaster,
    MuxVideo,
    ExportStems,
    Compare,
    ScoreNode,
    BestTake,
    PipelineNode,
    FolderBatch,
    AudioToVideo,
    Joint,
]


def _with_numeric_defaults(node: type[io.ComfyNode]) -> None:
    """Let a node compute with torch's and NumPy's own defaults, whatever other packs have set."""
    for name in ("execute", "check_lazy_status"):
        method = vars(node).get(name)
        if isinstance(method, classmethod):
            setattr(node, name, classmethod(numeric_defaults()(method.__func__)))


for _node in NODES:
    _with_numeric_defaults(_node)


class DeepSoundExtension(ComfyExtension):
    """The pack as ComfyUI registers it."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        host_folders.register_model_folders()
        host_folders.offer_demo_clips()
        register_download_action(DOWNLOAD_ACTION)
        routes.register_routes()
        return NODES
