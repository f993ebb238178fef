import assert from "node:assert/strict";
import { test } from "node:test";

import { playersOf } from "../../web/player_rows.js";

const player = { name: "audio", audio: "deepsound_1.flac", duration: 2, peaks: [1, 2] };

test("the sounds of every take are listed", () => {
  assert.deepEqual(playersOf({ players: [player] }), [player]);
  assert.equal(playersOf({ players: [player], takes: [{ players: [player] }, { players: [player] }] }).length, 2);
});

test("what is no sound of this pack is left out", () => {
  for (const broken of [{ ...player, audio: "../a.flac" }, { ...player, duration: 0 }, null, { ...player, audio: 7 }]) {
    assert.deepEqual(playersOf({ players: [broken] }), []);
  }
  assert.deepEqual(playersOf(null), []);
  assert.deepEqual(playersOf({ players: "x" }), []);
});
