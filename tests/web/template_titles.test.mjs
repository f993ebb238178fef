// Titles in the pack's templates, in the page's language.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { titleTable, translateTitles } from "../../web/template_titles.js";

const TITLES = { "The plan": "计划", Save: "保存" };
const graph = (extra) => ({ extra, nodes: [{ title: "The plan" }, { title: "My own" }, {}], groups: [{ title: "Save" }] });
const titlesOf = ({ nodes, groups }) => [...nodes, ...groups].map((each) => each.title);

test("a template's titles are in the page's language, and back in English on another page", async () => {
  const opened = graph({ deepsound: { template: "offline_draft" } });
  await translateTitles(opened, "zh", async () => TITLES);
  assert.deepEqual(titlesOf(opened), ["计划", "My own", undefined, "保存"]);
  await translateTitles(opened, "fr", async () => TITLES);
  assert.deepEqual(titlesOf(opened), ["The plan", "My own", undefined, "Save"]);
});

test("other graphs are left alone, and nothing is fetched for them", async () => {
  for (const extra of [undefined, {}, { deepsound: "x" }]) {
    const opened = graph(extra);
    await translateTitles(opened, "zh", () => assert.fail("fetched"));
    assert.deepEqual(titlesOf(opened), ["The plan", "My own", undefined, "Save"]);
  }
});

test("a table that cannot be fetched leaves the titles as they are", async () => {
  const opened = graph({ deepsound: { template: "offline_draft" } });
  await translateTitles(opened, "zh", titleTable(async () => { throw new Error("gone"); }));
  await translateTitles(opened, "zh", titleTable(async () => ({ ok: false })));
  assert.deepEqual(titlesOf(opened), ["The plan", "My own", undefined, "Save"]);
});

test("no two English titles have the same Chinese, so that each finds its way back", () => {
  const table = JSON.parse(readFileSync(new URL("../../web/titles_zh.json", import.meta.url), "utf8"));
  assert.equal(new Set(Object.values(table)).size, Object.keys(table).length);
});
