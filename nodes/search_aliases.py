"""Words under which the node search finds each node: everyday English and Chinese, beside the schema's own."""

from __future__ import annotations

EVERYDAY: dict[str, tuple[str, ...]] = {
    "DeepSoundPipeline": (
        "foley",
        "dub",
        "dubbing",
        "add audio",
        "add sound",
        "sound design",
        "soundtrack",
        "sound for silent video",
        "配音",
        "视频配音",
        "音效",
        "拟音",
        "声音",
        "加声音",
        "声音设计",
        "去人声",
        "无声视频",
    ),
    "DeepSoundLoadVideo": ("import video", "trim", "加载视频", "上传视频", "裁剪视频", "提取音频", "声音"),
    "DeepSoundCoTPlan": ("计划", "思维链", "步骤"),
    "DeepSoundGenerateAudio": (
        "add audio",
        "add sound",
        "dub",
        "sound design",
        "generate sound",
        "音效",
        "拟音",
        "配音",
        "视频配音",
        "生成声音",
        "声音",
        "视频转音频",
    ),
    "DeepSoundMMAudioGenerate": ("add audio", "sound design", "音效", "拟音", "视频配音", "文字转声音", "声音"),
    "DeepSoundFoleyCrafterGenerate": ("add audio", "sound design", "音效", "拟音", "视频配音", "声音"),
    "DeepSoundVoiceOverCoT": ("is somebody speaking", "detect voice", "画外音", "旁白", "人声检测", "语音检测"),
    "DeepSoundVocalSeparate": (
        "remove voice",
        "remove vocals",
        "isolate voice",
        "karaoke",
        "noise removal",
        "去人声",
        "人声分离",
        "消除人声",
        "提取人声",
        "伴奏",
        "声音",
    ),
    "DeepSoundSilenceFallback": ("silence", "choose audio", "静音", "静音检测", "选择声音"),
    "DeepSoundMuxVideo": (
        "add sound to video",
        "dub",
        "add audio",
        "保存视频",
        "合成视频",
        "音视频合并",
        "配音",
        "导出",
    ),
    "DeepSoundCompare": ("对比", "比较声音", "波形", "频谱", "试听", "声音"),
    "DeepSoundScore": ("measure", "评分", "指标", "响度", "音质", "同步"),
}


def aliases_of(node_id: str, own: list[str]) -> list[str]:
    """The schema's `own` words, then the everyday ones, each once."""
    return list(dict.fromkeys([*own, *EVERYDAY.get(node_id, ())]))
