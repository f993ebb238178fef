import assert from "node:assert/strict";
import { test } from "node:test";
import { shownOf } from "../../web/takes.js";

test("one take is shown as it is, and nothing as nothing", () => {
  assert.equal(shownOf(undefined), null);
  assert.equal(shownOf({ deepsound: [] }), null);
  assert.deepEqual(shownOf({ deepsound: [{ verdict: "yes" }] }), { verdict: "yes" });
});

test("several takes come with every entry, each note once, and all saved files", () => {
  const shown = shownOf({ deepsound: [{ verdict: "no", notes: ["a"], note: "1.mp4" },
    { verdict: "yes", notes: ["a", "b"], note: "2.mp4" }] });
  assert.equal(shown.verdict, "no");
  assert.deepEqual(shown.takes.map((take) => take.verdict), ["no", "yes"]);
  assert.deepEqual(shown.notes, ["a", "b"]);
  assert.equal(shown.note, "1.mp4\n\n2.mp4");
});
