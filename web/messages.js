// Texts that the server sends in English, in the page's language: templates of messages with {} for each value. No DOM.
const MOST_KEPT = 2000;
const LONGEST = 8000; // Longer lines are data.
const MOST_PARTS = 40;
const MOST_WORK = 8000; // For one text, in messages that are looked for; longer ones count for several.
const SHORT = 12;
const MARK = /\{(\d*)\}/g;
const NAMED = /^([\w *'-]{1,40}: |• )(.+)$/s;
const CODE = /`[^`]*`|"[^"]*"|'[^']*'|-m pip install [^。；，]*|\S*[/\\_=]\S*/g;
const WORD = /[A-Za-z]{2,}/g;
const WORDS = /[A-Za-z][\w'’-]*(?: [A-Za-z][\w'’-]*){2,}/g;
// How messages are joined, the outermost first; `chinese` stands between them in a translation.
const LEVELS = [{ mark: " ", chinese: "", boundary: /(?<=[.!?:]) (?=\S)/ }, { mark: "; ", chinese: "；", boundary: /; / },
  { mark: ", ", chinese: "，", boundary: /, / }];

let exact = new Map();
let rules = [];
let kept = new Map();
let found = new Map();
let workLeft = 0;

// `catalogue` is a table of an English template and its translation; a value's number says where it stands in English.
export function useMessages(catalogue) {
  const all = Object.entries(catalogue).flatMap(([text, words]) => [[text, words], ...withoutComma(text, words)]);
  exact = new Map(all.filter(([text]) => !text.includes("{}")));
  rules = all.filter(([text]) => text.includes("{}")).map(([text, words]) => ruleOf(text, words))
    .sort((one, other) => other.size - one.size);
  kept = new Map();
}

// A clause that is put behind another one may also stand alone, in a list or as a sentence.
function withoutComma(text, words) {
  const [mark] = /^,? /.exec(text) ?? [];
  const isShort = text.includes("{}") && text.replaceAll("{}", "").length < SHORT;
  return mark && !isShort ? [[text.slice(mark.length), words.replace(/^[， ]/, "")]] : [];
}

// A short template that begins with a value must not take sentences for it that the catalogue does not know.
function ruleOf(text, words) {
  const literals = text.split("{}");
  const size = literals.join("").length;
  return { words, literals, size, isOneWord: !literals[0] && size < SHORT };
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
    found = new Map();
    workLeft = MOST_WORK;
    const lines = text.split("\n").map(inLine).join("\n");
    kept.set(text, lines === text ? whole(text) ?? text : lines); // A value may have several lines.
  }
  return kept.get(text);
}

// How many words of a text are English, where three or more of them are in a row; names and code are not counted.
export function englishIn(text) {
  const runs = text.replace(CODE, " ` ").match(WORDS) ?? [];
  return runs.reduce((sum, run) => sum + run.split(" ").length, 0);
}

// The translation of a message that the catalogue has, the one that leaves the least in English; null for others.
function whole(text) {
  if (exact.has(text)) return exact.get(text);
  if (!found.has(text)) {
    if (text.length > LONGEST || !mayWork(1 + text.length / 100)) return null;
    found.set(text, null);
    found.set(text, best(candidates(text)));
  }
  return found.get(text);
}

function* candidates(text) {
  const isWhole = isBalanced(text);
  for (const { words, literals, isOneWord } of rules) {
    for (const values of splits(text, literals)) {
      if (!mayWork(1)) return;
      if (isWhole && !values.every(isBalanced)) continue;
      if (!isOneWord || mayBegin(values[0])) yield filled(words, values);
    }
  }
}

function mayWork(amount) {
  workLeft -= amount;
  return workLeft >= 0;
}

function mayBegin(value) {
  return value !== "" && (!/\s/.test(value) || whole(value) !== null);
}

// Every way to find the literals in a text one behind the other: the texts between them, the shortest first.
function* splits(text, literals) {
  const [first, ...rest] = literals;
  if (!text.startsWith(first) || !text.endsWith(rest.at(-1)) || literals.some((each) => !text.includes(each))) return;
  yield* valuesFrom(text, rest, first.length);
}

function* valuesFrom(text, [literal, ...rest], start) {
  const end = text.length - literal.length;
  if (!rest.length) {
    if (end >= start) yield [text.slice(start, end)];
    return;
  }
  for (let at = text.indexOf(literal, start); at >= 0 && at <= end; at = text.indexOf(literal, at + 1)) {
    for (const values of valuesFrom(text, rest, at + literal.length)) yield [text.slice(start, at), ...values];
    if (at === end || !mayWork(1)) return;
  }
}

function best(texts) {
  let chosen = null;
  let least = Infinity;
  for (const text of texts) {
    if (text === null) continue;
    const cost = costOf(text);
    if (cost >= least) continue;
    [chosen, least] = [text, cost];
    if (!cost) break;
  }
  return chosen;
}

// A sentence in English counts more than any number of names.
function costOf(text) {
  return 100 * englishIn(text) + (text.replace(CODE, " ` ").match(WORD)?.length ?? 0);
}

function filled(words, values) {
  let next = 0;
  return words.replace(MARK, (_, number) => valueOf(values[number ? number - 1 : next++] ?? ""))
    .replace(/([。；，])[。；，.;]+/g, "$1").replace(/([\u4e00-\u9fff。；，：）]) (?=[\u4e00-\u9fff（])/g, "$1");
}

function valueOf(value) {
  const text = value.trim();
  if (!text || workLeft < 0) return value;
  if (text === ".") return "。";
  return inText(value) ?? whole(text) ?? value;
}

function inLine(line) {
  const [, before, rest] = NAMED.exec(line) ?? [];
  const after = rest ? inText(rest) : null;
  return best([inText(line), after === null ? null : before + after]) ?? line;
}

// A message, or several: one behind the other, or in a list; null where none is known.
function inText(text) {
  return best([inBrackets(text), whole(text), ...LEVELS.map((_, level) => inParts(text, level))]);
}

// A name or message with another one in brackets behind it; null where neither is known.
function inBrackets(text) {
  const at = lastBracket(text);
  if (at < 1 || workLeft < 0) return null;
  const [before, inside] = [text.slice(0, at), text.slice(at + 2, -1)];
  const [outer, inner] = [whole(before) ?? inBrackets(before), inText(inside)];
  return outer ?? inner ? `${outer ?? before}（${inner ?? inside}）` : null;
}

// The messages that a text is joined of: those of its parts, or of several that belong together; null where none is known.
function inParts(text, level) {
  const { mark, boundary } = LEVELS[level];
  const parts = text.length > LONGEST ? [] : outsideBrackets(text.split(boundary), mark);
  if (parts.length < 2 || parts.length > MOST_PARTS) return null;
  const ends = [{ cost: 0, pieces: [], isKnown: false }];
  for (let end = 1; end <= parts.length; end += 1) {
    for (let start = 0; start < end; start += 1) {
      if (end - start === parts.length) continue;
      if (workLeft < 0) return null;
      const piece = parts.slice(start, end).join(mark);
      const words = inPiece(piece, level, end - start === 1);
      if (words === null && end - start > 1) continue;
      // What is not known is the dearer of two that leave as much in English.
      const cost = ends[start].cost + costOf(words ?? piece) + (words === null ? 0.5 : 0);
      if (ends[end] && cost >= ends[end].cost) continue;
      ends[end] = { cost, pieces: [...ends[start].pieces, words ?? piece], isKnown: ends[start].isKnown || words !== null };
    }
  }
  const { pieces, isKnown } = ends[parts.length];
  return isKnown ? joined(pieces, LEVELS[level]) : null;
}

function isBalanced(text) {
  let depth = 0;
  for (const letter of text) {
    depth += letter === "(" ? 1 : letter === ")" ? -1 : 0;
    if (depth < 0) return false;
  }
  return depth === 0;
}

// Where the bracket begins that a text ends with, its space before it; -1 for other texts.
function lastBracket(text) {
  let depth = 0;
  for (let at = text.endsWith(")") ? text.length - 1 : -1; at > 0; at -= 1) {
    depth += text[at] === ")" ? 1 : text[at] === "(" ? -1 : 0;
    if (!depth) return text[at - 1] === " " ? at - 1 : -1;
  }
  return -1;
}

// Parts between which a bracket is open belong together.
function outsideBrackets(parts, mark) {
  const whole = [];
  let depth = 0;
  for (const part of parts) {
    if (depth > 0) whole[whole.length - 1] += mark + part;
    else whole.push(part);
    depth = Math.max(0, depth + part.split("(").length - part.split(")").length);
  }
  return whole;
}

function inPiece(piece, level, isSingle) {
  const text = piece.endsWith(":") ? piece.slice(0, -1) : piece;
  const deeper = isSingle ? LEVELS.map((_, index) => (index > level ? inParts(text, index) : null)) : [];
  const words = best([isSingle ? inBrackets(text) : null, whole(text), ...deeper]);
  return words !== null && text !== piece ? `${words}：` : words;
}

function joined(pieces, { mark, chinese }) {
  return pieces.reduce((before, piece) => before + (chinese || (/[。；：]$/.test(before) ? "" : mark)) + piece);
}
