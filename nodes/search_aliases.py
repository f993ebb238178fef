"""Search aliases of the nodes: everyday words in every language of the locales."""

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
    "DeepSoundPromptPreset": ("sound library", "sound design", "提示词", "预设", "音效列表"),
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
    "DeepSoundSeeingHearing": ("add audio", "sound design", "音效", "视频配音", "图片配音", "图像转声音", "声音"),
    "DeepSoundAudioToVideo": ("music video", "visualize sound", "声音转视频", "音频转视频", "声音"),
    "DeepSoundJoint": ("video with sound", "text to video", "文字转视频", "有声视频", "声音"),
    "DeepSoundVoiceOverCoT": ("is somebody speaking", "detect voice", "画外音", "旁白", "人声检测", "语音检测"),
    "DeepSoundVerdictFromText": ("text to boolean", "总是去人声", "从不去人声", "文字判断"),
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
    "DeepSoundRegenerateSpan": (
        "inpaint",
        "edit sound",
        "redo part",
        "片段",
        "重做声音",
        "音频修补",
        "局部重绘",
        "声音",
    ),
    "DeepSoundSilenceFallback": ("silence", "choose audio", "静音", "静音检测", "选择声音"),
    "DeepSoundMixMaster": (
        "sound design",
        "louder",
        "background sound",
        "混音",
        "母带",
        "响度",
        "闪避",
        "淡入淡出",
        "保留原声",
        "声音",
    ),
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
    "DeepSoundExportStems": (
        "save sound",
        "DaVinci Resolve",
        "Premiere",
        "Reaper",
        "分轨",
        "导出声音",
        "时间线",
        "剪辑",
    ),
    "DeepSoundFolder": ("directory", "dub many", "批量", "文件夹", "批处理"),
    "DeepSoundCompare": ("对比", "比较声音", "波形", "频谱", "试听", "声音"),
    "DeepSoundScore": ("measure", "评分", "指标", "响度", "音质", "同步"),
}


# What somebody types who does not know the nodes, in Japanese, Korean, Russian, French, German and Spanish.
ELSEWHERE: dict[str, tuple[str, ...]] = {
    "DeepSoundPipeline": (
        *("効果音", "フォーリー", "音をつける", "효과음", "폴리", "소리 입히기", "озвучка", "звуковые эффекты"),
        *("bruitage", "sonoriser", "Vertonung", "Geräusche", "Soundeffekte", "efectos de sonido", "sonorizar"),
    ),
    "DeepSoundGenerateAudio": (
        *("効果音", "音を作る", "효과음", "소리 만들기", "создать звук", "звуковые эффекты"),
        *("effets sonores", "bruitage", "Geräusche", "Soundeffekte", "efectos de sonido", "crear sonido"),
    ),
    "DeepSoundVocalSeparate": (
        *("声を消す", "ボーカル除去", "음성 제거", "보컬 제거", "убрать голос", "удалить вокал"),
        *("supprimer la voix", "Stimme entfernen", "quitar la voz", "eliminar voz"),
    ),
    "DeepSoundVoiceOverCoT": ("ナレーション", "내레이션", "закадровый голос", "voix off", "Sprecher", "voz en off"),
    "DeepSoundMixMaster": ("音量", "음량", "громкость", "volume", "Lautstärke", "volumen"),
    "DeepSoundMuxVideo": (
        *("動画を保存", "동영상 저장", "сохранить видео", "enregistrer la vidéo", "Video speichern", "guardar vídeo"),
    ),
}


def aliases_of(node_id: str, own: list[str]) -> list[str]:
    """The schema's `own` words, then the everyday ones, each once."""
    return list(dict.fromkeys([*own, *EVERYDAY.get(node_id, ()), *ELSEWHERE.get(node_id, ())]))
