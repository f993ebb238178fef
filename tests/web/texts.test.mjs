import assert from "node:assert/strict";
import { test } from "node:test";

import { LANGUAGES, textsOf } from "../../web/texts.js";

test("every language says everything, and others read English", () => {
  for (const language of LANGUAGES) {
    assert.deepEqual(Object.keys(textsOf(language)), Object.keys(textsOf("en")));
    assert.ok(Object.values(textsOf(language)).every((text) => text.trim()));
  }
  assert.equal(textsOf("zh-TW"), textsOf("zh"));
  assert.equal(textsOf("fr"), textsOf("en"));
  assert.equal(textsOf(undefined), textsOf("en"));
});
