import assert from "node:assert/strict";
import { test } from "node:test";

import { addEntries } from "../../web/node_menu.js";

test("a menu that another pack ended with a line gets no second one", () => {
  const after = (options) => {
    addEntries(options, [{ content: "DeepSound: save as…" }]);
    return options.map((entry) => entry?.content ?? entry);
  };
  assert.deepEqual(after([{ content: "Add UE broadcasting" }, null]), ["Add UE broadcasting", null, "DeepSound: save as…"]);
  assert.deepEqual(after([{ content: "Bypass" }]), ["Bypass", null, "DeepSound: save as…"]);
  assert.deepEqual(after([]), ["DeepSound: save as…"]);
  const unchanged = [{ content: "Bypass" }];
  addEntries(unchanged, []);
  assert.equal(unchanged.length, 1);
});
