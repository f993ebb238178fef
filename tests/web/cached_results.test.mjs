import assert from "node:assert/strict";
import { test } from "node:test";

import { CachedResults, Signatures, sameOutput } from "../../web/cached_results.js";

// A loader, a judge of its sound, and what saves it; `first` is the loader's id.
function graph(first, file = "a.mp4", engine = "rules") {
  const [load, judge, save] = [first, first + 1, first + 2].map(String);
  return { [load]: { class_type: "Load", inputs: { file, crop: [1, 2] } },
    [judge]: { class_type: "Judge", inputs: { engine, video: [load, 0], audio: [load, 1] } },
    [save]: { class_type: "Save", inputs: { audio: [judge, 0] } } };
}

const entry = (number, prompt, outputs) => ({ prompt: [number, "", prompt, {}, []], outputs });
const shows = (text) => ({ deepsound: [{ text }] });

test("a node is the same under another id, and another one where anything before it differs", () => {
  const signatures = new Signatures();
  const judge = signatures.of(graph(1), "2");
  assert.equal(signatures.of(graph(7), "8"), judge);
  assert.notEqual(signatures.of(graph(1, "b.mp4"), "2"), judge);
  assert.notEqual(signatures.of(graph(1, "a.mp4", "other"), "2"), judge);
  const swapped = graph(1);
  [swapped[2].inputs.video, swapped[2].inputs.audio] = [["1", 1], ["1", 0]];
  assert.notEqual(signatures.of(swapped, "2"), judge);
});

test("a graph with a loop, or a link to nothing, has an end", () => {
  const signatures = new Signatures();
  const loop = { 1: { class_type: "A", inputs: { a: ["2", 0] } }, 2: { class_type: "A", inputs: { a: ["1", 0] } } };
  assert.equal(typeof signatures.of(loop, "1"), "number");
  assert.equal(typeof signatures.of({ 1: { class_type: "A", inputs: { a: ["9", 0] } } }, "1"), "number");
});

test("the newest output of the same inputs is found in whatever workflow it was made", () => {
  const history = { a: entry(1, graph(1), { 2: shows("old") }), b: entry(4, graph(20), { 21: shows("new") }),
    c: entry(5, graph(1, "b.mp4"), { 2: shows("of another video") }), d: entry(6, graph(7), { 9: shows("a save") }) };
  assert.deepEqual(sameOutput(history, graph(7), "8"), shows("new"));
  assert.equal(sameOutput(history, graph(7, "c.mp4"), "8"), null);
  assert.equal(sameOutput(undefined, graph(7), "8"), null);
});

function page(history, shown = {}) {
  const api = new EventTarget();
  const [sent, asked] = [[], []];
  const late = new Set();
  api.fetchApi = async (path) => {
    asked.push(path);
    const [, id] = /^\/history\/(\w+)$/.exec(path) ?? [];
    // In the history only a moment later.
    const found = id && !late.has(id) ? (late.add(id), {}) : id ? { [id]: history[id] } : history;
    return { ok: true, json: async () => found };
  };
  const nodes = new Set([7, 8, 9].map((id) => ({ id })));
  const waits = [];
  const results = new CachedResults({ app: { graph: { id: "w" } }, api, nodes, isEmpty: (node) => !shown[node.id],
    wait: async (time) => waits.push(time) });
  api.addEventListener("executed", ({ detail }) => {
    shown[detail.node] = detail.output.deepsound[0].text;
    sent.push([detail.node, shown[detail.node]]);
  });
  results.listen();
  const run = async (id, cached) => {
    const send = (kind, detail) => api.dispatchEvent(new CustomEvent(kind, { detail: { prompt_id: id, ...detail } }));
    send("execution_cached", { nodes: cached });
    send("execution_success", {});
    await new Promise((done) => setTimeout(done, 5));
  };
  return { run, sent, asked };
}

test("a copied node whose result comes from the cache shows what the node it was copied from showed", async () => {
  const history = { a: entry(1, graph(1), { 1: shows("loaded"), 2: shows("judged"), 3: shows("saved") }),
    p: entry(2, graph(7), { 9: shows("saved again") }) };
  const { run, sent, asked } = page(history, { 9: "saved again" });
  await run("p", ["7", "8"]);
  assert.deepEqual(sent, [["7", "loaded"], ["8", "judged"]]);
  assert.deepEqual(asked, ["/history/p", "/history/p", "/history?max_items=32"]);
});

test("inputs set back to those of an earlier run show that run's result, not the last one", async () => {
  const history = { a: entry(1, graph(7), { 8: shows("of rules") }) };
  const shown = { 7: "loaded", 8: "of rules", 9: "saved" };
  const { run, sent } = page(history, shown);
  await run("a", []);
  history.b = entry(2, graph(7, "a.mp4", "other"), { 8: shows("of other") });
  shown[8] = "of other";
  await run("b", ["7"]);
  history.c = entry(3, graph(7), {});
  await run("c", ["7", "8"]);
  assert.deepEqual(sent, [["8", "of rules"]]);
});

test("a run whose nodes show their results asks for itself alone, and one without cached nodes sent for nothing", async () => {
  const { run, sent, asked } = page({ p: entry(1, graph(7), {}) }, { 7: "a", 8: "b", 9: "c" });
  await run("p", ["7", "8"]);
  assert.deepEqual([sent, asked], [[], ["/history/p", "/history/p"]]);
});
