import assert from "node:assert/strict";
import test from "node:test";
import { PreviewRetries } from "../../web/preview_retries.js";

const FILE = { filename: "a b.mp4", subfolder: "x", type: "output" };
const SHOWN = `http://page/api/view?${new URLSearchParams(FILE)}&rand=0.5`;
const video = (images = [FILE]) => ({ previewMediaType: "video", images });

// What the page does when it draws.
function draw(node, images) {
  node.images ??= images;
}

test("a video that was given up is asked for again, each time after twice as long, five times at most", () => {
  const [node, retries, images] = [video(), new PreviewRetries(), [FILE]];
  node.images = images;
  const asked = [];
  for (let now = 0; now < 2_000_000; now += 200) {
    if (retries.look(node, "", now)) asked.push(Math.round(now / 1000));
    draw(node, images);
  }
  assert.deepEqual(asked, [17, 51, 119, 255, 527]);
});

test("a video that is shown is left alone, one of an earlier run in its place is not", () => {
  const retries = new PreviewRetries();
  const [right, wrong] = [video(), video()];
  const old = SHOWN.replace("a+b", "old");
  for (const now of [0, 18_000]) assert.equal(retries.look(right, SHOWN, now), false);
  assert.deepEqual([0, 18_000].map((now) => retries.look(wrong, old, now)), [false, true]);
  assert.equal(right.images[0], FILE);
});

test("pictures, nodes without an output and a new output start nothing at once", () => {
  const retries = new PreviewRetries();
  const later = (node) => [0, 60_000].map((now) => retries.look(node, "", now));
  assert.deepEqual(later({ previewMediaType: "image", images: [FILE] }), [false, false]);
  assert.deepEqual(later({ previewMediaType: "video" }), [false, false]);
  const node = video();
  retries.look(node, "", 0);
  node.images = [{ ...FILE, filename: "b.mp4" }];
  assert.equal(retries.look(node, "", 60_000), false);
});
