// The texts of the pack's widgets, in English and Chinese.
const TEXTS = {
  en: {
    empty: "The verdict and its reasons appear here.",
    thinking: "Thinking…",
    stopped: "Stopped before there was a verdict.",
    yes: "Voice-over", no: "No voice-over", undecided: "Undecided",
    takenAsYes: "counts as voice-over", takenAsNo: "counts as none",
    SUMMARY: "Summary", CAPTION: "Caption", REASONING: "Reasoning", CONCLUSION: "Conclusion", steps: "Steps",
    voice: "voice heard", people: "person seen", noVoice: "no voice heard",
    chooseVideo: "Choose or upload a video.",
    part: "part", whole: "whole video", pastEnd: "reaches past the video's end",
    language: "en", done: "Done", doneIn: "Done in {} s", stoppedRun: "Stopped.",
    metersEmpty: "Loudness before and after appears here.", meter_generated: "generated", meter_original: "original",
    meter_mix: "mix", meter_master: "result",
    takesEmpty: "The takes and their figures appear here; a star overrules.", play: "Play take", star: "Choose take",
    best: "best", silentTake: "silent",
    spans: "Spans", spansNone: "No spans.", spansDraw: "Drag over the waveform to mark a span.",
    spansFound: "Spans of this run; drag to change them.", spansDrawn: "Your spans; run to apply them.",
    spansKeepAll: "No spans: nothing is changed.", spansUnread: "The text in spans is no span list.",
    spansEmpty: "After a run the waveform appears here; drag over it to mark spans.",
    spansReset: "Let the run find the spans", span: "Span", spanDelete: "Delete span", spanAction: "Action of span",
    spanAuto: "auto", silentFrames: "silent",
    take: "Take", startHandle: "Start of the part", endHandle: "End of the part", wholePart: "Part of the video",
  },
  zh: {
    empty: "判断及其理由显示在这里。",
    thinking: "思考中…",
    stopped: "还没有判断就停止了。",
    yes: "有画外音", no: "没有画外音", undecided: "无法判断",
    takenAsYes: "按有画外音处理", takenAsNo: "按没有处理",
    SUMMARY: "摘要", CAPTION: "描述", REASONING: "推理", CONCLUSION: "结论", steps: "步骤",
    voice: "有人声", people: "看到人", noVoice: "没有人声",
    chooseVideo: "请选择或上传视频。",
    part: "片段", whole: "整个视频", pastEnd: "超出视频结尾",
    language: "zh", done: "完成", doneIn: "完成，用时 {} 秒", stoppedRun: "已停止。",
    metersEmpty: "处理前后的响度显示在这里。", meter_generated: "生成", meter_original: "原声", meter_mix: "混音",
    meter_master: "结果",
    takesEmpty: "各版本及其数值显示在这里；点星即改选。", play: "播放版本", star: "选择版本",
    best: "最佳", silentTake: "静音",
    spans: "片段", spansNone: "没有片段。", spansDraw: "在波形上拖动以标出片段。",
    spansFound: "本次运行的片段；可拖动修改。", spansDrawn: "你标出的片段；运行后生效。",
    spansKeepAll: "没有片段：声音不变。", spansUnread: "spans 中的文字不是片段列表。",
    spansEmpty: "运行后波形显示在这里；在上面拖动以标出片段。",
    spansReset: "由运行自动寻找片段", span: "片段", spanDelete: "删除片段", spanAction: "片段的处理",
    spanAuto: "自动", silentFrames: "静音",
    take: "版本", startHandle: "片段开始", endHandle: "片段结束", wholePart: "视频片段",
  },
};

// The texts of ComfyUI's language, English where the pack does not know it.
export function textsOf(locale) {
  return TEXTS[String(locale ?? "").slice(0, 2)] ?? TEXTS.en;
}

export const LANGUAGES = Object.keys(TEXTS);
