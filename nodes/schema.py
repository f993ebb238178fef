"""Schema helpers for every supported core, and the inputs that several nodes share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from comfy_api.latest import io

from deepsound import engines
from deepsound.choices import Option, lines_of, names_of, precision_limits

from .search_aliases import aliases_of

CATEGORY = "DeepSound"
MOST_TAKES = 16
# What the menu says, and the library's name for it.
DOWNMIXES = {"keep": None, "stereo": "stereo", "mono": "mono"}

_ENGINE_OF = {
    "generator": "Makes the sound.",
    "reasoner": "Judges from picture and sound whether there is voice-over.",
    "separator": "Takes the voice out.",
}


def supported_kwargs(target: Callable[..., Any], **keywords: Any) -> dict[str, Any]:
    """Those `keywords` that `target` accepts: older cores lack newer ones, and refuse what they do not know."""
    accepted = inspect.signature(target).parameters
    return {name: value for name, value in keywords.items() if name in accepted}


def schema(node_id: str, display_name: str, **keywords: Any) -> io.Schema:
    """A schema in the pack's category, found by everyday words, without the keywords this core does not know."""
    keywords["search_aliases"] = aliases_of(node_id, keywords.get("search_aliases", []))
    return io.Schema(
        **supported_kwargs(io.Schema, node_id=node_id, display_name=display_name, category=CATEGORY, **keywords)
    )


def engine_input(kind: engines.Kind, input_id: str = "engine", automatic: bool = False) -> io.Combo.Input:
    """A menu of the engines of one kind, each explained in the tooltip."""
    available = engines.available(kind)
    options = ["auto"] * automatic + [info.name for info in available]
    lines = [f"{info.name}: {info.summary}" for info in available]
    if automatic:
        lines.insert(0, "auto: chooses, and says what and why")
    tooltip = "\n".join([_ENGINE_OF[kind], *lines])
    return io.Combo.Input(input_id, options=options, default=options[0], tooltip=tooltip)


def prompt_inputs(
    duration: str = "How much of the video gets sound, in seconds from its start; 0 means all of it.",
) -> list[io.Input]:
    """The request of step 1: prompt, negative prompt, seed and duration; `duration` is the last one's tooltip."""
    return [
        io.String.Input(
            "prompt",
            default="",
            multiline=True,
            tooltip="Words for the sound you want, such as 'metal, gravel, rain'. May stay empty.",
        ),
        io.String.Input(
            "negative_prompt", default="", multiline=True, tooltip="Words for what should not be heard. May stay empty."
        ),
        io.Int.Input(
            "seed",
            default=42,
            min=0,
            max=2**64 - 1,
            control_after_generate=True,
            tooltip="The same seed, video and words give the same sound.",
        ),
        seconds_input("duration", duration),
    ]


def option_input(input_id: str, options: Sequence[Option], when: str, **keywords: Any) -> io.Combo.Input:
    """A menu of one of the library's tables, each row explained in the tooltip below `when`; the first is default.

    The rows' labels go to the page with the schema, where the core passes them on.
    """
    names = list(names_of(options))
    labels = {row.name: row.label for row in options if row.label != row.name}
    keywords.update(supported_kwargs(io.Combo.Input, extra_dict={"labels": labels}) if labels else {})
    tooltip = f"{when}\n{lines_of(options)}" if when else lines_of(options)
    return io.Combo.Input(input_id, options=names, default=names[0], tooltip=tooltip, **keywords)


def precision_input(options: tuple[str, ...], optional: bool = False) -> io.Combo.Input:
    """In which precision the networks are computed; `optional` where saved graphs lack the input."""
    return io.Combo.Input(
        "precision",
        options=list(options),
        default="auto",
        tooltip=" ".join(
            [
                "auto: 16 bit on a GPU and on CPUs that are fast in it, else 32 bit. The same seed "
                "gives another sound in another precision.",
                precision_limits(options),
            ]
        ).strip(),
        **({"optional": True} if optional else {}),
        **supported_kwargs(io.Combo.Input, advanced=True),
    )


def download_input(optional: bool = False) -> io.Boolean.Input:
    """Whether weights that are nowhere on the machine may be fetched; `optional` where saved graphs lack the input."""
    return io.Boolean.Input(
        "download",
        default=False,
        tooltip="Fetch weights that are not on this machine, once, into ComfyUI's models folder. "
        "Off: nothing is ever downloaded, and what is missing is named.",
        **({"optional": True, **supported_kwargs(io.Boolean.Input, advanced=True)} if optional else {}),
    )


def downmix_input(tooltip: str) -> io.Combo.Input:
    """Whether a sound's channels are mixed down."""
    return io.Combo.Input(
        "downmix",
        options=list(DOWNMIXES),
        default="keep",
        optional=True,
        tooltip=tooltip,
        **supported_kwargs(io.Combo.Input, advanced=True),
    )


def network_inputs(precisions: tuple[str, ...]) -> list[io.Input]:
    """How an engine's networks are run: precision, offload, download."""
    return [precision_input(precisions), offload_input(), download_input()]


def picture_inputs(video: str, images: str) -> list[io.Input]:
    """A video or images, each with its tooltip; both may stay unconnected."""
    return [
        io.Video.Input("video", optional=True, tooltip=video),
        io.Image.Input("images", optional=True, tooltip=images),
    ]


def steps_input(most: int) -> io.Int.Input:
    """The sampler's number of steps, 25 as published."""
    return io.Int.Input(
        "steps",
        default=25,
        min=1,
        max=most,
        tooltip="Sampling steps from noise to sound; 25 as published. More is slower, hardly better.",
    )


def guidance_input(default: float, off_at: str) -> io.Float.Input:
    """The strength of classifier-free guidance; `off_at` says where the negative prompt stops to count."""
    return io.Float.Input(
        "cfg",
        default=default,
        min=0.0,
        max=100.0,
        step=0.1,
        tooltip=f"Classifier-free guidance: how closely picture and words are followed; {default:g} as published. "
        f"{off_at} the negative prompt plays no part.",
    )


def fps_input(tooltip: str) -> io.Float.Input:
    """The frame rate of connected images."""
    return io.Float.Input("fps", default=0.0, min=0.0, max=1000.0, step=0.001, tooltip=tooltip)


def takes_input() -> io.Int.Input:
    """How many sounds are made of one request."""
    return io.Int.Input(
        "takes",
        default=1,
        min=1,
        max=MOST_TAKES,
        tooltip="Several sounds as one batch, from seed, seed + 1, ...; the picture is encoded once.",
    )


def offload_input(optional: bool = False) -> io.Boolean.Input:
    """Whether each network leaves the device after its stage; `optional` where saved graphs lack the input."""
    return io.Boolean.Input(
        "offload",
        default=False,
        tooltip="Each network leaves the GPU when its part is done: slower, and only the largest has to fit.",
        **({"optional": True} if optional else {}),
        **supported_kwargs(io.Boolean.Input, advanced=True),
    )


def compile_input() -> io.Boolean.Input:
    """Whether the sampling step runs through torch.compile."""
    return io.Boolean.Input(
        "compile",
        default=False,
        optional=True,
        tooltip="Run the sampling step through torch.compile: the first sound of a length waits a minute or so for it, "
        "the sound is the same to rounding. Needs Triton on a GPU, a C++ compiler on a CPU; without them the "
        "step runs as it is, which a note says.",
        **supported_kwargs(io.Boolean.Input, advanced=True),
    )


def window_input() -> io.Float.Input:
    """Length of the windows in which a long sound is made."""
    return io.Float.Input(
        "window",
        default=-1.0,
        min=-1.0,
        max=60.0,
        step=0.5,
        optional=True,
        tooltip="A long sound is made in overlapping windows of this many seconds (2 to 60; 8 is what the network was "
        "trained on), which part at scene cuts. -1: auto, 8 s windows for sounds above 12 s. 0: one pass. "
        "Another window is another sound.",
        **supported_kwargs(io.Float.Input, advanced=True),
    )


def seconds_input(input_id: str, tooltip: str) -> io.Float.Input:
    """A time in seconds, 0 by default and never negative."""
    return io.Float.Input(input_id, default=0.0, min=0.0, max=1e6, step=0.01, tooltip=tooltip)


def output(kind: Any, output_id: str, tooltip: str, label: str | None = None, per_take: bool = False) -> io.Output:
    """An output under its own name: without a label the oldest core would call it by its type.

    One that is `per_take` is a list with a value for each take; nodes that take no lists are run for each of them.
    """
    listed = {"is_output_list": True} if per_take else {}
    return kind.Output(output_id, display_name=label or output_id, tooltip=tooltip, **listed)


def require_option(what: str, value: str, options: tuple[str, ...]) -> None:
    """Raise InputError for a menu value that is not on the menu: the oldest core does not check them itself."""
    from deepsound.errors import InputError

    if value not in options:
        raise InputError(f"{what} is {value!r}; choose one of: {', '.join(options)}.")
