// The Compare view's texts, in English and Chinese; machine_texts.js has the other languages.
import { machineTexts } from "./machine_texts.js";

const TEXTS = {
  en: {
    empty: "Run the graph: the tracks appear here, to see and to hear.",
    broken: "This comparison cannot be shown",
    coarse: "Coarse", final: "Final", voice: "Voice",
    silent: "silent", unmatched: "cannot be matched",
    hear: "hear it alone", solo: "Solo", mute: "Mute", play: "Play", pause: "Pause",
    equal: "Equal loudness", equalWhy: "All tracks at one loudness; off: as loud as they were made",
    loop: "Repeat", nothingHeard: "nothing is heard", hearing: "You hear", spans: "voice heard",
    keys: "space play · A B C hear one · X switch A/B · ← → seek · E equal loudness",
    clickForKeys: "Click here to use the keys: space, A, B, C, X, ← →",
    axis: "Time", noVideo: "This browser cannot play the video.", noSound: "cannot be played",
  },
  zh: {
    empty: "运行工作流后，各条声音会显示在这里，可看可听。",
    broken: "无法显示此对比",
    coarse: "初始", final: "最终", voice: "人声",
    silent: "无声", unmatched: "无法调到等响度",
    hear: "只听这一条", solo: "独奏", mute: "静音", play: "播放", pause: "暂停",
    equal: "等响度", equalWhy: "所有声音同一响度；关闭：按原来的响度",
    loop: "循环", nothingHeard: "没有声音", hearing: "正在听", spans: "有人声",
    keys: "空格 播放 · A B C 单听 · X 切换 A/B · ← → 定位 · E 等响度",
    clickForKeys: "点击此处即可使用按键：空格、A、B、C、X、← →",
    axis: "时间", noVideo: "此浏览器无法播放该视频。", noSound: "无法播放",
  },
  ...machineTexts("compare"),
};

export const LANGUAGES = Object.keys(TEXTS);

export function compareTexts(locale) {
  return TEXTS[String(locale ?? "").slice(0, 2)] ?? TEXTS.en;
}
