import assert from "node:assert/strict";
import test from "node:test";
import { Translations, labelOptions } from "../../web/option_labels.js";

const SPECS = { required: { mode: [["neg"], { labels: { neg: "generate again" } }], seed: ["INT", {}] } };

test("a menu shows plain words and keeps its value, another widget stays as it is", () => {
  const [mode, seed] = [{ name: "mode", value: "neg", options: {} }, { name: "seed", options: {} }];
  labelOptions([mode, seed], SPECS);
  assert.equal(mode.options.getOptionLabel("neg"), "generate again");
  assert.equal(mode.options.getOptionLabel("of a newer version"), "of a newer version");
  assert.equal(mode.options.getOptionLabel(null), "");
  assert.deepEqual([mode.value, seed.options], ["neg", {}]);
});

test("the page's language comes first, once it has arrived", async () => {
  const zh = { nodeDefs: { Node: { inputs: { mode: { options: { neg: "重新生成" } } } } } };
  const texts = new Translations({ fetchApi: async () => ({ ok: true, json: async () => ({ zh }) }) }, "zh");
  const mode = { name: "mode", options: {} };
  labelOptions([mode], SPECS, () => texts.inputsOf("Node"));
  assert.equal(mode.options.getOptionLabel("neg"), "generate again");
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(mode.options.getOptionLabel("neg"), "重新生成");
});

test("a server that does not answer leaves the English words", async () => {
  const texts = new Translations({ fetchApi: async () => { throw new Error("away"); } }, "zh");
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.deepEqual(texts.inputsOf("Node"), {});
});
