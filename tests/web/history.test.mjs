import assert from "node:assert/strict";
import { test } from "node:test";

import { LastShown, Recall, executionIds, isNode, newestOutput, placeOf } from "../../web/history.js";

const WANTED = { workflow: "w", node: "3", type: "Judge" };

function entry(number, shown, { workflow = "w", type = "Judge" } = {}) {
  return {
    prompt: [number, "id", { 3: { class_type: type } }, { extra_pnginfo: { workflow: { id: workflow } } }, []],
    outputs: shown ? { 3: { deepsound: [shown] } } : {},
  };
}

test("the newest output counts, not the last in the list", () => {
  const history = { a: entry(1, "old"), b: entry(9, "new"), c: entry(5, "older"), d: entry(10, null) };
  assert.deepEqual(newestOutput(history, WANTED), { deepsound: ["new"] });
});

test("another workflow, another kind of node, and no history show nothing", () => {
  assert.equal(newestOutput({ a: entry(1, "x", { workflow: "other" }) }, WANTED), null);
  assert.equal(newestOutput({ a: entry(1, "x", { type: "Other" }) }, WANTED), null);
  assert.equal(newestOutput({ a: entry(1, "x") }, { ...WANTED, workflow: undefined }), null);
  assert.equal(newestOutput({ a: {} }, WANTED), null);
  assert.equal(newestOutput(undefined, WANTED), null);
});

test("what was shown last is kept for each workflow, and the oldest are forgotten", () => {
  const last = new LastShown(2);
  last.keep("w", 1, "a");
  last.keep("v", 1, "b");
  last.keep("w", 1, "c");
  assert.deepEqual([last.get("w", "1"), last.get("v", 1), last.get("w", 2)], ["c", "b", null]);
  last.keep("w", 2, "d");
  assert.equal(last.get("v", 1), null);
});

test("nodes inside a subgraph are told from those outside", () => {
  assert.ok(isNode("3", 3, false) && isNode("7:3", 3, true));
  assert.ok(!isNode("7:3", 3, false) && !isNode("3", 3, true) && !isNode("13", 3, false));
});

function recalled({ id = "w", kept = null, outputs = {}, history = {} } = {}) {
  const shown = [];
  let asked = 0;
  const recall = new Recall({
    app: { graph: { id }, nodeOutputs: outputs },
    api: { fetchApi: async () => (asked += 1, { ok: true, json: async () => history }) },
    isEmpty: (view) => !view.text,
    show: (node, view, output) => { view.text = output.text; shown.push([node.id, output.text]); },
  });
  const nodes = [{ id: 7, comfyClass: "A" }, { id: 8, comfyClass: "A" }];
  if (kept) recall.keep(nodes[0], kept);
  return { recall, views: new Map(nodes.map((node) => [node, { text: "" }])), shown, asked: () => asked };
}

const finished = (text) => ({ prompt: [1, "", { 8: { class_type: "A" } }, { extra_pnginfo: { workflow: { id: "w" } } }],
  outputs: { 8: { deepsound: [{ text }] } } });

test("a page just opened shows what it kept, what ComfyUI kept, and what is in its history", async () => {
  const { recall, views, shown } = recalled({ kept: { text: "kept" }, history: { p: finished("old") } });
  await recall.showAgain(views);
  assert.deepEqual(shown, [[7, "kept"], [8, "old"]]);
  await recall.showAgain(views);
  assert.equal(shown.length, 2);
});

test("the history is only asked for where something is missing", async () => {
  const outputs = { 7: { deepsound: [{ text: "a" }] }, 8: { deepsound: [{ text: "b" }] } };
  const { recall, views, shown, asked } = recalled({ outputs });
  await recall.showAgain(views);
  assert.deepEqual([shown.length, asked()], [2, 0]);
});

test("a node removed while the history was fetched is shown nothing", async () => {
  const node = { id: 3, comfyClass: "DeepSoundScore" };
  const views = new Map([[node, {}]]);
  const history = { a: { prompt: [1, "a", { 3: { class_type: "DeepSoundScore" } }, { extra_pnginfo: { workflow: { id: "w" } } }],
    outputs: { 3: { deepsound: [{ notes: [] }] } } } };
  const shown = [];
  const api = { fetchApi: async () => ({ ok: true, json: async () => { views.delete(node); return history; } }) };
  const recall = new Recall({ app: { graph: { id: "w" } }, api, isEmpty: () => true, show: () => shown.push(1) });
  await recall.showAgain(views);
  assert.deepEqual(shown, []);
});

test("the same workflow opened again gets its whole output again too", async () => {
  const replayed = [];
  const node = { id: 3, comfyClass: "DeepSoundMuxVideo" };
  const output = { images: [{}], deepsound: [{ note: "saved" }] };
  const recall = new Recall({ app: { graph: { id: "w" } }, api: {}, isEmpty: () => true, show: () => {},
    replay: (shown, given) => replayed.push(given) });
  recall.keep(node, { note: "saved", output });
  await recall.showAgain(new Map([[node, {}]]));
  assert.deepEqual(replayed, [output]);
});

test("what ComfyUI's own memory has is replayed too: a page that opens may forget it with the graph before", async () => {
  const replayed = [];
  const output = { images: [{}], deepsound: [{ note: "saved" }] };
  const recall = new Recall({ app: { graph: { id: "w" }, nodeOutputs: { 3: output } }, api: {}, isEmpty: () => true,
    show: () => {}, replay: (shown, given) => replayed.push(given) });
  await recall.showAgain(new Map([[{ id: 3, comfyClass: "DeepSoundMuxVideo" }, {}]]));
  assert.deepEqual(replayed, [output]);
});

test("a node in a subgraph is found in the history under every place of that subgraph", async () => {
  const inner = { id: "inner" };
  const root = { id: "w", nodes: [{ id: 5, subgraph: inner }, { id: 6, subgraph: { id: "other", nodes: [] } }, { id: 9 }] };
  inner.nodes = [{ id: 8, comfyClass: "A", graph: inner }];
  const [node] = inner.nodes;
  assert.deepEqual(executionIds(node, root), ["5:8"]);
  assert.deepEqual(executionIds({ id: 9, graph: root }, root), ["9"]);
  assert.equal(placeOf(node, root), "inner:8");
  const history = { p: { prompt: [1, "", { "5:8": { class_type: "A" } }, { extra_pnginfo: { workflow: { id: "w" } } }],
    outputs: { "5:8": { deepsound: [{ text: "within" }] } } } };
  const shown = [];
  const recall = new Recall({ app: { graph: root, nodeOutputs: {} }, isEmpty: () => true,
    api: { fetchApi: async () => ({ ok: true, json: async () => history }) },
    show: (given, view, output) => shown.push(output.text) });
  await recall.showAgain(new Map([[node, {}]]));
  assert.deepEqual(shown, ["within"]);
});
