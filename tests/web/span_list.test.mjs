import assert from "node:assert/strict";
import { test } from "node:test";
import { added, changedAt, moved, parseSpans, removed, spansOf, writeSpans } from "../../web/span_list.js";

const span = (start, end, more = {}) => ({ start, end, verdict: "yes", action: "", why: "", prompt: "", ...more });

test("both forms of a span list are read, in order of time", () => {
  assert.deepEqual(parseSpans("5-6: rain, 1.2-3.4"), [span(1.2, 3.4), span(5, 6, { prompt: "rain" })]);
  assert.deepEqual(parseSpans('[{"start_s": 1, "end_s": 2, "verdict": "no", "action": "keep", "why": "seen"}]'),
    [span(1, 2, { verdict: "no", action: "keep", why: "seen" })]);
  assert.deepEqual(parseSpans('{"segments": [[1, 2]]}'), [span(1, 2)]);
});

test("dashes, commas and colons of a Chinese keyboard are read", () => {
  assert.deepEqual(parseSpans("5\uff5e6\u79d2\uff1a\u96e8\uff0c\u98ce\uff0c1.2\u20133.4"),
    [span(1.2, 3.4), span(5, 6, { prompt: "\u96e8\uff0c\u98ce" })]);
});

test("an empty text leaves the spans to the run, an empty list is one of none", () => {
  assert.equal(parseSpans("  "), null);
  assert.deepEqual(parseSpans("[]"), []);
});

test("what is no span list is none", () => {
  for (const text of ["rain", "3-1", "-1-2", "1-", "[1", '"x"', "[[2, 1]]", '[{"start_s": 0}]', "[null]", "1-2, rain",
    '[{"start_s": 0, "end_s": 1, "verdict": "perhaps"}]', '[{"start_s": 0, "end_s": 1e999}]']) {
    assert.equal(parseSpans(text), undefined, text);
  }
});

test("a list is written as it can be read again", () => {
  for (const spans of [[span(1.2, 3.4)], [], [span(1, 2, { prompt: "rain" }), span(3, 4)],
    [span(1, 2, { prompt: "rain, wind" })], [span(1, 2, { verdict: "no", why: "a \"speaker\" is seen" })],
    [span(1, 2, { action: "mask" })]]) {
    assert.deepEqual(parseSpans(writeSpans(spans)), spans);
  }
  assert.equal(writeSpans([span(1.2, 3.4), span(5, 6, { prompt: "rain" })]), "1.2-3.4, 5-6: rain");
});

test("of a run's segments the measured actions are left to the next run, kept ones stay", () => {
  const shown = [{ start_s: 1, end_s: 2, verdict: "yes", action: "neg", why: "heard", silence_ratio: 0.95, prompt: "" },
    { start_s: 3, end_s: 4, verdict: "no", action: "keep", why: "seen", silence_ratio: null, prompt: "" }];
  assert.deepEqual(spansOf(shown), [span(1, 2, { why: "heard" }),
    span(3, 4, { verdict: "no", action: "keep", why: "seen" })]);
  assert.deepEqual(spansOf(null), []);
});

test("a new span stays in its gap and is no shorter than a twentieth of a second", () => {
  const spans = [span(1, 2), span(4, 5)];
  assert.deepEqual(added(spans, 2.5, 4.5, 10)[1], span(2.5, 4));
  assert.deepEqual(added(spans, 3, 0.5, 10)[1], span(2, 3));
  assert.deepEqual(added(spans, 9, 12, 10)[2], span(9, 10));
  assert.equal(added(spans, 3, 3.01, 10), spans);
  assert.equal(added(spans, 1.5, 1.9, 10), spans);
});

test("a span is moved and resized between its neighbours and the sound's ends", () => {
  const spans = [span(1, 2), span(4, 5), span(8, 9)];
  assert.deepEqual(moved(spans, 1, "both", 6.12345, 10)[1], span(6.123, 7.123));
  assert.deepEqual(moved(spans, 1, "both", 7.9, 10)[1], span(7, 8));
  assert.deepEqual(moved(spans, 1, "both", -3, 10)[1], span(2, 3));
  assert.deepEqual(moved(spans, 0, "start", -1, 10)[0], span(0, 2));
  assert.deepEqual(moved(spans, 1, "start", 4.99, 10)[1], span(4.95, 5));
  assert.deepEqual(moved(spans, 2, "end", 99, 10)[2], span(8, 10));
  assert.deepEqual(moved(spans, 1, "end", 3, 10)[1], span(4, 4.05));
  assert.deepEqual(spans[1], span(4, 5), "the list that was given is unchanged");
});

test("one span is changed or taken away", () => {
  const spans = [span(1, 2), span(4, 5)];
  assert.deepEqual(changedAt(spans, 1, { action: "mask" })[1], span(4, 5, { action: "mask" }));
  assert.deepEqual(removed(spans, 0), [span(4, 5)]);
});
