import assert from "node:assert/strict";
import { test } from "node:test";

import { readComparison, readPeaks, viewQuery } from "../../web/compare_payload.js";

const peaks = Buffer.from(Int8Array.from([-127, 127, -64, 0])).toString("base64");
const track = (changed = {}) => ({ name: "coarse", title: "Coarse audio", duration_s: 2, sample_rate: 48000, channels: 2,
  lufs: -20.5, true_peak_dbtp: -3, gain_db: 2.5, matched: true, audio: "deepsound_1.flac",
  spectrogram: "deepsound_2.png", peaks, ...changed });
const comparison = (changed = {}) => ({ version: 1, duration_s: 2, tracks: [track()], spans_s: [[0.5, 1]], notes: [],
  video: { file: "deepsound_3.mp4", width: 640, height: 360, duration_s: 2, fps: 25 }, ...changed });

test("what the node describes is read", () => {
  const read = readComparison(comparison({ notes: ["a note"] }));
  assert.equal(read.duration, 2);
  assert.deepEqual(read.video, { file: "deepsound_3.mp4", duration: 2, width: 640, height: 360 });
  assert.deepEqual(read.spans, [[0.5, 1]]);
  assert.deepEqual(read.notes, ["a note"]);
  const [first] = read.tracks;
  assert.deepEqual([first.name, first.gain, first.lufs, first.silent, first.matched], ["coarse", 2.5, -20.5, false, true]);
  assert.deepEqual(first.peaks, [[-1, 1], [-64 / 127, 0]]);
});

test("silence, no video and no sound are comparisons too", () => {
  const silent = track({ lufs: null, true_peak_dbtp: null, audio: null, spectrogram: null, peaks: "", duration_s: 0 });
  const read = readComparison(comparison({ tracks: [track(), silent], video: null, spans_s: undefined }));
  assert.equal(read.video, null);
  assert.deepEqual(read.spans, []);
  assert.deepEqual([read.tracks[1].silent, read.tracks[1].audio, read.tracks[1].peaks], [true, null, []]);
});

test("anything else is refused, with a reason", () => {
  const wrong = [null, [], "x", comparison({ version: 2 }), comparison({ duration_s: 0 }),
    comparison({ duration_s: Infinity }), comparison({ tracks: [] }), comparison({ tracks: Array(9).fill(track()) }),
    comparison({ tracks: [track({ gain_db: null })] }), comparison({ tracks: [track({ peaks: "AA==" })] }),
    comparison({ tracks: [track({ peaks: "A".repeat(99_999) })] }), comparison({ spans_s: [[2, 1]] }),
    comparison({ spans_s: "soon" }), comparison({ video: { file: "a.mp4" } })];
  for (const given of wrong) assert.throws(() => readComparison(given), Error);
});

test("a file name is only ever one of this pack's", () => {
  for (const audio of ["../a.flac", "/etc/passwd", "a/b.flac", "a\\b", "", "a b", "javascript:alert(1)", "<img>", 7,
    "x".repeat(256)]) {
    assert.throws(() => readComparison(comparison({ tracks: [track({ audio })] })), /file name/);
  }
  assert.equal(viewQuery("a&b=c.png"), "/view?filename=a%26b%3Dc.png&subfolder=&type=temp");
});

test("peaks are pairs of signed bytes", () => {
  assert.deepEqual(readPeaks(""), []);
  assert.deepEqual(readPeaks(Buffer.from([0x81, 0x7f]).toString("base64")), [[-1, 1]]);
  assert.throws(() => readPeaks(Buffer.from([1]).toString("base64")), /pairs/);
});
