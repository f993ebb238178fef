import assert from "node:assert/strict";
import { test } from "node:test";

import { LANGUAGES, weightsTexts } from "../../web/weights_texts.js";
import { enginesOf, hasEngine, licenceText, lineText, missingSize, roomText, sizeOf, stateOf, summaryText }
  from "../../web/weights_rows.js";

const texts = weightsTexts("en");
const MIT = { name: "MIT", commercial: null, note: "" };
const entry = (more) => ({ id: "a/b", what: "", engines: [], bytes: 2e9, is_exact: true, licence: MIT, is_present: false,
  path: "/m/a", origin: "", problem: "", job: null, ...more });
const list = (...weights) => ({ weights, engines: [], folder: "/models", free_bytes: 5e9 });

test("every language has every text of the weights dialog", () => {
  for (const language of LANGUAGES) {
    assert.deepEqual(Object.keys(weightsTexts(language)), Object.keys(texts));
    for (const [name, text] of Object.entries(texts)) {
      const marks = (given) => (given.match(/\{\w*\}/g) ?? []).sort();
      assert.deepEqual(marks(weightsTexts(language)[name]), marks(text), name);
    }
  }
});

test("a node's engines are those of its menus, each once", () => {
  const widgets = [{ name: "generator", value: "draft" }, { name: "reasoner", value: "rules" }, { name: "seed", value: 7 },
    { name: "separator", value: "rules" }];
  assert.deepEqual(enginesOf("DeepSoundPipeline", widgets), ["draft", "rules"]);
  assert.deepEqual(enginesOf("DeepSoundFoleyCrafterGenerate", []), ["foleycrafter"]);
  assert.ok(hasEngine("DeepSoundPipeline", widgets) && !hasEngine("DeepSoundMuxVideo", [{ name: "codec" }]));
});

test("sizes that nobody states are said to be so", () => {
  assert.equal(sizeOf(entry({}), texts), "2.0 GB");
  assert.equal(sizeOf(entry({ is_exact: false, bytes: 97e6 }), texts), "about 97 MB");
  assert.equal(sizeOf(entry({ bytes: null }), texts), "size not stated");
  assert.equal(missingSize(list(entry({}), entry({ bytes: null })), texts), "at least 2.0 GB");
  assert.equal(missingSize(list(entry({ is_present: true })), texts), "");
});

test("the line says what is missing, and the summary where it goes and what is free", () => {
  assert.equal(lineText(list(entry({}), entry({ is_present: true })), texts), "Weights missing: 2.0 GB");
  assert.equal(lineText(list(entry({ is_present: true })), texts), "Weights: all here");
  assert.equal(lineText(list(), texts), "Needs no weights.");
  assert.equal(summaryText(list(entry({}), entry({ is_present: true })), texts),
    "1 of 2 here · 2.0 GB to download · 5.0 GB free in /models");
});

test("a disk that is too small is said before the download", () => {
  assert.equal(roomText(list(entry({ bytes: 6e9 })), texts), "The disk has not enough room: 6.0 GB needed, 5.0 GB free.");
  assert.equal(roomText(list(entry({})), texts), "");
});

test("a licence says whether commercial use is excluded, and a missing one that none is stated", () => {
  assert.equal(licenceText({ name: "CC-BY-NC-4.0", commercial: false, note: "" }, texts),
    "CC-BY-NC-4.0 · not for commercial use");
  assert.equal(licenceText({ name: "not stated", commercial: null, note: "" }, texts), "no licence is stated");
});

test("a row says how far its job is, and why it failed or stopped", () => {
  const job = (state, more = {}) => entry({ job: { kind: "download", state, fraction: 0.434, message: "", ...more } });
  assert.deepEqual(stateOf(job("running"), texts), { state: "active", text: "downloading 43 %" });
  assert.deepEqual(stateOf(job("failed", { message: "no room" }), texts), { state: "failed", text: "Failed: no room" });
  assert.equal(stateOf(job("cancelled"), texts).text, "Stopped at 43 %. Download goes on from there.");
  assert.equal(stateOf(entry({ is_present: true }), texts).state, "here");
});
