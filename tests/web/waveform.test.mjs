import assert from "node:assert/strict";
import { test } from "node:test";

import { barsOf, boxesOf, clock, drawWaveform, ticksOf } from "../../web/waveform.js";

test("one bar a column, the loudest sample of a column decides", () => {
  const bars = barsOf([0, 100, 50, 0], 2, 40);
  assert.deepEqual(bars, [{ x: 0, y: 0, width: 1, height: 40 }, { x: 1, y: 10, width: 1, height: 20 }]);
});

test("fewer peaks than columns are stretched, and silence leaves a line", () => {
  assert.deepEqual(barsOf([0, 100], 4, 10).map(({ height }) => height), [1, 1, 10, 10]);
  assert.deepEqual(barsOf([], 4, 10), []);
  assert.deepEqual(barsOf([50], 0, 10), []);
  assert.equal(barsOf([900], 1, 10)[0].height, 10);
});

test("spans are placed in time and cut at the sound's ends", () => {
  assert.deepEqual(boxesOf([[1, 2], [3.5, 9]], 4, 100), [{ x: 25, width: 25 }, { x: 87.5, width: 12.5 }]);
  assert.deepEqual(boxesOf([[1, 2]], 0, 100), []);
  assert.deepEqual(boxesOf([[5, 6]], 4, 100), []);
  assert.equal(boxesOf([[1, 1.001]], 100, 100)[0].width, 1, "a short span is still seen");
});

test("ticks are round and apart", () => {
  assert.deepEqual(ticksOf(8, 400), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual(ticksOf(8, 200), [0, 2, 4, 6, 8]);
  assert.deepEqual(ticksOf(0, 200), []);
  assert.deepEqual(ticksOf(1e6, 100), [0]);
  for (const duration of [0.3, 3, 61, 3599, 20000]) {
    const ticks = ticksOf(duration, 300);
    assert.ok(ticks.length >= 1 && ticks.length <= 7 && ticks.at(-1) <= duration, `${duration}: ${ticks}`);
  }
});

test("times read as a person would say them", () => {
  assert.deepEqual([0, 2.5, 59.96, 60, 75, 3725].map(clock), ["0 s", "2.5 s", "60 s", "1:00", "1:15", "1:02:05"]);
});

test("drawing marks voiced bars in their own colour", () => {
  const drawn = [];
  const context = { clearRect() {}, fillText: (text) => drawn.push(["text", text]),
    fillRect(x) { drawn.push([this.fillStyle, x]); } };
  drawWaveform(context, { peaks: [10, 20, 30, 40], spans: [[2, 4]], people: [1], duration: 4 }, 4, 30,
    { bar: "bar", voice: "voice", span: "span", people: "people", text: "text" });
  assert.deepEqual(drawn.filter(([kind]) => kind === "voice").map(([, x]) => x), [2, 3]);
  assert.equal(drawn.filter(([kind]) => kind === "people").length, 1);
});
