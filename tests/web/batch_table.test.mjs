import assert from "node:assert/strict";
import { test } from "node:test";

import { clipRows } from "../../web/batch_table.js";

test("a folder's videos are rows with a mark, and what is none gives no rows", () => {
  assert.deepEqual(clipRows([{ name: "a.mp4", status: "failed", text: "no video" }, { name: "b.mp4", status: "done" }]), [
    { mark: "✗", name: "a.mp4", text: "no video", isFailed: true },
    { mark: "✓", name: "b.mp4", text: "", isFailed: false },
  ]);
  for (const wrong of [null, undefined, {}, "a"]) assert.deepEqual(clipRows(wrong), []);
  assert.deepEqual(clipRows([null]), [{ mark: "", name: "", text: "", isFailed: false }]);
  assert.equal(clipRows(Array(900).fill({})).length, 500);
});
