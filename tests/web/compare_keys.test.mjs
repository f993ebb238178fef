import assert from "node:assert/strict";
import { test } from "node:test";

import { actionOf } from "../../web/compare_keys.js";

const key = (name, more = {}) => actionOf({ key: name, code: "", ctrlKey: false, metaKey: false, altKey: false,
  shiftKey: false, ...more });

test("letters hear one track, in either case", () => {
  assert.deepEqual(key("a"), { type: "hear", track: 0 });
  assert.deepEqual(key("B", { shiftKey: true }), { type: "hear", track: 1 });
  assert.deepEqual(key("c"), { type: "hear", track: 2 });
  assert.deepEqual(key("x"), { type: "switch" });
});

test("digits mute, with shift they solo, whatever the layout writes", () => {
  assert.deepEqual(key("1", { code: "Digit1" }), { type: "mute", track: 0 });
  assert.deepEqual(key("!", { code: "Digit1", shiftKey: true }), { type: "solo", track: 0 });
  assert.deepEqual(key("&", { code: "Digit1" }), { type: "mute", track: 0 });
  assert.deepEqual(key("3"), { type: "mute", track: 2 });
});

test("space, arrows and ends move", () => {
  assert.deepEqual(key(" "), { type: "play" });
  assert.deepEqual(key("ArrowLeft"), { type: "step", seconds: -1 });
  assert.deepEqual(key("ArrowRight", { shiftKey: true }), { type: "step", seconds: 0.1 });
  assert.deepEqual(key("Home"), { type: "seek", share: 0 });
  assert.deepEqual(key("End"), { type: "seek", share: 1 });
  assert.deepEqual([key("e").type, key("l").type, key("Escape").type], ["equal", "loop", "leave"]);
});

test("all other keys are the page's, and so are those with a modifier", () => {
  for (const name of ["Delete", "Enter", "Tab", "q", "0", "ArrowUp", "F5", "Dead", ""]) assert.equal(key(name), null);
  for (const modifier of ["ctrlKey", "metaKey", "altKey"]) assert.equal(key("c", { [modifier]: true }), null);
});
