// Workflows of 0.3.0 keep their values where inputs were added.
import assert from "node:assert/strict";
import test from "node:test";
import { withAddedInputs, withoutSaving } from "../../web/saved_values.js";

test("the upload button's value is not taken for the added track", () => {
  assert.deepEqual(withAddedInputs(["a.mp4", 1, 2, "image"]), ["a.mp4", 1, 2, 0, "keep", "image"]);
});

test("values of today, and what is no list, stay what they are", () => {
  const values = ["a.mp4", 1, 2, 3, "mono", "image"];
  assert.deepEqual(withAddedInputs(values), values);
  for (const other of [undefined, null, {}, [], ["a.mp4", 1, 2, 0]]) assert.deepEqual(withAddedInputs(other), other);
});

test("a Pipeline saved before it could save videos saves none, and every later one is left alone", () => {
  const former = ["auto", "auto", "auto", "s4", "neg", "", "", 42, "fixed", 0];
  assert.deepEqual(withoutSaving(former), [...former, false, false]);
  assert.deepEqual(withoutSaving([...former, true]), [...former, true, false]);
  const later = [...former, false, true, "DeepSound/video"];
  assert.equal(withoutSaving(later), later);
});
