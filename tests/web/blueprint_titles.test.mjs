import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import test from "node:test";
import { BlueprintTitles, DESCRIPTIONS, NAMES, inChinese } from "../../web/blueprint_titles.js";

const FOLDER = new URL("../../subgraphs/", import.meta.url);
const TABLE = JSON.parse(readFileSync(new URL("../../web/titles_zh.json", import.meta.url), "utf8"));
const STEP = "DeepSound, step 1, generate";
const CHINESE = /[\u4e00-\u9fff]/;

function page(language) {
  const hooks = [];
  const listed = [{ display_name: STEP }, { display_name: "Somebody's own", search_aliases: ["own"] }];
  const store = { subgraphBlueprints: listed, $onAction: (hook) => hooks.push(hook) };
  const app = { extensionManager: { _p: { _s: new Map([["subgraph", store]]) } } };
  return { listed, hooks, titles: new BlueprintTitles(app, () => language, async () => TABLE) };
}

test("every blueprint has a Chinese name and description, and so has each node and socket of it", () => {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));
  assert.deepEqual(files.map((name) => name.slice(0, -5)).sort(), Object.keys(NAMES).sort());
  assert.deepEqual(Object.keys(DESCRIPTIONS), Object.keys(NAMES));
  assert.equal(new Set(Object.values(NAMES)).size, files.length);
  for (const file of files) {
    const graph = JSON.parse(readFileSync(new URL(encodeURI(file), FOLDER), "utf8"));
    inChinese(graph, TABLE);
    const [inner] = graph.definitions.subgraphs;
    const sockets = [inner, graph.nodes[0]].flatMap(({ inputs, outputs }) => [...inputs, ...outputs]);
    const shown = [graph.nodes[0].title, inner.name, ...inner.nodes.map((node) => node.title),
      ...sockets.map((socket) => socket.label ?? socket.name)];
    assert.ok(shown.every((title) => CHINESE.test(title)), `${file}: ${shown}`);
  }
});

test("the library's names are in Chinese on a Chinese page alone, and are still found by the English ones", () => {
  const [chinese, french] = [page("zh"), page("fr")];
  for (const { titles } of [chinese, chinese, french]) titles.look();
  assert.deepEqual(chinese.listed, [
    { display_name: NAMES[STEP], description: DESCRIPTIONS[STEP], search_aliases: [STEP] },
    { display_name: "Somebody's own", search_aliases: ["own"] }]);
  assert.equal(french.listed[0].display_name, STEP);
  assert.deepEqual([chinese.hooks.length, french.hooks.length], [1, 0]);
});

test("a blueprint that is taken from the library has Chinese titles; somebody else's keeps its own", async () => {
  const { titles, hooks } = page("zh");
  titles.look();
  await titles.titles();
  const taken = (title) => {
    const graph = { nodes: [{ title, type: "x" }], definitions: { subgraphs: [{ id: "x", name: title,
      nodes: [{ title: "Step 1: generate" }, {}] }] } };
    hooks[0]({ name: "getBlueprint", after: (change) => change(graph) });
    hooks[0]({ name: "editBlueprint", after: () => assert.fail("another action") });
    return [graph.nodes[0].title, graph.definitions.subgraphs[0].name, graph.definitions.subgraphs[0].nodes[0].title];
  };
  assert.deepEqual(taken(STEP), [NAMES[STEP], NAMES[STEP], "第 1 步：生成"]);
  assert.deepEqual(taken("Mine"), ["Mine", "Mine", "Step 1: generate"]);
});

test("a front end without such a store is left alone", () => {
  for (const app of [{}, { extensionManager: { _p: { _s: new Map() } } }]) {
    new BlueprintTitles(app, () => "zh", async () => TABLE).look();
  }
});
