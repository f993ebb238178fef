// Span lists as the nodes' `spans` inputs hold them: parsing, writing, and what a drag makes of one. No DOM here.
export const SHORTEST_S = 0.05;
export const MOST_EDITED = 500;

const VERDICTS = ["yes", "no", "undecided"];
const TIME = String.raw`\s*(\d+(?:\.\d*)?|\.\d+)\s*(?:(?:s|\u79d2)\s*)?`;
const TO = String.raw`(?:[-\u2013\u2014\u2212\uff0d~\uff5e]|\.\.|\u81f3|\u5230)`;
const RANGE = new RegExp(String.raw`^${TIME}${TO}${TIME}(?:[:\uff1a]\s*(.*?))?\s*$`);
const BETWEEN_RANGES = /[\n;,]|[\uff0c\uff1b\u3001](?=\s*[\d.])/;

const thousandths = (seconds) => Math.round(seconds * 1000) / 1000;
const within = (value, low, high) => Math.min(Math.max(value, low), high);

// The spans of a text, in order of time: JSON, or `1.2-3.4, 5-6: rain`. `null` where the text is empty (the run finds
// them), `undefined` where it is no span list.
export function parseSpans(text) {
  const stripped = String(text ?? "").trim();
  if (!stripped) return null;
  const rows = /^[[{]/.test(stripped) ? jsonRows(stripped) : textRows(stripped);
  const spans = rows?.map(spanOf);
  if (!spans?.every(Boolean)) return undefined;
  return spans.sort((one, other) => one.start - other.start);
}

// The segments of a run, as its node shows them. What the run chose to do is left to the next one, which measures again.
export function spansOf(segments) {
  const rows = Array.isArray(segments) ? segments.map(spanOf).filter(Boolean) : [];
  return rows.map((span) => ({ ...span, action: span.verdict === "yes" && span.action !== "keep" ? "" : span.action }));
}

// The text of a span list: short where times and prompts say it all, else JSON.
export function writeSpans(spans) {
  const isPlain = (span) => span.verdict === "yes" && !span.action && !/[,;\n\r]/.test(span.prompt);
  if (spans.length && spans.every(isPlain)) {
    return spans.map(({ start, end, prompt }) => `${start}-${end}${prompt ? `: ${prompt}` : ""}`).join(", ");
  }
  return JSON.stringify(spans.map(({ start, end, ...more }) => ({ start_s: start, end_s: end, ...more })));
}

// The list with a span from one time to another, cut to the gap in which it begins; unchanged where there is no room.
export function added(spans, from, to, duration) {
  const { low, high } = gapAt(spans, from, duration);
  const [start, end] = [Math.min(from, to), Math.max(from, to)].map((time) => within(time, low, high));
  if (!(end - start >= SHORTEST_S)) return spans;
  const made = { start: thousandths(start), end: thousandths(end), verdict: "yes", action: "", why: "", prompt: "" };
  return [...spans, made].sort((one, other) => one.start - other.start);
}

// The list with span `index` moved ("both") or resized ("start", "end") so that its edge lies at `to`, short of its
// neighbours and of the sound's ends.
export function moved(spans, index, handle, to, duration) {
  const { start, end } = spans[index];
  const low = index > 0 ? spans[index - 1].end : 0;
  const high = index < spans.length - 1 ? spans[index + 1].start : duration;
  const changed = { start, end };
  if (handle === "start") changed.start = within(to, low, Math.max(low, end - SHORTEST_S));
  if (handle === "end") changed.end = within(to, Math.min(high, start + SHORTEST_S), high);
  if (handle === "both") {
    changed.start = within(to, low, Math.max(low, high - (end - start)));
    changed.end = Math.min(high, changed.start + (end - start));
  }
  return changedAt(spans, index, { start: thousandths(changed.start), end: thousandths(changed.end) });
}

// The list with other values in one span.
export function changedAt(spans, index, values) {
  return spans.map((span, at) => (at === index ? { ...span, ...values } : span));
}

export function removed(spans, index) {
  return spans.filter((_, at) => at !== index);
}

function gapAt(spans, time, duration) {
  const before = spans.filter((span) => span.start <= time).map((span) => span.end);
  const after = spans.filter((span) => span.start > time).map((span) => span.start);
  const low = Math.max(0, ...before);
  return { low, high: Math.max(low, Math.min(duration, ...after)) };
}

function jsonRows(text) {
  let data;
  try {
    data = JSON.parse(text);
  } catch {
    return undefined;
  }
  const rows = Array.isArray(data) ? data : data?.segments ?? data?.spans ?? [data];
  return Array.isArray(rows) ? rows : undefined;
}

function textRows(text) {
  const rows = text.split(BETWEEN_RANGES).filter((part) => part.trim()).map((part) => RANGE.exec(part));
  return rows.every(Boolean) ? rows.map(([, start, end, prompt]) => ({ start_s: start, end_s: end, prompt })) : undefined;
}

function spanOf(row) {
  const { start_s: from, end_s: to, ...more } = Array.isArray(row) ? { start_s: row[0], end_s: row[1] } : row ?? {};
  const [start, end] = [numberOf(from), numberOf(to)];
  const verdict = more.verdict ?? "yes";
  if (!(start >= 0 && end > start) || !Number.isFinite(end) || !VERDICTS.includes(verdict)) return null;
  const [action, why, prompt] = ["action", "why", "prompt"].map((name) => String(more[name] ?? ""));
  return { start, end, verdict, action, why, prompt };
}

function numberOf(value) {
  return typeof value === "number" || (typeof value === "string" && value.trim()) ? Number(value) : NaN;
}
