import assert from "node:assert/strict";
import test from "node:test";
import { progressText, resultText } from "../../web/status_text.js";
import { textsOf } from "../../web/texts.js";

test("the result says the time and what came out, in the page's language", () => {
  const result = { seconds: 12.345, lines: ["generate: 8.00 s (12.3 s)"] };
  assert.equal(resultText(result, textsOf("en")), "\u2713 Done in 12.3 s\ngenerate: 8.00 s (12.3 s)");
  assert.equal(resultText(result, textsOf("zh")), "\u2713 \u5b8c\u6210\uff0c\u7528\u65f6 12.3 \u79d2\n\u751f\u6210: 8.00 s (12.3 s)");
});

test("a broken result of the history is no obstacle", () => {
  assert.equal(resultText({ lines: "x" }, textsOf("en")), "\u2713 Done");
});

test("the running stage is in the page's language, other words stay", () => {
  assert.equal(progressText("generate \u00b7 45%", textsOf("zh")), "\u751f\u6210 \u00b7 45%");
  assert.equal(progressText("rain on metal", textsOf("zh")), "rain on metal");
});

test("the time left and the stage of a download are in the page's language", () => {
  const zh = { language: "zh", doneIn: "完成，用时 {} 秒" };
  assert.equal(progressText("generate · 45% · 1 h 10 min left", zh), "生成 · 45% · 剩余 1 小时 10 分");
  assert.equal(progressText("download mmaudio/vae_44k · 45% · 12 s left", zh), "下载 mmaudio/vae_44k · 45% · 剩余 12 秒");
  assert.equal(progressText("generate · 45% · 12 s left", { language: "en" }), "generate · 45% · 12 s left");
});

test("the machine-made languages have the time left and the stage too", () => {
  assert.equal(progressText("generate · 45% · 1 h 10 min left", textsOf("fr")), "génération · 45% · reste 1 h 10 min");
  assert.equal(progressText("separate · 45% · 12 s left", textsOf("ja")), "分離 · 45% · 残り 12 秒");
  assert.equal(progressText("rain on metal", textsOf("de")), "rain on metal");
  assert.equal(resultText({ seconds: 2, lines: ["judge: no voice (1.0 s)"] }, textsOf("de")),
    "\u2713 Fertig in 2.0 s\nBeurteilen: no voice (1.0 s)");
});
