import assert from "node:assert/strict";
import { test } from "node:test";

import { Player } from "../../web/compare_player.js";

class Medium {
  constructor() {
    Object.assign(this, { currentTime: 0, paused: true, ended: false, seeking: false, readyState: 4, plays: 0, src: "x",
      playbackRate: 1 });
  }

  play() {
    this.paused = this.ended = false;
    this.plays += 1;
    return Promise.resolve();
  }

  pause() { this.paused = true; }

  removeAttribute(name) { if (name === "src") this.src = null; }

  load() { this.loaded = this.src; }
}

function player(durations, total = Math.max(...durations)) {
  const clock = { now: 100 };
  const media = durations.map((duration) => ({ element: new Medium(), duration }));
  return { player: new Player(media, total, () => clock.now), elements: media.map(({ element }) => element), clock };
}

test("all media play at once and the first of the longest leads", () => {
  const { player: it, elements } = player([2, 4, 4]);
  it.play();
  assert.deepEqual(elements.map((element) => element.plays), [1, 1, 1]);
  elements[1].currentTime = 1.5;
  assert.equal(it.tick(), 1.5);
});

test("one that is a little out of step is hurried or held back until it is in step", () => {
  const { player: it, elements } = player([4, 4, 4]);
  it.play();
  for (const [index, time] of [1, 0.9, 1.1].entries()) elements[index].currentTime = time;
  it.tick();
  assert.deepEqual(elements.map((element) => element.currentTime), [1, 0.9, 1.1]);
  assert.deepEqual(elements.map((element) => element.playbackRate), [1, 1.06, 0.94]);
  for (const [index, time] of [2, 1.99, 2.01].entries()) elements[index].currentTime = time;
  it.tick();
  assert.deepEqual(elements.map((element) => element.playbackRate), [1, 1, 1]);
});

test("one that is far out of step jumps", () => {
  const { player: it, elements } = player([4, 4]);
  it.play();
  Object.assign(elements[0], { currentTime: 2 });
  it.tick();
  assert.deepEqual([elements[1].currentTime, elements[1].playbackRate], [2, 1]);
  Object.assign(elements[1], { currentTime: 0, seeking: true });
  it.tick();
  assert.equal(elements[1].currentTime, 0, "while it seeks it is left alone");
});

test("the one that is heard leads, at its own pace, and while it lasts", () => {
  const { player: it, elements, clock } = player([4, 2, 4]);
  elements[1].playbackRate = 1.06;
  it.prefer(elements[1]);
  it.play();
  for (const [index, time] of [1.1, 1, 1.1].entries()) elements[index].currentTime = time;
  assert.equal(it.tick(), 1);
  assert.deepEqual(elements.map((element) => element.playbackRate), [0.94, 1, 0.94]);
  elements[1].currentTime = 1.99;
  it.tick();
  clock.now += 0.1;
  elements[0].currentTime = 2.1;
  assert.equal(it.tick(), 2.1);
  it.seek(0.5);
  assert.equal(it.lead.element, elements[1]);
  it.prefer(null);
  assert.equal(it.lead.element, elements[0]);
});

test("a pause puts all at one place", () => {
  const { player: it, elements } = player([4, 4, 1]);
  it.play();
  for (const [index, time] of [2, 1.9, 1].entries()) elements[index].currentTime = time;
  it.tick();
  it.pause();
  assert.deepEqual(elements.map(({ currentTime, playbackRate }) => [currentTime, playbackRate]), [[2, 1], [2, 1], [1, 1]]);
});

test("one that a browser paused goes on, but not past its end", () => {
  const { player: it, elements } = player([4, 4, 1]);
  it.play();
  elements[0].currentTime = 2;
  for (const element of elements.slice(1)) element.paused = true;
  it.tick();
  assert.deepEqual(elements.map((element) => element.paused), [false, false, true]);
});

test("while the leader loads or seeks, time stands still", () => {
  const { player: it, elements, clock } = player([4]);
  it.play();
  elements[0].currentTime = 1;
  it.tick();
  Object.assign(elements[0], { readyState: 1, currentTime: 1.7 });
  clock.now += 5;
  assert.equal(it.tick(), 1);
  Object.assign(elements[0], { readyState: 4, seeking: true });
  assert.equal(it.tick(), 1);
  elements[0].seeking = false;
  assert.equal(it.tick(), 1.7);
});

test("past the leader's end the clock counts on to the end of the axis", () => {
  const { player: it, elements, clock } = player([1], 3);
  it.play();
  Object.assign(elements[0], { currentTime: 1, ended: true });
  it.seek(1);
  clock.now += 0.5;
  assert.equal(it.tick(), 1.5);
  clock.now += 9;
  assert.equal(it.tick(), 3);
  assert.equal(it.playing, false);
});

test("seeking moves all, each within its length, and what had ended plays again", () => {
  const { player: it, elements } = player([4, 1]);
  it.play();
  Object.assign(elements[1], { ended: true, paused: true });
  it.seek(3);
  assert.deepEqual(elements.map((element) => element.currentTime), [3, 1]);
  assert.equal(elements[1].paused, true);
  it.seek(0.5);
  assert.deepEqual([elements[1].currentTime, elements[1].paused], [0.5, false]);
  it.seek(-9);
  assert.equal(it.time, 0);
  it.seek(99);
  assert.equal(it.time, 4);
});

test("at the end it stops, or begins again, and playing from the end begins again", () => {
  const { player: it, elements } = player([2]);
  it.play();
  elements[0].currentTime = 1.99;
  it.tick();
  assert.deepEqual([it.playing, it.time, elements[0].paused], [false, 2, true]);
  it.play();
  assert.deepEqual([it.playing, elements[0].currentTime], [true, 0]);
  it.loop = true;
  elements[0].currentTime = 1.99;
  it.tick();
  assert.deepEqual([it.playing, elements[0].currentTime, it.time], [true, 0, 0]);
});

test("what cannot be played is left out, and another leads", () => {
  const { player: it, elements } = player([4, 3], 4);
  it.play();
  it.drop(elements[0]);
  elements[1].currentTime = 1;
  assert.equal(it.tick(), 1);
  it.drop(elements[1]);
  assert.equal(it.tick(), 1);
});

test("a refusal to play is no error", async () => {
  const { player: it, elements } = player([4]);
  elements[0].play = () => Promise.reject(new Error("not allowed"));
  it.play();
  await Promise.resolve();
  elements[0].play = () => undefined;
  it.play();
});

test("it lets go of every file", () => {
  const { player: it, elements } = player([4, 4]);
  it.play();
  it.dispose();
  for (const element of elements) assert.deepEqual([element.paused, element.src, element.loaded], [true, null, null]);
  it.seek(1);
  assert.equal(it.tick(), 1);
});
