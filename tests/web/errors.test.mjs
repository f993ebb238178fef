import assert from "node:assert/strict";
import { test } from "node:test";

import { actionsOf, messagesOf, serverText, translateExecutionErrors } from "../../web/errors.js";
import { useMessages } from "../../web/messages.js";

test("a node's own refusal is shown as its sentence, once", () => {
  const refusal = (input) => ({ type: "custom_validation_failed", message: "Custom validation failed for node",
    details: `${input} - The video is not there.`, extra_info: { input_name: input } });
  const found = messagesOf({ 4: { errors: [refusal("file"), refusal("start")], class_type: "DeepSoundLoadVideo" } });
  assert.deepEqual([...found], [["4", "The video is not there."]]);
});

test("the server's own refusals keep both their parts", () => {
  const found = messagesOf({ "7:2": { errors: [
    { type: "value_smaller_than_min", message: "Value -1 smaller than min of 0", details: "start", extra_info: {} },
    { type: "required_input_missing", message: "Required input is missing", details: "video" }] } });
  assert.equal(found.get("7:2"), "Value -1 smaller than min of 0: start\nRequired input is missing: video");
});

test("no errors, no messages", () => {
  assert.equal(messagesOf(null).size, 0);
  assert.equal(messagesOf({ 1: { errors: [] }, 2: {} }).size, 0);
});

const kinds = (text, type) => actionsOf(text, type).map((action) => action.kind);

test("missing weights offer the weights dialog, and every text can be copied", () => {
  assert.deepEqual(kinds("anything", "deepsound.weights.missing.MissingWeightsError"), ["weights", "copy"]);
  assert.deepEqual(kinds("The weights a/b (a network) are not on this machine (1 GB)."), ["weights", "copy"]);
  assert.deepEqual(kinds("The start is past the end."), ["copy"]);
});

test("a deleted or unreadable input offers another file, a missing package its command", () => {
  assert.deepEqual(kinds("The video 'a.mp4' is not in ComfyUI's input folder; upload it on this node or choose another one "
    + "from the list."), ["choose", "copy"]);
  for (const text of ["/in/a.m4a holds sound but no video; give a video file.",
    "/in/a.mp4 is empty (0 bytes); it was perhaps not fully downloaded, get it again."]) {
    assert.deepEqual(kinds(text), ["choose", "copy"]);
  }
  const found = actionsOf("This needs MoviePy; install it: pip install moviepy>=2, or leave it off.");
  assert.deepEqual(found[0], { kind: "command", text: "pip install moviepy>=2" });
});

test("the page's dialog gets an error of this pack's nodes in the page's language, and its buttons the server's text", () => {
  useMessages({ "{} does not exist; check the path.": "{} 不存在；请检查路径。" });
  const api = new EventTarget();
  const shown = [];
  translateExecutionErrors(api);
  api.addEventListener("execution_error", ({ detail }) => shown.push([detail.exception_message, serverText(detail)]));
  const english = "a.mp4 does not exist; check the path.";
  const sent = [{ node_type: "DeepSoundLoadVideo" }, { node_type: "LoadVideo" }, { node_type: "DeepSoundLoadVideo", frozen: true }];
  for (const { frozen, ...detail } of sent) {
    detail.exception_message = english;
    api.dispatchEvent(Object.assign(new Event("execution_error"), { detail: frozen ? Object.freeze(detail) : detail }));
  }
  api.dispatchEvent(Object.assign(new Event("execution_error"), { detail: { node_type: "DeepSoundLoadVideo" } }));
  useMessages({});
  assert.deepEqual(shown.slice(0, 3), [["a.mp4 不存在；请检查路径。", english], [english, english], [english, english]]);
});
