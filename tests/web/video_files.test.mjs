import assert from "node:assert/strict";
import { File } from "node:buffer";
import test from "node:test";
import { ACCEPTED, asVideo, asWebm, openMatroska, takeEveryVideo } from "../../web/video_files.js";

globalThis.File ??= File;
const file = (name, type = "") => new File(["x"], name, { type, lastModified: 7 });
const told = ({ name, type, lastModified }) => [name, type, lastModified];

test("a video without a type gets one by its name, and nothing else does", () => {
  assert.deepEqual(told(asVideo(file("A b.MTS"))), ["A b.MTS", "video/mp2t", 7]);
  assert.deepEqual(told(asVideo(file("a.ts", "text/vnd.trolltech.linguist"))), ["a.ts", "video/mp2t", 7]);
  for (const kept of [file("a.mkv", "video/matroska"), file("a.txt"), file("mkv"), file("a.wav", "audio/wav")]) {
    assert.equal(asVideo(kept), kept);
  }
  assert.ok([".mkv", ".mov", ".mts", "video/*"].every((kind) => ACCEPTED.split(",").includes(kind)));
});

test("a Matroska file is opened as a webm, with whatever else the page gives on", () => {
  const opened = [];
  const app = { handleFile(given, how) {
    opened.push([this === app, ...told(given), how]);
  } };
  openMatroska(app);
  app.handleFile(file("a.mkv", "video/x-matroska"), "file_drop");
  app.handleFile(file("a.webm"));
  app.handleFile(file("a.mp4", "video/mp4"));
  assert.deepEqual(opened, [[true, "a.mkv", "video/webm", 7, "file_drop"], [true, "a.webm", "video/webm", 7, undefined],
    [true, "a.mp4", "video/mp4", 7, undefined]]);
  const same = file("a.webm", "video/webm");
  assert.equal(asWebm(same), same);
  openMatroska({});
});

test("an upload button opens a chooser of every kind of video, and the next file's type is put right", () => {
  const listeners = [];
  class Input {
    type = "file";
    accept = "video/mp4";
    addEventListener(kind, listener, options) {
      listeners.push([kind, listener, options.capture]);
    }
    click() {
      this.clicked = (this.clicked ?? 0) + 1;
    }
  }
  globalThis.HTMLInputElement = Input;
  const { click } = Input.prototype;
  const input = new Input();
  const button = { callback: () => input.click() };
  takeEveryVideo({}, button, (files) => ({ files }));
  button.callback();
  button.callback();
  assert.deepEqual([input.accept, input.clicked, listeners.length, listeners[0][2]], [ACCEPTED, 2, 1, true]);
  assert.equal(Input.prototype.click, click);
  input.files = [file("a.mkv")];
  listeners[0][1]();
  assert.deepEqual(input.files.map(told), [["a.mkv", "video/x-matroska", 7]]);
  delete globalThis.HTMLInputElement;
});
