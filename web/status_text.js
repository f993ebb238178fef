// The words of the status line. No DOM here.
import { machineTexts } from "./machine_texts.js";
import { translated } from "./messages.js";

const MOST_LINES = 24;
const CHINESE = {
  stages: { read: "读取", silence: "静音检测", generate: "生成", judge: "判断", separate: "分离", write: "写入", measure: "测量", plan: "计划",
    pick: "挑选", repair: "修复", regenerate: "重新生成", verdict: "判断", note: "说明", mix: "混音", encode: "编码",
    decode: "解码", load: "加载", listen: "聆听", draw: "绘制", render: "渲染", still: "静帧", download: "下载",
    label: "标注", features: "特征", clips: "片段", video: "视频", train: "训练", work: "处理" },
  left: "剩余 {}", hours: "小时", minutes: "分", seconds: "秒",
};
const ENGLISH = { stages: {}, left: "{} left", hours: "h", minutes: "min", seconds: "s" };
const WORDS = { zh: CHINESE, ...machineTexts("progress") };

// The server's line, its stage in the page's language.
export function progressText(text, texts) {
  return String(text ?? "").split("\n").map((line) => inLanguage(line, texts)).join("\n");
}

// Such as "Done in 12.3 s" and a line for each stage; `result` comes from a run or from the history.
export function resultText(result, texts) {
  const seconds = Number(result.seconds);
  const head = Number.isFinite(seconds) ? texts.doneIn.replace("{}", seconds.toFixed(1)) : texts.done;
  const lines = Array.isArray(result.lines) ? result.lines.slice(0, MOST_LINES).map(String) : [];
  return [`\u2713 ${head}`, ...lines.map((line) => inLanguage(line, texts))].join("\n");
}

function inLanguage(line, texts) {
  const words = WORDS[texts.language] ?? ENGLISH;
  const [, stage, text, time = ""] = /^([a-z]+): (.+?)( \([\d.]+ s\))?$/.exec(line) ?? [];
  const known = words.stages[stage];
  return known ? `${known}: ${translated(text)}${time}` : inProgress(translated(line), words, texts);
}

function inProgress(line, words, texts) {
  return line.replace(/(\d[\d hmins]*) left$/, (_, time) => words.left.replace("{}", inWords(time, words)))
    .replace(/^([a-z]+)(?= \u00b7|: | done in|$| [\w-]+\/\S+ \u00b7)/, (stage) => words.stages[stage] ?? stage)
    .replace(/ done in ([\d.]+) s$/, (_, seconds) => `: ${texts.doneIn.replace("{}", seconds)}`);
}

// 1 h 10 min, 12 s.
function inWords(time, { hours, minutes, seconds }) {
  return time.replace(/ h\b/, ` ${hours}`).replace(/ min\b/, ` ${minutes}`).replace(/ s\b/, ` ${seconds}`);
}

export const LANGUAGES = Object.keys(WORDS);

export function progressWords(language) {
  return WORDS[language];
}
