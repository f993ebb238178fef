"""Table of the engines: name, one line for menus, module and class; nothing is imported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["generator", "reasoner", "separator"]
KINDS: tuple[Kind, ...] = ("generator", "reasoner", "separator")
OWN = ("embedded", "published", "file", "server")


@dataclass(frozen=True)
class EngineInfo:
    """An engine as a menu shows it; `target` is `module:Class`, and `arguments` are what the class is made with."""

    kind: Kind
    name: str
    summary: str
    target: str
    origin: str = "embedded"
    arguments: tuple[Any, ...] = ()


EMBEDDED = (
    EngineInfo(
        "generator",
        "draft",
        "foley of recordings and synthesis: impacts, events, scrapes, whooshes and beds by words and by what moves",
        "deepsound.generate.draft:DraftGenerator",
    ),
    EngineInfo(
        "generator",
        "source",
        "the video's own sound, to clean existing footage",
        "deepsound.generate.source:SourceGenerator",
    ),
    EngineInfo(
        "reasoner",
        "rules",
        "a voice detector, a person detector and the paper's rule (Figure 4)",
        "deepsound.reason.rules:RulesReasoner",
    ),
    EngineInfo(
        "separator",
        "dtln",
        "DTLN, a small network for speech with its weights in the package",
        "deepsound.separate.dtln:DtlnSeparator",
    ),
    EngineInfo(
        "separator",
        "bs_roformer_tiny",
        "a small BS-RoFormer that this project trained on synthetic speech",
        "deepsound.separate.roformer:BSRoformerTinySeparator",
    ),
    EngineInfo(
        "separator",
        "spectral",
        "voice-activity-gated spectral masking; simple, no weights",
        "deepsound.separate.spectral:SpectralSeparator",
    ),
)

_MMAUDIO = {
    "large_44k_v2": "1.03 B parameters, 44.1 kHz; generalises best, say its authors",
    "large_44k": "1.03 B parameters, 44.1 kHz; the one DeepSound-V1 was measured with",
    "medium_44k": "622 M parameters, 44.1 kHz",
    "small_44k": "157 M parameters, 44.1 kHz",
    "small_16k": "157 M parameters, 16 kHz; the fastest",
}

_REASONERS = {
    "cot": "VideoLLaMA2.1-7B-AV, fine-tuned to reason in a chain of thought",
    "qa": "VideoLLaMA2.1-7B-AV, fine-tuned to answer with a letter",
}

_ROFORMERS = {
    "bs_roformer": "BS-RoFormer, the one DeepSound-V1 was measured with",
    "mel_band_roformer": "Mel-Band RoFormer, KimberleyJensen's edition; 2.8 times cheaper",
    "mel_band_roformer_viperx": "Mel-Band RoFormer, viperx's edition",
}

# Run published weights, which have to be on the disk; nothing is downloaded unasked.
PUBLISHED = (
    *(
        EngineInfo(
            "generator",
            f"mmaudio_{variant}",
            f"MMAudio: {summary}",
            "deepsound.generate.mmaudio.generator:MMAudioGenerator",
            "published",
            (variant,),
        )
        for variant, summary in _MMAUDIO.items()
    ),
    EngineInfo(
        "generator",
        "selva",
        "SelVA: only the sound that the prompt names, 16 kHz; needs transformers",
        "deepsound.generate.mmaudio.generator:MMAudioGenerator",
        "published",
        ("selva",),
    ),
    EngineInfo(
        "generator",
        "foleycrafter",
        "FoleyCrafter: 16 kHz, timed by the onsets it sees; needs diffusers",
        "deepsound.generate.foleycrafter.generator:FoleyCrafterGenerator",
        "published",
    ),
    EngineInfo(
        "generator",
        "seeing_hearing",
        "Seeing and Hearing: AudioLDM led by ImageBind at inference, 16 kHz, slow; needs diffusers",
        "deepsound.generate.seeing_hearing.generator:SeeingHearingGenerator",
        "published",
    ),
    *(
        EngineInfo(
            "reasoner",
            f"videollama2_{model}",
            summary,
            "deepsound.reason.videollama2.engine:VideoLlama2Reasoner",
            "published",
            (model,),
        )
        for model, summary in _REASONERS.items()
    ),
    *(
        EngineInfo("separator", name, summary, "deepsound.separate.roformer:RoformerSeparator", "published", (name,))
        for name, summary in _ROFORMERS.items()
    ),
)

# Engines of what a person names behind a colon: `roformer:FILE` and `omni:FOLDER` in the models folder (or --weights
# roformer=PATH), and `server:NAME` of the settings file.
OF_A_NAME = (
    EngineInfo(
        "separator",
        "roformer",
        "a BS- or Mel-Band RoFormer checkpoint of your own, with its .yaml beside it",
        "deepsound.separate.community:CommunityRoformerSeparator",
        "file",
    ),
    EngineInfo(
        "reasoner",
        "omni",
        "a local multimodal model of transformers, such as Qwen2.5-Omni, in the models folder `omni`",
        "deepsound.reason.omni.engine:OmniReasoner",
        "file",
    ),
    EngineInfo(
        "reasoner",
        "server",
        "a model behind an OpenAI-compatible server that your settings file names",
        "deepsound.reason.server.engine:ServerReasoner",
        "server",
    ),
)

# Combinations that menus offer; any other one is named as they are.
COMBINED = (
    EngineInfo(
        "reasoner",
        "rules+videollama2_cot",
        "two judges: what both say; undecided where they disagree",
        "deepsound.reason.vote:VoteReasoner",
        "combined",
    ),
    EngineInfo(
        "separator",
        "bs_roformer+mel_band_roformer",
        "the mean of the voices that two published networks find",
        "deepsound.separate.ensemble:EnsembleSeparator",
        "combined",
    ),
)

# What the original project's command line calls them.
ALIASES: dict[tuple[Kind, str], str] = {("reasoner", "cot"): "videollama2_cot", ("reasoner", "qa"): "videollama2_qa"}
