import assert from "node:assert/strict";
import { test } from "node:test";

import * as compare from "../../web/compare_texts.js";
import * as progress from "../../web/status_text.js";
import { LANGUAGES, textsOf } from "../../web/texts.js";
import * as weights from "../../web/weights_texts.js";

test("every language says everything, and others read English", () => {
  for (const language of LANGUAGES) {
    assert.deepEqual(Object.keys(textsOf(language)), Object.keys(textsOf("en")));
    assert.equal(textsOf(language).language, language);
    for (const [name, text] of Object.entries(textsOf(language))) {
      assert.equal(text.split("{}").length, textsOf("en")[name].split("{}").length, `${language}: ${name}`);
      assert.ok(text.trim(), `${language}: ${name}`);
    }
  }
  assert.equal(textsOf("zh-TW"), textsOf("zh"));
  assert.equal(textsOf("it"), textsOf("en"));
  assert.equal(textsOf(undefined), textsOf("en"));
});

test("no table of texts lacks a language that another has", () => {
  assert.deepEqual([...LANGUAGES].sort(), ["de", "en", "es", "fr", "ja", "ko", "ru", "zh"]);
  for (const table of [compare, weights]) assert.deepEqual(table.LANGUAGES, LANGUAGES);
  assert.deepEqual(["en", ...progress.LANGUAGES], LANGUAGES);
});

test("no sentence of a panel is left in English", () => {
  for (const textsIn of [textsOf, compare.compareTexts, weights.weightsTexts]) {
    const sentences = Object.entries(textsIn("en")).filter(([, text]) => /[a-z] [a-z]/.test(text));
    for (const language of LANGUAGES.filter((other) => other !== "en")) {
      assert.deepEqual(sentences.filter(([name, text]) => textsIn(language)[name] === text), [], language);
    }
  }
});

test("every language has every word of the progress line", () => {
  const names = (words) => [...Object.keys(words), ...Object.keys(words.stages).sort()];
  for (const language of progress.LANGUAGES) {
    assert.deepEqual(names(progress.progressWords(language)), names(progress.progressWords("zh")), language);
  }
});
