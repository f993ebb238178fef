import assert from "node:assert/strict";
import { test } from "node:test";

import { readTakes, starred } from "../../web/best_take_rows.js";

test("takes are read with those figures that there are", () => {
  const file = { filename: "deepsound_0a1b.wav", subfolder: "", type: "temp" };
  const [take] = readTakes({ takes: [{ lufs: -20.04, voice_rate: 0, sync: 1, desync_s: 0.4, ib: null, best: true, file }] });
  assert.equal(take.figures, "LUFS -20.0 · sync 1.00 · DeSync 0.40 s");
  assert.deepEqual([take.number, take.best, take.chosen, take.voice], [1, true, false, 0]);
  assert.deepEqual(take.place, file);
});

test("an output without a ranking shows nothing", () => {
  for (const nothing of [null, undefined, {}, { takes: [] }, { takes: "x" }]) assert.equal(readTakes(nothing), null);
});

test("only the pack's own temporary files are played", () => {
  for (const filename of ["../x.wav", "deepsound_a.wav/../../b", "other.wav", "", null]) {
    assert.equal(readTakes({ takes: [{ file: { filename, type: "output" } }] })[0].place, null);
  }
  assert.equal(readTakes({ takes: [null] })[0].place, null);
});

test("a star chooses its take and a second click leaves it to the ranking", () => {
  assert.equal(starred(0, 3), 3);
  assert.equal(starred(3, 3), 0);
  assert.equal(starred("2", 3), 3);
});

test("no more than 64 takes are shown", () => {
  assert.equal(readTakes({ takes: Array(100).fill({}) }).length, 64);
});
