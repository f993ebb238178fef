// Messages of the server on a Chinese page.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { englishIn, loadMessages, translated, useMessages } from "../../web/messages.js";

const CATALOGUE = JSON.parse(readFileSync(new URL("../../web/messages_zh.json", import.meta.url), "utf8"));

test("every message is in Chinese, its values in it, whatever else the catalogue has", () => {
  useMessages(CATALOGUE);
  for (const [english, chinese] of Object.entries(CATALOGUE)) {
    let number = 0;
    const said = english.replaceAll("{}", () => `v${(number += 1)}`);
    const shown = translated(said);
    assert.match(shown, /[\u4e00-\u9fff]/, english);
    const values = [...chinese.matchAll(/\{(\d*)\}/g)].map(([, place], index) => `v${place || index + 1}`);
    for (const value of values) assert.ok(shown.includes(value), `${english} -> ${shown}`);
  }
});

test("values move to where Chinese has them, and a value that is a message is translated too", () => {
  useMessages({ "{} of {} failed: {}": "{2} 个中有 {1} 个失败：{3}", "disk full": "磁盘已满" });
  assert.equal(translated("2 of 5 failed: disk full"), "5 个中有 2 个失败：磁盘已满");
});

test("messages one behind the other and lists are translated each, unknown ones stay", () => {
  useMessages({ "First.": "第一。", "The {} is here.": "{} 在此。", cut: "截断" });
  assert.equal(translated("First. The sea is here. Nobody knows this."), "第一。sea 在此。Nobody knows this.");
  assert.equal(translated("cut, other"), "截断，other");
  assert.equal(translated("<b>other</b>\nother"), "<b>other</b>\nother");
  assert.equal(translated("take 2: First."), "take 2: 第一。");
  assert.equal(translated("The sea is here.\nFirst."), "sea 在此。\n第一。");
  assert.equal(translated("The sea\nland is here."), "sea\nland 在此。");
});

test("a message made of clauses is translated with each of them, whatever marks stand between", () => {
  useMessages({
    "{} cannot be used: {}. {}": "{} 无法使用：{}。{}", "Correct the file.": "请改正该文件。", "{} is {}; {}": "{} 是 {}；{}",
    "expected {} or less": "应为 {} 或更小", "{} is missing": "缺少 {}", ", not for commercial use": "，不可商用",
    "{}; choose another, or install it with": "{}；请另选，或安装", "it needs {}": "需要 {}", kept: "保留", "sound track": "音轨",
  });
  assert.equal(translated("/a: b/c.yaml cannot be used: dim is 9; expected 8 or less. Correct the file."),
    "/a: b/c.yaml 无法使用：dim 是 9；应为 8 或更小。请改正该文件。");
  assert.equal(translated("x.ckpt cannot be used: model.dim is missing."), "x.ckpt cannot be used: model.dim is missing.");
  assert.equal(translated("CC-BY-NC-4.0, not for commercial use; MIT"), "CC-BY-NC-4.0，不可商用；MIT");
  assert.equal(translated("it needs MoviePy; choose another, or install it with: pip install moviepy"),
    "需要 MoviePy；请另选，或安装：pip install moviepy");
  assert.equal(translated("kept: sound track, subtitles"), "保留：音轨，subtitles");
});

test("of several ways to read a message the one that leaves no English is taken", () => {
  useMessages({ "{} lacks {}: {}": "{} 缺少 {}：{}", "{}: {} s are silent": "{}：{} 秒静音", "{}: the file is empty": "{}：文件是空的" });
  assert.equal(translated("a: the file is empty"), "a：文件是空的");
  assert.equal(translated("x lacks y: z: 3 s are silent"), "x 缺少 y：z：3 秒静音");
});

test("what is not counted as English: names, code, paths and single words", () => {
  assert.equal(englishIn("运行 `deepsound models download all of it` 或 a/long/path/name of.it"), 0);
  assert.equal(englishIn("stem, ext, seed, generator"), 0);
  assert.equal(englishIn("画面 is not there 了"), 3);
});

test("a text that fits in countless ways, or has no end, is answered at once", () => {
  useMessages({ "{}, {}, {}, {} and {}": "{}、{}、{}、{} 和 {}", "{} of {}": "{2} 的 {1}", "{}: {}; {}": "{}：{}；{}" });
  assert.equal(typeof translated("a, b; c: d of ".repeat(500)), "string");
  assert.equal(translated("x".repeat(1_000_000)), "x".repeat(1_000_000));
});

test("English pages fetch nothing, and a page without the catalogue stays English", async () => {
  useMessages({});
  let asked = 0;
  await loadMessages("en", () => { asked += 1; });
  assert.equal(asked, 0);
  await loadMessages("zh", () => { throw new Error("gone"); });
  assert.equal(translated("First."), "First.");
  await loadMessages("zh-TW", async () => ({ ok: true, json: async () => CATALOGUE }));
  assert.equal(translated("The images' alpha channel is ignored."), "图像的透明通道被忽略。");
});

test("the name of the final sound is in Chinese too", () => {
  useMessages(CATALOGUE);
  for (const source of ["coarse", "background", "regenerated", "removed", "mixed"]) {
    assert.doesNotMatch(translated(`final sound: ${source}`), /[A-Za-z]/, source);
    assert.ok(!translated(`voice-over yes, final sound: ${source}`).includes(source), source);
  }
});

test("the verdict of a video in the folder's table is in Chinese, not a bare yes or no", () => {
  useMessages(CATALOGUE);
  assert.equal(translated("voice-over yes, final sound: coarse"), "有画外音，最终声音：初始声音");
  for (const verdict of ["yes", "no", "undecided", "unknown"]) {
    assert.doesNotMatch(translated(`voice-over ${verdict}, final sound: removed`), /[A-Za-z]/, verdict);
  }
});
