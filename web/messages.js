// Texts that the server sends in English, in the page's language: templates of messages with {} for each value. No DOM.
const MOST_KEPT = 2000;
const SHORT = 12;
const MARK = /\{(\d*)\}/g;
const NAMED = /^([\w *'-]{1,40}: |• )(.+)$/s;

let exact = new Map();
let rules = [];
let kept = new Map();

// `catalogue` is a table of an English template and its translation; a value's number says where it stands in English.
export function useMessages(catalogue) {
  const all = Object.entries(catalogue);
  exact = new Map(all.filter(([text]) => !text.includes("{}")));
  rules = all.filter(([text]) => text.includes("{}")).map(([text, words]) => ({
    words, size: text.replaceAll("{}", "").length,
    pattern: patternOf(text),
  })).sort((one, other) => other.size - one.size);
  kept = new Map();
}

// A short template that begins with a value must not take whole sentences for it.
function patternOf(text) {
  const [first, ...rest] = text.split("{}").map(escaped);
  const size = text.replaceAll("{}", "").length;
  const value = "([\\s\\S]*?)";
  return new RegExp(`^${first}${first || size >= SHORT ? value : "(\\S+)"}${rest.join(value)}$`);
}

// The catalogue of a language, which only pages in that language fetch.
export async function loadMessages(locale, read = fetch) {
  if (!String(locale ?? "").startsWith("zh")) return;
  try {
    const answer = await read(new URL("./messages_zh.json", import.meta.url));
    if (answer.ok) useMessages(await answer.json());
  } catch {
    // The texts stay English.
  }
}

// A text with every message in it that the catalogue knows; whatever it does not know stays as it is.
export function translated(text) {
  if (!rules.length || typeof text !== "string") return text;
  if (!kept.has(text)) {
    if (kept.size >= MOST_KEPT) kept.clear();
    const lines = text.split("\n").map(inLine).join("\n");
    kept.set(text, lines === text ? whole(text) ?? text : lines); // A value may have several lines.
  }
  return kept.get(text);
}

function whole(text) {
  if (exact.has(text)) return exact.get(text);
  for (const { pattern, words } of rules) {
    const found = pattern.exec(text);
    if (found) return filled(words, found.slice(1));
  }
  return null;
}

function filled(words, values) {
  let next = 0;
  return words.replace(MARK, (_, number) => valueOf(values[number ? number - 1 : next++] ?? ""))
    .replace(/([。；，])[。；，.;]+/g, "$1");
}

function valueOf(value) {
  const text = value.trim();
  return text ? whole(value) ?? whole(text) ?? inSentences(text) ?? inList(value) ?? value : value;
}

function inLine(line) {
  const found = whole(line) ?? inSentences(line) ?? inList(line);
  if (found !== null) return found;
  const [, before, rest] = NAMED.exec(line) ?? [];
  const after = rest && (whole(rest) ?? inSentences(rest));
  return after ? before + after : line;
}

// Several messages one behind the other; null where none is known.
function inSentences(text) {
  const parts = text.split(/(?<=[.!?]) (?=[A-Z`*])/);
  if (parts.length < 2) return null;
  const done = [];
  let isKnown = false;
  while (parts.length) {
    let count = parts.length;
    let words = null;
    for (; count; count--) {
      words = whole(parts.slice(0, count).join(" "));
      if (words !== null) break;
    }
    isKnown ||= words !== null;
    done.push(words ?? parts[0]);
    parts.splice(0, count || 1);
  }
  return isKnown ? done.join(" ") : null;
}

// Messages in a list; null where none is known.
function inList(text) {
  for (const mark of ["; ", ", "]) {
    const parts = text.split(mark);
    const words = parts.map((part) => whole(part) ?? part);
    if (parts.length > 1 && words.some((word, index) => word !== parts[index])) return words.join(mark);
  }
  return null;
}

function escaped(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
