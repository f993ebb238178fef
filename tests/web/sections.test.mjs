import assert from "node:assert/strict";
import { test } from "node:test";

import { badgeOf, sectionsOf } from "../../web/sections.js";

const WHOLE = "<SUMMARY> look </SUMMARY>\n<CAPTION> a dog </CAPTION>\n<REASONING> nobody </REASONING>\n"
  + "<CONCLUSION> B. No </CONCLUSION>";

test("the four sections of a finished text", () => {
  assert.deepEqual(sectionsOf(WHOLE).map(({ name, text, open }) => [name, text, open]), [
    ["SUMMARY", "look", false], ["CAPTION", "a dog", false], ["REASONING", "nobody", false],
    ["CONCLUSION", "B. No", false],
  ]);
});

test("every beginning of a text can be shown, and no tag is seen in it", () => {
  for (let length = 0; length <= WHOLE.length; length += 1) {
    for (const section of sectionsOf(WHOLE.slice(0, length))) {
      assert.doesNotMatch(section.text, /[<>]/, WHOLE.slice(0, length));
    }
  }
});

test("only the section being written is open", () => {
  const found = sectionsOf("<SUMMARY> look </SUMMARY><CAPTION> a do");
  assert.deepEqual(found.map(({ name, open }) => [name, open]), [["SUMMARY", false], ["CAPTION", true]]);
});

test("a section that was never closed ends where the next begins", () => {
  assert.deepEqual(sectionsOf("<SUMMARY> a <CAPTION> b </CAPTION>").map(({ text }) => text), ["a", "b"]);
});

test("text outside the sections is kept, under no name", () => {
  assert.deepEqual(sectionsOf("A. Yes"), [{ name: "", text: "A. Yes", open: false }]);
  assert.deepEqual(sectionsOf("less memory\n<SUMMARY> a </SUMMARY>").map(({ name, text }) => [name, text]),
    [["", "less memory"], ["SUMMARY", "a"]]);
  assert.deepEqual(sectionsOf(""), []);
});

test("markup and angle brackets of the writer stay text", () => {
  assert.equal(sectionsOf("<CAPTION> <b>1 < 2</b> </CAPTION>")[0].text, "<b>1 < 2</b>");
});

test("badges know three verdicts; what is none of them is undecided", () => {
  assert.deepEqual(badgeOf({ verdict: "yes" }), { kind: "yes", takenAs: null });
  assert.deepEqual(badgeOf({ verdict: "no", taken_as: "yes" }), { kind: "no", takenAs: null });
  assert.deepEqual(badgeOf({ verdict: "undecided", taken_as: "yes" }), { kind: "undecided", takenAs: "yes" });
  assert.deepEqual(badgeOf({ verdict: "__proto__" }), { kind: "undecided", takenAs: "no" });
});
