"""MMAudio on long clips: windows planned, encoded, sampled, decoded; on disk beyond 15 min."""

from __future__ import annotations

from deepsound.generate.mmaudio.components import MMAudioComponents
from deepsound.generate.mmaudio.frame_sampling import usable_duration_s
from deepsound.generate.mmaudio.request import MMAudioRequest
from deepsound.generate.mmaudio.visual_conditioning import VisualCondition
from deepsound.generate.mmaudio.window_features import SceneFrames, WindowFeatures, sample_scene
from deepsound.generate.mmaudio.window_plan import Section, plan_sections, settings_for
from deepsound.generate.mmaudio.windowed_sampling import LongRun, decode_spectrograms, decode_waveform, sample_latents
from deepsound.media.windows import WindowPlan
from deepsound.runtime.digests import digest_of
from deepsound.runtime.progress import Progress
from deepsound.runtime.spill import DiskTensorStore, TensorStore
from deepsound.types import Audio

# Longer sounds are made on disk, and can be taken up again where they were interrupted.
SPILL_ABOVE_S = 900.0


def windowed_sounds(
    components: MMAudioComponents, visual: VisualCondition, request: MMAudioRequest, progress: Progress
) -> list[Audio]:
    """One sound for each seed, exactly as long as was requested."""
    seen, usable_s = None, request.duration_s
    if visual.scene is not None:
        seen = sample_scene(visual.scene, request.duration_s, components.is_steered, progress.part(0.0, 0.1))
        clip_ticks = None if seen.clip is None else len(seen.clip.rows)
        usable_s = usable_duration_s(request.duration_s, clip_ticks, len(seen.sync.rows))
    plan = settings_for(request.window_s) or WindowPlan()
    cuts_s = seen.cuts_s if seen else ()
    sections = plan_sections(usable_s, cuts_s, request.schedule, components.rate, plan)
    _report_plan(sections, progress)
    store = _store(components, visual, request, seen, sections)
    features = WindowFeatures(sections, seen, store)
    features.encode(components, visual, request.negative_prompt, progress.part(0.1, 0.4))
    return _sample_and_decode(
        components, LongRun(sections, features, components.rate, request, store), progress.part(0.4, 1.0)
    )


def _sample_and_decode(components: MMAudioComponents, run: LongRun, progress: Progress) -> list[Audio]:
    request, count = run.request, len(run.request.seeds)
    with components.stage(progress) as stage:
        for take, seed in enumerate(request.seeds):
            sample_latents(stage, run, seed, progress.part(0.7 * take / count, 0.7 * (take + 1) / count))
    with components.stage(progress) as stage:
        decode_spectrograms(stage, run, request.seeds, progress.part(0.7, 0.75))
    samples = round(request.duration_s * run.rate.sample_rate)
    sounds = []
    with components.stage(progress) as stage:
        for take, seed in enumerate(request.seeds):
            part = progress.part(0.75 + 0.25 * take / count, 0.75 + 0.25 * (take + 1) / count)
            sounds.append(Audio(decode_waveform(stage, run, seed, samples, part), run.rate.sample_rate))
    run.store.clear()
    return sounds


def _report_plan(sections: tuple[Section, ...], progress: Progress) -> None:
    windows = [window for section in sections for window in section.windows]
    progress.say(f"Sampled in {len(windows)} windows; {len(sections) - 1} of their edges are at scene cuts.")


def _store(
    components: MMAudioComponents,
    visual: VisualCondition,
    request: MMAudioRequest,
    seen: SceneFrames | None,
    sections: tuple[Section, ...],
) -> TensorStore:
    """Memory, or for a long sound a folder that is named by everything its samples depend on."""
    if request.duration_s <= SPILL_ABOVE_S:
        return TensorStore()
    looked_at = (seen.clip, seen.sync) if seen else ()
    pictures = [frames.digest() for frames in looked_at if frames is not None]
    still = "" if visual.still is None else digest_of(visual.still.numpy().tobytes())
    networks = [repr(components.key(role)) for role in components.roles]
    placed = (str(components.device.type), str(components.dtype), str(visual.masked), still)
    return DiskTensorStore(digest_of(*pictures, *placed, *networks, repr(request), repr(sections)))
