"""Titles of the workflows for the template browser, in its order, in English and Chinese."""

from __future__ import annotations

# What runs as installed comes first; then the published system, generators, takes, repair, programs.
TITLES: dict[str, tuple[str, str]] = {
    "offline_draft": ("Sound for a silent video, no download", "无声视频配音，无需下载"),
    "clean_existing_footage": ("Remove the voice-over of a video", "去除视频的画外音"),
    "repair_segments": ("Repair voiced spans only", "只修复有人声的片段"),
    "best_of_four": ("Best of four sounds", "四选一"),
    "another_generator": ("Another pack's sound, cleaned", "清理其他节点包的声音"),
    "api_automation": ("All steps in one node", "一个节点完成全部步骤"),
    "film_with_own_sound": ("Clean a film's generated sound", "清理影片自带的生成声音"),
    "mix_and_master": ("Mix and master", "混音与母带"),
    "stems_for_an_editor": ("Stems for an editor", "供剪辑软件使用的分轨"),
    "deepsound_s4_neg": ("DeepSound s4, generate again", "DeepSound s4：重新生成"),
    "deepsound_s4_rep": ("DeepSound s4, keep the coarse sound", "DeepSound s4：保留初始声音"),
    "deepsound_s4_rm": ("DeepSound s4, leave silent", "DeepSound s4：留作无声"),
    "deepsound_s4_mask": ("DeepSound s4, regenerate voiced spans", "DeepSound s4：重做有人声的片段"),
    "deepsound_s3": ("DeepSound s3, without fallback", "DeepSound s3：不做回退"),
    "qa_instead_of_cot": ("Judged by multiple choice", "用选择题判断"),
    "direct_v2a": ("MMAudio alone", "仅用 MMAudio"),
    "foleycrafter": ("FoleyCrafter", "FoleyCrafter 生成"),
    "only_the_drums": ("Only the sound that is named", "只生成指定的声音"),
    "only_the_drums_s4": ("Only the sound that is named, judged", "只生成指定的声音并判断"),
    "text_to_sound": ("Sound from words alone", "仅由文字生成声音"),
    "long_video": ("Minutes of video, scene by scene", "数分钟视频，逐场景"),
    "several_takes": ("Four takes, each finished", "四个版本，逐一完成"),
    "compare_two_generators": ("Compare two generators", "对比两个生成器"),
    "regenerate_span": ("Regenerate a stretch of sound", "重做一段声音"),
    "seeing_hearing": ("Seeing and Hearing", "看与听 Seeing and Hearing"),
    "image_to_sound": ("Sound for one picture", "为一张图片生成声音"),
    "audio_to_video": ("Video for a sound", "为声音生成视频"),
    "joint_video": ("Video and sound from words", "由文字生成视频与声音"),
    "label_a_folder": ("Label a folder for training", "为训练标注一个文件夹"),
}


def file_name(name: str) -> str:
    """The name of a workflow's file without its suffix, as the template browser shows it."""
    english, chinese = TITLES[name]
    return f"{list(TITLES).index(name) + 1:02} {english} · {chinese}"
