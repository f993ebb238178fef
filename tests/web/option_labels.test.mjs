import assert from "node:assert/strict";
import test from "node:test";
import { Translations, labelOptions, labelTextFields, undoPlainLabels } from "../../web/option_labels.js";

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
  const zh = { nodeDefs: { Node: { inputs: { mode: { options: { neg: "重新生成" } },
    engine: { options: { auto: "自动" } } } } } };
  const texts = new Translations({ fetchApi: async () => ({ ok: true, json: async () => ({ zh }) }) }, "zh");
  const mode = { name: "mode", options: {} };
  labelOptions([mode], SPECS, () => texts.inputsOf("Node"));
  assert.equal(mode.options.getOptionLabel("neg"), "generate again");
  await texts.arrived;
  assert.equal(mode.options.getOptionLabel("neg"), "重新生成");
  const [engine, file] = [{ name: "engine", options: {} }, { name: "file", options: {} }];
  labelOptions([engine, file], SPECS, () => texts.inputsOf("Node"));
  assert.equal(engine.options.getOptionLabel("auto"), "自动", "a menu of names, in which this is a word");
  assert.equal(engine.options.getOptionLabel("draft"), "draft");
  assert.equal(file.options.getOptionLabel, undefined);
});

test("a server that does not answer leaves the English words", async () => {
  const texts = new Translations({ fetchApi: async () => { throw new Error("away"); } }, "zh");
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.deepEqual(texts.inputsOf("Node"), {});
});

test("an empty text field shows its input's name in the page's language, words of its own stay", () => {
  const fields = ["prompt", "Words…", undefined].map((placeholder) => ({ name: "prompt", element: { placeholder } }));
  labelTextFields([...fields, { name: "seed" }], { prompt: { name: "提示词" }, seed: { name: "种子" } });
  labelTextFields(fields, undefined);
  assert.deepEqual(fields.map(({ element }) => element.placeholder), ["提示词", "Words…", undefined]);
});

test("names that another extension put over ComfyUI's translations give way to them, a user's own stay", () => {
  const slot = (name, localized_name, more = {}) => ({ name, localized_name, ...more });
  const node = {
    inputs: [slot("video", "视频"), slot("seed", "种子", { widget: { name: "seed" } }), slot("extra", undefined),
      slot("audio", "音频", { label: "my sound" })],
    outputs: [slot("FINAL", "最终声音")],
    widgets: [{ name: "seed", label: "种子" }, { name: "deepsound_note" }],
  };
  // What AIGODLIKE's translation does to nodes that its tables lack.
  const putNames = () => [node.inputs, node.outputs, node.widgets].flat()
    .filter((item) => item.label !== "my sound").forEach((item) => { item.label = item.name; });
  putNames();
  undoPlainLabels(node);
  const shown = (item) => item.label || item.localized_name || item.name;
  assert.deepEqual(node.inputs.map(shown), ["视频", "种子", "extra", "my sound"]);
  assert.deepEqual(node.outputs.map(shown), ["最终声音"]);
  assert.equal(node.widgets[0].label, "种子");
  assert.equal("label" in JSON.parse(JSON.stringify(node.inputs[0])), false, "a saved workflow has no language");
  undoPlainLabels({});
});
