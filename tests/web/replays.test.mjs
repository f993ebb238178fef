import assert from "node:assert/strict";
import test from "node:test";
import { Replays } from "../../web/replays.js";

const OUTPUT = { images: [{ filename: "a.mp4", subfolder: "", type: "output" }] };

function page(isThere) {
  const sent = [];
  const app = { nodeOutputs: {} };
  const api = { fetchApi: async () => ({ ok: isThere }), dispatchEvent: ({ detail }) => {
    sent.push(detail.node);
    app.nodeOutputs[detail.node] = detail.output;
  } };
  return { app, sent, replays: new Replays(app, api, ({ graph }) => Boolean(graph)) };
}

test("an output that the page forgot while it loaded is sent again, and only then", async () => {
  const { app, sent, replays } = page(true);
  await replays.add({ id: 3, graph: {} }, OUTPUT);
  replays.send();
  app.nodeOutputs = {};
  replays.send();
  replays.send();
  assert.deepEqual(sent, ["3", "3"]);
});

test("a node that was removed while the history was fetched is left alone", async () => {
  const { sent, replays } = page(true);
  await replays.add({ id: 3, graph: null }, OUTPUT);
  replays.send();
  assert.deepEqual([sent, replays.waiting.size], [[], 0]);
});

test("a file that was deleted since is not shown, and no output without a file is", async () => {
  const { sent, replays } = page(false);
  await replays.add({ id: 3, graph: {} }, OUTPUT);
  await replays.add({ id: 4, graph: {} }, {});
  replays.send();
  assert.deepEqual(sent, []);
});
