// A waveform with the spans of a node's list on it: drawn, moved, resized and deleted by pointer or keys, and written
// back into the node's `spans`.
import { element, fitted, keepWheel } from "./dom.js";
import { SpanRows } from "./span_rows.js";
import { MOST_EDITED, added, changedAt, moved, parseSpans, removed, spansOf, writeSpans } from "./span_list.js";
import { seconds } from "./timespan.js";
import { boxesOf, drawWaveform } from "./waveform.js";

export const WAVE_HEIGHT = 54;
const AXIS = 14;
const EDGE_PX = 5;
const LEAST_DRAG_PX = 4;
const STEP_S = 0.05;
const LONG_STEP_S = 0.5;
const COLOURS = { bar: "#6b93c9", voice: "#ff9a76", span: "rgba(255, 140, 105, 0.20)", people: "#4fbf7a" };

export class SpanEditor {
  // `list` is the node's span list: { read() -> text, write(text), isGiven() } where another node may give it; null for
  // a panel that only shows.
  constructor(texts, list = null) {
    Object.assign(this, { texts, list, state: "empty", sound: null, segments: [], actions: [], chosen: -1, seen: "" });
    this.element = element("div", { position: "relative", flex: "none", height: `${WAVE_HEIGHT}px`, display: "none",
      touchAction: "none" });
    this.element.className = "deepsound-spans";
    this.canvas = element("canvas", { position: "absolute", inset: "0", width: "100%", height: "100%" });
    this.boxes = element("div", { position: "absolute", inset: `0 0 ${AXIS}px 0` });
    this.rows = new SpanRows(texts, {
      choose: (index) => this.choose(index),
      change: (index, values) => this.save(changedAt(this.spans(), index, values)),
      remove: (index) => this.remove(index),
      reset: () => this.save(null),
    });
    this.element.append(this.canvas, this.boxes);
    this.boxes.addEventListener("pointerdown", (event) => this.draw(event));
    this.boxes.addEventListener("dblclick", (event) => {
      event.stopPropagation();
      const time = this.timeAt(event.clientX);
      const index = this.spans().findIndex((span) => span.start <= time && time < span.end);
      if (index >= 0) this.remove(index);
    });
    new ResizeObserver(() => this.paint()).observe(this.element);
  }

  // A run's sound { duration, peaks, spans, people }, its segments, and the actions that a segment may be given.
  show(shown) {
    this.sound = shown?.sound?.peaks?.length ? shown.sound : null;
    this.segments = shown?.segments ?? [];
    this.actions = shown?.actions ?? [];
    Object.assign(this, { state: this.sound ? "shown" : "empty", chosen: -1, seen: "" });
    this.element.style.display = this.sound ? "block" : "none";
    this.rows.element.style.display = this.sound ? "block" : "none";
    this.paint();
    this.refresh();
  }

  // The spans on show: the node's list where it can be read, else those of the run.
  spans() {
    const given = this.canEdit || !this.list ? parseSpans(this.list?.read()) : null;
    return given ?? spansOf(this.segments);
  }

  // Whether the list can be edited here: not where another node gives it, and not one of hundreds of spans.
  get canEdit() {
    return Boolean(this.list) && !this.list.isGiven();
  }

  // Look at the node's list; cheap enough to be asked a few times a second.
  refresh() {
    if (!this.sound) return;
    const text = this.list?.read() ?? "";
    const state = JSON.stringify([text, this.canEdit, this.chosen, this.segments.length]);
    if (state === this.seen) return;
    this.seen = state;
    const spans = this.spans();
    const shown = this.canEdit && text.trim() ? [] : this.segments;
    this.boxes.replaceChildren(...spans.slice(0, MOST_EDITED).map((span, index) => this.box(span, index, shown[index])));
    this.boxes.style.cursor = this.canEdit ? "crosshair" : "default";
    this.rows.show({ spans, shown, text, canEdit: this.canEdit, actions: this.actions, chosen: this.chosen,
      isUnread: this.canEdit && parseSpans(text) === undefined });
  }

  box(span, index, segment) {
    const isKept = (segment?.action || span.action) === "keep" || (!span.action && span.verdict !== "yes");
    const [place] = boxesOf([[span.start, span.end]], this.sound.duration, 100);
    const made = element("div", { position: "absolute", top: "0", bottom: "0", left: `${place?.x ?? 100}%`,
      width: `${place?.width ?? 0}%`, boxSizing: "border-box", cursor: this.canEdit ? "grab" : "default",
      background: isKept ? "rgba(126, 224, 161, 0.16)" : "rgba(255, 154, 118, 0.22)", borderRadius: "3px",
      border: `${index === this.chosen ? 2 : 1}px solid ${isKept ? "#7ee0a1" : "#ff9a76"}`, touchAction: "none" });
    made.className = "deepsound-span";
    made.dataset.span = index;
    made.title = `${seconds(span.start)} – ${seconds(span.end)}`;
    made.tabIndex = 0;
    made.setAttribute("role", "slider");
    made.setAttribute("aria-label", `${this.texts.span} ${index + 1}`);
    made.setAttribute("aria-valuemin", "0");
    made.setAttribute("aria-valuemax", String(this.sound.duration));
    made.setAttribute("aria-valuenow", String(span.start));
    made.setAttribute("aria-valuetext", made.title);
    made.addEventListener("pointerdown", (event) => this.drag(event, index));
    made.addEventListener("keydown", (event) => this.press(event, index));
    return made;
  }

  // A drag over the empty waveform is a new span.
  draw(event) {
    if (event.target !== this.boxes || event.button !== 0 || !this.sound) return;
    event.preventDefault();
    event.stopPropagation();
    if (!this.canEdit) return;
    const [spans, from] = [this.spans(), this.timeAt(event.clientX)];
    this.follow(event, (moving) => {
      if (Math.abs(moving.clientX - event.clientX) < LEAST_DRAG_PX) return;
      const drawn = added(spans, from, this.timeAt(moving.clientX), this.sound.duration);
      this.chosen = drawn.findIndex((span) => !spans.includes(span));
      this.save(drawn);
    });
  }

  drag(event, index) {
    if (event.button !== 0) return;
    event.preventDefault();
    event.stopPropagation();
    // Choosing makes the boxes anew, so that the one below the pointer is measured before.
    const [spans, handle, from] = [this.spans(), this.handleAt(event), event.clientX];
    this.choose(index);
    if (!this.canEdit) return;
    const origin = handle === "end" ? spans[index].end : spans[index].start;
    this.follow(event, (moving) => {
      const to = origin + this.timeAt(moving.clientX) - this.timeAt(from);
      this.save(moved(spans, index, handle, to, this.sound.duration));
    });
  }

  // The pointer is captured by the waveform, which stays while its boxes are made anew.
  follow(event, act) {
    this.boxes.setPointerCapture(event.pointerId);
    const move = (moving) => {
      moving.stopPropagation();
      act(moving);
    };
    const release = () => {
      this.boxes.removeEventListener("pointermove", move);
      this.boxes.querySelector(`[data-span="${this.chosen}"]`)?.focus({ preventScroll: true });
    };
    this.boxes.addEventListener("pointermove", move);
    for (const ending of ["pointerup", "pointercancel"]) this.boxes.addEventListener(ending, release, { once: true });
  }

  press(event, index) {
    const direction = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const isDelete = event.key === "Delete" || event.key === "Backspace";
    if (!direction && !isDelete) return;
    event.preventDefault();
    event.stopPropagation();
    if (!this.canEdit) return;
    if (isDelete) return this.remove(index);
    const [spans, handle] = [this.spans(), event.altKey ? "end" : "both"];
    const from = handle === "end" ? spans[index].end : spans[index].start;
    const to = from + direction * (event.shiftKey ? LONG_STEP_S : STEP_S);
    this.chosen = index;
    this.save(moved(spans, index, handle, to, this.sound.duration));
    this.boxes.querySelector(`[data-span="${index}"]`)?.focus({ preventScroll: true });
  }

  choose(index) {
    this.chosen = index;
    this.refresh();
  }

  remove(index) {
    if (!this.canEdit) return;
    this.chosen = -1;
    this.save(removed(this.spans(), index));
  }

  // `null` leaves the spans to the run again.
  save(spans) {
    if (!this.canEdit) return;
    this.list.write(spans === null ? "" : writeSpans(spans));
    this.refresh();
  }

  timeAt(x) {
    const { left, width } = this.boxes.getBoundingClientRect();
    return Math.min(Math.max((x - left) / width, 0), 1) * this.sound.duration;
  }

  handleAt({ clientX, target }) {
    const { left, right, width } = target.getBoundingClientRect();
    const edge = Math.min(EDGE_PX, width / 3);
    if (clientX - left < edge) return "start";
    return right - clientX < edge ? "end" : "both";
  }

  paint() {
    const size = this.sound && fitted(this.canvas, WAVE_HEIGHT);
    if (!size) return;
    const colours = { ...COLOURS, text: getComputedStyle(this.canvas).color }; // The theme's, which may be light.
    drawWaveform(this.canvas.getContext("2d"), this.sound, size.width, size.height, colours);
  }
}

// The same for a node without a panel of its own: the waveform and, below it, a line for each span.
export function standAlone(texts, list) {
  const editor = new SpanEditor(texts, list);
  const frame = element("div", { width: "100%", height: "100%", padding: "6px 8px", boxSizing: "border-box",
    display: "flex", flexDirection: "column", gap: "4px", borderRadius: "8px", fontSize: "12px", lineHeight: "1.4",
    color: "var(--input-text, #ddd)", background: "var(--comfy-input-bg, #222)", overflowY: "auto" });
  frame.className = "deepsound-span-editor";
  keepWheel(frame);
  const hint = element("div", { opacity: "0.65", flex: "none" }, texts.spansEmpty);
  frame.append(hint, editor.element, editor.rows.element);
  const show = (shown) => {
    editor.show(shown);
    hint.style.display = editor.sound ? "none" : "block";
  };
  return { editor, show, element: frame };
}
