import assert from "node:assert/strict";
import test from "node:test";
import { meterRows } from "../../web/meter_rows.js";
import { textsOf } from "../../web/texts.js";

test("a meter shows loudness and peak, silence shows neither", () => {
  const [mix, master] = meterRows([{ name: "mix", lufs: null, true_peak_dbtp: null },
    { name: "master", lufs: -24, true_peak_dbtp: -1.04 }], "", textsOf("en"));
  assert.deepEqual(mix, { title: "mix", share: 0, loudness: "–", peak: "–", isResult: false });
  assert.deepEqual(master, { title: "result", share: 0.5, loudness: "-24.0 LUFS", peak: "-1.0 dBTP", isResult: true });
});

test("what is no list of meters gives no rows, and a bar never leaves its frame", () => {
  for (const wrong of [undefined, null, "x", {}]) assert.deepEqual(meterRows(wrong, "", textsOf("en")), []);
  assert.equal(meterRows([{ name: "master", lufs: 9 }], "", textsOf("zh"))[0].share, 1);
  assert.equal(meterRows([null], "2 ", textsOf("en"))[0].title, "2 ");
});
