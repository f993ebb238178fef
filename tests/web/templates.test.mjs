import assert from "node:assert/strict";
import { registerHooks } from "node:module";
import { test } from "node:test";

// ComfyUI's own module, which a page has, stands in as a list of what the server sent.
const served = { listed: {} };
globalThis.deepsoundTestApi = { getWorkflowTemplates: async () => served.listed };
const skip = registerHooks ? false : "this node has no module hooks";
registerHooks?.({
  resolve: (name, context, next) => name.endsWith("/scripts/api.js")
    ? { url: "data:text/javascript,export const api = globalThis.deepsoundTestApi;", shortCircuit: true }
    : next(name, context),
});

test("numbered templates come in the order of their numbers, and others as they are", { skip }, async () => {
  await import("../../web/templates.js");
  served.listed = { pack: ["02 b", "10 c", "01 a"], other: ["z", "a"], broken: null };
  assert.deepEqual(await globalThis.deepsoundTestApi.getWorkflowTemplates(),
    { pack: ["01 a", "02 b", "10 c"], other: ["z", "a"], broken: null });
});
