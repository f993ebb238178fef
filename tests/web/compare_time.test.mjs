import assert from "node:assert/strict";
import { test } from "node:test";

import { LANGUAGES, compareTexts } from "../../web/compare_texts.js";
import { columnsOf, shareOf, timeAt, timecode } from "../../web/compare_time.js";

test("pixels and times are one another's, within the axis", () => {
  assert.equal(timeAt(50, 200, 8), 2);
  assert.equal(timeAt(-5, 200, 8), 0);
  assert.equal(timeAt(500, 200, 8), 8);
  assert.equal(timeAt(5, 0, 8), 0);
  assert.equal(shareOf(timeAt(77, 200, 8), 8) * 200, 77);
  assert.deepEqual([shareOf(9, 8), shareOf(-1, 8), shareOf(1, 0)], [1, 0, 0]);
});

test("times are written to a tenth, and round over", () => {
  assert.equal(timecode(0), "0:00.0");
  assert.equal(timecode(7.26), "0:07.3");
  assert.equal(timecode(59.96), "1:00.0");
  assert.equal(timecode(3727.31), "1:02:07.3");
  assert.equal(timecode(-1), "0:00.0");
});

test("every pixel column shows the extremes of its peaks", () => {
  const peaks = [[-0.1, 0.1], [-0.9, 0.2], [-0.2, 0.8], [0, 0]];
  assert.deepEqual(columnsOf(peaks, 2), [[-0.9, 0.2], [-0.2, 0.8]]);
  assert.deepEqual(columnsOf(peaks, 1), [[-0.9, 0.8]]);
  assert.equal(columnsOf(peaks, 9).length, 9);
  assert.deepEqual(columnsOf([], 9), []);
  assert.deepEqual(columnsOf(peaks, 0), []);
});

test("every language says everything", () => {
  const [first, ...others] = LANGUAGES.map(compareTexts);
  for (const other of others) assert.deepEqual(Object.keys(other), Object.keys(first));
  assert.equal(compareTexts("zh-TW"), compareTexts("zh"));
  assert.equal(compareTexts(undefined), compareTexts("en"));
});
