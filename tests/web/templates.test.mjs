import assert from "node:assert/strict";
import { test } from "node:test";

import { inOrder } from "../../web/template_order.js";

test("numbered templates come in the order of their numbers, and others as they are", () => {
  assert.deepEqual(inOrder({ pack: ["02 b", "10 c", "01 a"], other: ["z", "a"], broken: null }),
    { pack: ["01 a", "02 b", "10 c"], other: ["z", "a"], broken: null });
  assert.deepEqual(inOrder(null), {});
});
