import assert from "node:assert/strict";
import { test } from "node:test";

import { described, longSound, moved, placeOf, seconds, spanOf } from "../../web/timespan.js";

test("the numbers of the node as a stretch of the video", () => {
  assert.deepEqual(spanOf(0, 0, 8), { start: 0, end: 8, fits: true });
  assert.deepEqual(spanOf(2, 3, 8), { start: 2, end: 5, fits: true });
  assert.deepEqual(spanOf(7, 3, 8), { start: 7, end: 8, fits: false });
  assert.deepEqual(spanOf(9, 0, 8), { start: 8, end: 8, fits: false });
});

test("the handles write the numbers", () => {
  const span = { start: 2, end: 5 };
  assert.deepEqual(moved(span, "start", 3.014, 8), { start: 3.01, duration: 1.99 });
  assert.deepEqual(moved(span, "end", 6, 8), { start: 2, duration: 4 });
  assert.deepEqual(moved(span, "both", 4, 8), { start: 4, duration: 3 });
});

test("the right end means to the end, whatever the length is", () => {
  assert.deepEqual(moved({ start: 2, end: 5 }, "end", 99, 8.0417), { start: 2, duration: 0 });
  assert.deepEqual(moved({ start: 2, end: 5 }, "both", 99, 8), { start: 5, duration: 0 });
});

test("handles never cross nor leave the video", () => {
  assert.deepEqual(moved({ start: 2, end: 5 }, "start", 99, 8), { start: 4.95, duration: 0.05 });
  assert.deepEqual(moved({ start: 2, end: 5 }, "end", -1, 8), { start: 2, duration: 0.05 });
  assert.deepEqual(moved({ start: 2, end: 5 }, "start", -1, 8), { start: 0, duration: 5 });
  assert.deepEqual(moved({ start: 0, end: 0.01 }, "start", 1, 0.01), { start: 0, duration: 0 });
});

test("numbers go to handles and back unchanged", () => {
  for (const [start, duration] of [[0, 0], [1.25, 3.5], [0, 7.99], [7.94, 0.05], [3, 0]]) {
    const span = spanOf(start, duration, 8);
    assert.deepEqual(moved(span, "both", span.start, 8), { start, duration });
  }
});

test("a video is described by what is known of it", () => {
  assert.equal(described({ width: 1920, height: 1080, fps: 30000 / 1001, duration: 8.04 }),
    "1920 × 1080 · 29.97 fps · 8.04 s");
  assert.equal(described({ duration: 75.5 }), "1:15.50");
  assert.equal(described({}), "");
  assert.equal(seconds(3), "3.00 s");
  assert.equal(seconds(7141), "1:59:01.00");
});

test("menu entries as the page asks for them", () => {
  assert.deepEqual(placeOf("a.mp4"), { filename: "a.mp4", subfolder: "", type: "input" });
  assert.deepEqual(placeOf("x/y/a b.mp4 [output]"), { filename: "a b.mp4", subfolder: "x/y", type: "output" });
  assert.deepEqual(placeOf("odd [name].mp4"), { filename: "odd [name].mp4", subfolder: "", type: "input" });
});

test("a long part says what its sound takes, and a short one nothing", () => {
  assert.equal(longSound(7200), "2.8");
  assert.equal(longSound(600), "");
});
