import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import { factsOf } from "../../web/media_facts.js";

const bytes = (...parts) => Uint8Array.from(parts.flatMap((part) => [...part]));
const big = (value, length) => Array.from({ length }, (_, index) => Math.floor(value / 256 ** (length - 1 - index)) % 256);
const text = (word) => [...word].map((letter) => letter.charCodeAt(0));
const box = (type, ...content) => {
  const inner = bytes(...content);
  return bytes(big(inner.length + 8, 4), text(type), inner);
};

function reader(file, asked = []) {
  return async (start, length) => {
    asked.push([start, length]);
    const end = Math.min(start + length, file.length);
    return start >= end ? new DataView(new ArrayBuffer(0)) : new DataView(file.buffer, file.byteOffset + start, end - start);
  };
}

function track(kind, timescale, ...entries) {
  const header = box("mdhd", [0, 0, 0, 0], big(0, 8), big(timescale, 4), big(0, 8));
  const times = box("stts", big(0, 4), big(entries.length, 4), ...entries.flatMap(([count, ticks]) => [big(count, 4), big(ticks, 4)]));
  return box("trak", box("mdia", header, box("hdlr", big(0, 8), text(kind), big(0, 12)), box("minf", box("stbl", times))));
}

const ftyp = box("ftyp", text("isom"), big(0, 4));

test("an mp4 whose index lies at the end, after sound", async () => {
  const asked = [];
  const file = bytes(ftyp, box("mdat", new Array(5000).fill(7)),
    box("moov", track("soun", 48000, [100, 1024]), track("vide", 30000, [299, 1001], [1, 1001])));
  assert.deepEqual(await factsOf(reader(file, asked)), { fps: 30000 / 1001, duration: 300 * 1001 / 30000 });
  assert.ok(asked.reduce((sum, [, length]) => sum + length, 0) < 1000, "the pictures themselves are not fetched");
});

test("a varying rate is told as its mean", async () => {
  const file = bytes(ftyp, box("moov", track("vide", 1000, [10, 100], [10, 50])));
  assert.deepEqual(await factsOf(reader(file)), { fps: 20 / 1.5, duration: 1.5 });
});

test("a box with a long size", async () => {
  const wide = bytes(big(1, 4), text("mdat"), big(0, 4), big(16 + 9, 4), new Array(9).fill(0));
  const file = bytes(ftyp, wide, box("moov", track("vide", 25, [50, 1])));
  assert.deepEqual(await factsOf(reader(file)), { fps: 25, duration: 2 });
});

test("webm: lengths unknown and known, the picture's track among others", async () => {
  const element = (id, content) => bytes(id, [0x08, 0, 0, 0].slice(0, 0), [0x80 | content.length], content);
  const long = (id, content) => bytes(id, [0x40 | (content.length >> 8), content.length & 255], content);
  const float = new Uint8Array(8);
  new DataView(float.buffer).setFloat64(0, 2500);
  const info = element([0x15, 0x49, 0xa9, 0x66], bytes(element([0x2a, 0xd7, 0xb1], big(1e6, 3)), element([0x44, 0x89], float)));
  const sound = element([0xae], bytes(element([0x83], [2]), element([0x23, 0xe3, 0x83], big(2e7, 4))));
  const picture = element([0xae], bytes(element([0x83], [1]), element([0x23, 0xe3, 0x83], big(4e7, 4))));
  const tracks = long([0x16, 0x54, 0xae, 0x6b], bytes(sound, picture));
  const unknown = [0x01, 255, 255, 255, 255, 255, 255, 255];
  const file = bytes(element([0x1a, 0x45, 0xdf, 0xa3], [0x42, 0x86, 0x81, 1]), [0x18, 0x53, 0x80, 0x67], unknown, info, tracks);
  assert.deepEqual(await factsOf(reader(file)), { fps: 25, duration: 2.5 });
});

test("what is no video, or broken anywhere, tells nothing and ends", async () => {
  const whole = bytes(ftyp, box("moov", track("vide", 25, [50, 1])));
  for (const file of [bytes([]), bytes(text("hello world, no video")), bytes(ftyp), bytes(ftyp, [0, 0, 0, 1]),
    bytes(ftyp, [0, 0, 0, 4], text("moov"), new Array(40).fill(0)), bytes([0x1a, 0x45, 0xdf, 0xa3], new Array(30).fill(0))]) {
    assert.deepEqual(await factsOf(reader(file)), {});
  }
  for (let length = 0; length < whole.length; length += 1) {
    const facts = await factsOf(reader(whole.slice(0, length))).catch((error) => {
      assert.ok(error instanceof RangeError);
      return {};
    });
    assert.ok(facts.fps === undefined || facts.fps === 25);
  }
});

test("the pack's own examples", async () => {
  const folder = new URL("../../demo/", import.meta.url);
  for (const name of readdirSync(folder).filter((file) => file.endsWith(".mp4"))) {
    const facts = await factsOf(reader(new Uint8Array(readFileSync(new URL(name, folder)))));
    assert.ok(facts.fps >= 10 && facts.fps <= 60 && facts.duration > 1, `${name}: ${JSON.stringify(facts)}`);
  }
});
