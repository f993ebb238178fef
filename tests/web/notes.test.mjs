// Notes and errors on nodes: how tall they are, and what of a run's output they show.
import assert from "node:assert/strict";
import test from "node:test";
import { heightOf } from "../../web/banners.js";
import { textOf } from "../../web/node_notes.js";

test("a message takes a line for every line it wraps to, and no more than seven", () => {
  assert.equal(heightOf("short", 400), 47);
  assert.equal(heightOf("one\ntwo\nthree", 400), 81);
  assert.equal(heightOf("x".repeat(100), 400), 64);
  assert.equal(heightOf("\n".repeat(100), 400), heightOf("x".repeat(5000), 400));
});

test("notes are lines of text; anything else is none", () => {
  assert.equal(textOf({ notes: ["draft used: metal", "<b>no markup</b>"] }), "• draft used: metal\n• <b>no markup</b>");
  for (const output of [undefined, null, {}, { notes: "text" }, { notes: [] }]) assert.equal(textOf(output), "");
  assert.equal(textOf({ notes: Array(100).fill("x") }).split("\n").length, 20);
});
