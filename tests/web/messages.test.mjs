// Messages of the server on a Chinese page.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { loadMessages, translated, useMessages } from "../../web/messages.js";

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
  assert.equal(translated("First. The sea is here. Nobody knows this."), "第一。 sea 在此。 Nobody knows this.");
  assert.equal(translated("cut, other"), "截断, other");
  assert.equal(translated("<b>other</b>\nother"), "<b>other</b>\nother");
  assert.equal(translated("take 2: First."), "take 2: 第一。");
  assert.equal(translated("The sea is here.\nFirst."), "sea 在此。\n第一。");
  assert.equal(translated("The sea\nland is here."), "sea\nland 在此。");
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
