import assert from "node:assert/strict";
import { test } from "node:test";

import { audible, changedMix, newMix, volumes } from "../../web/compare_mix.js";

const after = (mix, ...actions) => actions.reduce(changedMix, mix);

test("the final sound is heard first, and a single one always", () => {
  assert.deepEqual(audible(newMix(3)), [false, true, false]);
  assert.deepEqual(audible(newMix(1)), [true]);
});

test("A and B are heard in turn, alone", () => {
  const mix = newMix(3);
  assert.deepEqual(audible(after(mix, { type: "switch" })), [true, false, false]);
  assert.deepEqual(audible(after(mix, { type: "switch" }, { type: "switch" })), [false, true, false]);
  assert.deepEqual(audible(after(mix, { type: "hear", track: 2 })), [false, false, true]);
  assert.deepEqual(audible(after(mix, { type: "hear", track: 2 }, { type: "switch" })), [true, false, false]);
});

test("hearing a muted track unmutes it, and it alone", () => {
  const muted = after(newMix(3), { type: "mute", track: 0 }, { type: "mute", track: 2 });
  const mix = after(muted, { type: "hear", track: 0 });
  assert.deepEqual(audible(mix), [true, false, false]);
  assert.deepEqual(mix.mute, [false, false, true]);
});

test("solo adds up, comes before the rest, and mute before all", () => {
  const both = after(newMix(3), { type: "solo", track: 2 });
  assert.deepEqual(audible(both), [false, true, true]);
  assert.deepEqual(audible(after(both, { type: "mute", track: 1 })), [false, false, true]);
  const noSolo = after(both, { type: "solo", track: 1 }, { type: "solo", track: 2 });
  assert.deepEqual(audible(noSolo), [true, true, true]);
  assert.deepEqual(audible(after(noSolo, { type: "mute", track: 0 })), [false, true, true]);
});

test("what asks for a track that is not there changes nothing", () => {
  const mix = newMix(2);
  assert.equal(changedMix(mix, { type: "hear", track: 2 }), mix);
  assert.equal(changedMix(mix, { type: "unknown" }), mix);
  assert.equal(changedMix(newMix(1), { type: "switch" }).solo.length, 1);
});

test("at equal loudness each plays as its file is, and those together share the room", () => {
  const mix = newMix(3);
  assert.deepEqual(volumes(mix, [3, 7, -5]), [0, 1, 0]);
  const three = after(mix, { type: "solo", track: 1 });
  for (const volume of volumes(three, [3, 7, -5])) assert.ok(Math.abs(volume - 1 / 3) < 1e-12);
});

test("as made, the gains are taken off again, and nothing exceeds full volume", () => {
  const made = after(newMix(2), { type: "equal" });
  const heardA = volumes(after(made, { type: "hear", track: 0 }), [6, -6])[0];
  const heardB = volumes(after(made, { type: "hear", track: 1 }), [6, -6])[1];
  assert.equal(heardB, 1);
  assert.ok(Math.abs(20 * Math.log10(heardA / heardB) + 12) < 1e-9);
  assert.ok(Math.abs(volumes(made, [0, 20])[1] - 0.1) < 1e-12);
});
