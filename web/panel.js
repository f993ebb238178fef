// The reasoning panel: verdict, waveform with the voiced stretches, and the four sections as they are written.
import { element, keepWheel, legible } from "./dom.js";
import { translated } from "./messages.js";
import { badgeOf, sectionsOf } from "./sections.js";
import { SpanEditor } from "./span_editor.js";
import { progressText } from "./status_text.js";
import { clock } from "./waveform.js";

const COLOURS = { bar: "#6b93c9", voice: "#ff9a76", people: "#4fbf7a" };
const BADGES = { yes: ["#b4441f", "#fff"], no: ["#23713f", "#fff"], undecided: ["#8a6d1d", "#fff"],
  busy: ["#3a4356", "#d6dcea"] };
const MOST_LISTED = 4;

export class ReasonsPanel {
  // `list` is the node's span list, as the span editor takes it.
  constructor(texts, list = null) {
    this.texts = texts;
    this.editor = new SpanEditor(texts, list);
    this.element = element("div", { display: "flex", flexDirection: "column", gap: "6px", width: "100%",
      height: "100%", padding: "8px", boxSizing: "border-box", borderRadius: "8px", overflow: "hidden",
      fontSize: "12px", lineHeight: "1.45", fontFamily: "Inter, system-ui, sans-serif",
      color: "var(--input-text, #ddd)", background: "var(--comfy-input-bg, #222)" });
    this.element.className = "deepsound-reasons";
    this.head = element("div", { display: "flex", alignItems: "center", gap: "4px 8px", minHeight: "20px",
      flex: "none", flexWrap: "wrap" });
    this.legend = element("span", { fontSize: "11px", opacity: "0.85", display: "none", gap: "10px",
      flexWrap: "wrap" });
    this.body = element("div", { overflowY: "auto", flex: "1 1 auto", minHeight: "0", userSelect: "text",
      cursor: "text" });
    keepWheel(this.body);
    this.takes = element("div", { display: "none", flex: "none", flexWrap: "wrap", gap: "4px" });
    this.element.append(this.takes, this.head, this.editor.element, this.body);
    this.clear();
  }

  clear() {
    this.state = "empty";
    this.takes.style.display = "none";
    this.head.replaceChildren(element("span", { opacity: "0.65" }, this.texts.empty));
    this.body.replaceChildren();
    this.showSound(null);
  }

  // What is being written now: all of the text so far, and how far the work is.
  write({ text = "", status = "" }) {
    if (this.state !== "writing") this.showSound(null);
    this.takes.style.display = "none";
    this.state = "writing";
    this.head.replaceChildren(badge(this.texts.thinking, "busy"), aside(progressText(status, this.texts)));
    const atEnd = this.body.scrollTop + this.body.clientHeight >= this.body.scrollHeight - 24;
    this.body.replaceChildren(...this.rows(sectionsOf(text)));
    if (atEnd) this.body.scrollTop = this.body.scrollHeight;
  }

  // A run that ended without a verdict: what was written stays.
  stop() {
    if (this.state !== "writing") return;
    this.state = "stopped";
    this.head.replaceChildren(badge(this.texts.stopped, "busy"));
  }

  // The answer, as the node gives it; of several takes the one with that number, and a button for each.
  show(shown, number = 0) {
    this.state = "shown";
    const takes = shown.takes ?? [];
    this.showOne(takes[number] ?? shown);
    this.takes.style.display = takes.length > 1 ? "flex" : "none";
    this.takes.replaceChildren(...takes.map((take, index) => {
      const button = takeButton(`${this.texts.take} ${index + 1}`, badgeOf(take).kind, index === number);
      button.addEventListener("click", () => {
        this.show(shown, index);
        this.element.dispatchEvent(new CustomEvent("deepsound-take", { detail: take }));
      });
      return button;
    }));
  }

  showOne(shown) {
    const { kind, takenAs } = badgeOf(shown);
    const parts = [badge(this.texts[kind] + (shown.category ? ` (${shown.category})` : ""), kind)];
    if (takenAs) parts.push(aside(takenAs === "yes" ? this.texts.takenAsYes : this.texts.takenAsNo));
    this.head.replaceChildren(...parts, this.legend);
    const steps = (shown.steps ?? []).map((step) => element("div", { opacity: "0.75" }, progressText(step, this.texts)));
    const list = steps.length ? [label(this.texts.steps, "steps"), ...steps] : [];
    this.body.replaceChildren(this.editor.rows.element, ...this.rows(sectionsOf(shown.reasoning ?? "")), ...list);
    this.body.scrollTop = 0;
    this.showSound(shown);
  }

  rows(sections) {
    return sections.flatMap(({ name, text, open }) => {
      const written = element("div", { whiteSpace: "pre-wrap", overflowWrap: "anywhere", marginBottom: "6px" },
        open ? `${text} ▍` : translated(text));
      return name ? [label(this.texts[name], name), written] : [written];
    });
  }

  showSound(shown) {
    this.editor.show(shown);
    const { sound } = this.editor;
    this.legend.style.display = sound ? "flex" : "none";
    if (!sound) return;
    const spans = sound.spans ?? [];
    const listed = spans.slice(0, MOST_LISTED).map(([start, end]) => `${clock(start)} – ${clock(end)}`);
    const more = spans.length > MOST_LISTED ? ` +${spans.length - MOST_LISTED}` : "";
    const heard = spans.length ? `${this.texts.voice}: ${listed.join(", ")}${more}` : this.texts.noVoice;
    this.legend.replaceChildren(key(spans.length ? COLOURS.voice : COLOURS.bar, heard));
    if (sound.people?.length) this.legend.append(key(COLOURS.people, this.texts.people));
  }
}

function takeButton(text, kind, isShown) {
  const [background, color] = BADGES[kind];
  const made = element("button", { background, color, border: "none", borderRadius: "8px", padding: "1px 8px",
    fontSize: "11px", cursor: "pointer", opacity: isShown ? "1" : "0.55" }, text);
  made.className = "deepsound-take";
  made.setAttribute("aria-pressed", String(isShown));
  return made;
}

function badge(text, kind) {
  const [background, color] = BADGES[kind];
  const made = element("span", { background, color, padding: "2px 10px", borderRadius: "10px", fontWeight: "600",
    flex: "none" }, text);
  made.className = `deepsound-badge deepsound-${kind}`;
  return made;
}

function aside(text) {
  return element("span", { opacity: "0.7", overflow: "hidden", textOverflow: "ellipsis", whiteSpace: "nowrap" }, text);
}

function label(text, name) {
  const made = element("div", { fontSize: "10px", fontWeight: "700", letterSpacing: "0.06em", color: legible("#5c8fef"),
    textTransform: "uppercase" }, text);
  made.dataset.section = name;
  return made;
}

function key(colour, text) {
  const made = element("span", { display: "inline-flex", alignItems: "center", gap: "5px" });
  made.append(element("span", { background: colour, width: "8px", height: "8px", borderRadius: "2px", flex: "none" }),
    element("span", {}, text));
  return made;
}
