// The videos of a folder on their node: name, how each ended and why; it grows while the batch runs.
import { addElement, after, element, keepWheel, legible } from "./dom.js";
import { translated } from "./messages.js";

const HEIGHT = 180;
const MARKS = { working: "…", done: "✓", already: "✓", failed: "✗", skipped: "–" };
const MOST_ROWS = 500;

// Rows of { mark, name, text, isFailed } of what a run says; anything that is none gives no rows.
export function clipRows(clips) {
  if (!Array.isArray(clips)) return [];
  return clips.slice(0, MOST_ROWS).map((clip) => ({
    mark: MARKS[clip?.status] ?? "",
    name: String(clip?.name ?? "").slice(0, 200),
    text: worded(String(clip?.text ?? "").slice(0, 600)),
    isFailed: clip?.status === "failed",
  }));
}

// The seconds stay in front of what is said.
function worded(text) {
  const [seconds] = /^[\d.]+ s, /.exec(text) ?? [""];
  return seconds + translated(text.slice(seconds.length));
}

export class ClipTable {
  constructor(node, texts) {
    this.element = element("div", { display: "grid", gridTemplateColumns: "max-content fit-content(45%) 1fr",
      gap: "2px 8px", alignContent: "start", width: "100%", height: "100%", boxSizing: "border-box", overflow: "auto",
      padding: "8px 10px", fontSize: "11px", borderRadius: "8px", userSelect: "text",
      color: "var(--input-text, #ddd)", background: "var(--comfy-input-bg, #222)" });
    this.element.className = "deepsound-clips";
    this.element.append(element("span", { gridColumn: "1 / -1", opacity: "0.65" }, texts.clipsEmpty));
    keepWheel(this.element);
    addElement(node, "deepsound_clips", this.element, HEIGHT, 4 * HEIGHT);
    after(node, "onDeepSoundShown", ({ clips }) => this.show(clips));
  }

  show(clips) {
    const rows = clipRows(clips);
    if (!rows.length) return;
    this.element.replaceChildren(...rows.flatMap(({ mark, name, text, isFailed }) => [
      element("span", { fontWeight: "600", color: isFailed ? legible("#d9634a") : "" }, mark),
      element("span", { overflowWrap: "anywhere" }, name),
      element("span", { opacity: "0.75", overflowWrap: "anywhere" }, text)]));
    this.element.scrollTop = this.element.scrollHeight;
  }
}
