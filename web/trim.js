// The trim bar below a video's preview: its handles set the node's start and duration.
import { element, fitted, legible } from "./dom.js";
import { factsOf } from "./media_facts.js";
import { described, longSound, moved, placeOf, seconds, spanOf } from "./timespan.js";
import { ticksOf, clock } from "./waveform.js";

const BAR_HEIGHT = 34;
const STEP_S = 0.1;
const LONG_STEP_S = 1;
const HANDLE = { position: "absolute", top: "0", height: "20px", width: "10px", marginLeft: "-5px",
  background: "#e8edf7", borderRadius: "3px", cursor: "ew-resize", touchAction: "none", boxSizing: "border-box",
  border: "1px solid #39435a", zIndex: "2" };

export class TrimBar {
  // `numbers` reads and writes the node's { file, start, duration }; `preview()` finds the playing video element,
  // `urlOf(place)` says where a file is fetched, `onFile(entry)` hears of each file that is chosen.
  constructor(texts, numbers, preview, urlOf, onFile = () => {}) {
    Object.assign(this, { texts, numbers, preview, urlOf, onFile, length: 0, facts: {}, seen: "", file: null });
    this.element = element("div", { width: "100%", boxSizing: "border-box", padding: "6px 10px",
      fontSize: "11px", lineHeight: "1.4", fontFamily: "Inter, system-ui, sans-serif",
      color: "var(--input-text, #ddd)", background: "var(--comfy-input-bg, #222)", borderRadius: "8px" });
    this.element.className = "deepsound-trim";
    this.about = element("div", { opacity: "0.85", whiteSpace: "nowrap", overflow: "hidden",
      textOverflow: "ellipsis" });
    this.told = element("div", { whiteSpace: "nowrap", overflow: "hidden", textOverflow: "ellipsis" });
    this.element.append(this.about, this.track(), this.told);
  }

  track() {
    this.bar = element("div", { position: "relative", height: `${BAR_HEIGHT}px`, margin: "4px 5px" });
    this.scale = element("canvas", { position: "absolute", inset: "0", width: "100%", height: "100%" });
    this.chosen = element("div", { position: "absolute", top: "0", height: "20px", background: "rgba(92,143,239,.45)",
      borderTop: "2px solid #5c8fef", borderBottom: "2px solid #5c8fef", boxSizing: "border-box", cursor: "grab",
      touchAction: "none" });
    this.head = element("div", { position: "absolute", top: "0", height: "20px", width: "2px", background: "#ffcf6b",
      pointerEvents: "none", display: "none", zIndex: "1" });
    this.start = element("div", HANDLE);
    this.end = element("div", HANDLE);
    for (const [handle, name, title] of [[this.chosen, "both", "wholePart"], [this.start, "start", "startHandle"],
      [this.end, "end", "endHandle"]]) this.makeMovable(handle, name, this.texts[title]);
    this.bar.append(this.scale, this.chosen, this.head, this.start, this.end);
    new ResizeObserver(() => this.drawScale()).observe(this.bar);
    return this.bar;
  }

  // Look at the node's numbers and at the preview; cheap enough to be asked a few times a second.
  refresh() {
    const { file, start, duration } = this.numbers.read();
    if (file !== this.file) this.open(file);
    const video = this.preview();
    this.follow(video, start, duration);
    const length = this.facts.duration ?? (Number.isFinite(video?.duration) ? video.duration : 0);
    const state = JSON.stringify([file, start, duration, length, this.facts, video?.videoWidth]);
    if (state === this.seen) return;
    this.seen = state;
    if (this.length !== length) {
      this.length = length;
      this.drawScale();
    }
    this.place(start, duration, video);
  }

  // The run knows the length and the rate of every kind of file.
  learn(file, facts) {
    if (file === this.numbers.read().file) this.facts = { ...this.facts, ...facts };
    this.refresh();
  }

  async open(file) {
    this.file = file;
    this.facts = {};
    this.onFile(file);
    if (!file) return;
    const facts = await factsOf(rangesOf(this.urlOf(placeOf(file)))).catch(() => ({}));
    if (file === this.file) this.facts = { ...facts, ...this.facts };
  }

  place(start, duration, video) {
    const { file } = this;
    const size = { width: video?.videoWidth, height: video?.videoHeight };
    this.about.textContent = file ? described({ ...size, ...this.facts, duration: this.length }) || "…"
      : this.texts.chooseVideo;
    this.bar.style.visibility = this.length ? "visible" : "hidden";
    if (!this.length) {
      this.told.textContent = "";
      return;
    }
    const span = spanOf(start, duration, this.length);
    const percent = (time) => `${(time / this.length) * 100}%`;
    this.start.style.left = this.chosen.style.left = percent(span.start);
    this.end.style.left = percent(span.end);
    this.chosen.style.width = percent(span.end - span.start);
    const isWhole = span.fits && span.end - span.start > this.length - 0.005;
    this.told.textContent = isWhole ? this.texts.whole
      : `${this.texts.part}: ${seconds(span.start)} – ${seconds(span.end)} (${seconds(span.end - span.start)})`
        + (span.fits ? "" : ` · ${this.texts.pastEnd}`);
    const gigabytes = longSound(span.end - span.start);
    if (gigabytes) this.told.textContent += ` · ${this.texts.longSound.replace("{}", gigabytes)}`;
    this.told.title = gigabytes ? this.told.textContent : "";
    this.told.style.color = span.fits && !gigabytes ? "" : legible("#f06a35");
    for (const [handle, time] of [[this.start, span.start], [this.end, span.end], [this.chosen, span.start]]) {
      handle.setAttribute("aria-valuemax", String(this.length));
      handle.setAttribute("aria-valuenow", String(time));
      handle.setAttribute("aria-valuetext", seconds(time));
    }
  }

  // The preview plays the part over and over, as it would be taken.
  follow(video, start, duration) {
    const isSeen = video && this.length > 0 && Number.isFinite(video.currentTime);
    this.head.style.display = isSeen ? "block" : "none";
    if (!isSeen) return;
    this.head.style.left = `${Math.min(100, (video.currentTime / this.length) * 100)}%`;
    const span = spanOf(start, duration, this.length);
    const isPast = video.currentTime > span.end + 0.05 || video.currentTime < span.start - 0.3;
    if (!video.paused && !video.seeking && span.end > span.start && isPast) video.currentTime = span.start;
  }

  drawScale() {
    const size = fitted(this.scale, BAR_HEIGHT);
    if (!size) return;
    const context = this.scale.getContext("2d");
    context.clearRect(0, 0, size.width, size.height);
    context.fillStyle = "rgba(127, 140, 165, 0.28)";
    context.fillRect(0, 0, size.width, 20);
    context.font = "9px sans-serif";
    for (const time of ticksOf(this.length, size.width)) {
      const x = (time / this.length) * size.width;
      context.fillStyle = "rgba(127, 140, 165, 0.5)";
      context.fillRect(x, 0, 1, 20);
      context.fillStyle = getComputedStyle(this.scale).color;
      context.textAlign = x < 10 ? "left" : x > size.width - 10 ? "right" : "center";
      context.fillText(clock(time), x, BAR_HEIGHT - 3);
    }
  }

  makeMovable(handle, name, title) {
    Object.assign(handle, { title, tabIndex: 0 });
    handle.dataset.handle = name;
    handle.setAttribute("role", "slider");
    handle.setAttribute("aria-label", title);
    handle.setAttribute("aria-valuemin", "0");
    handle.addEventListener("pointerdown", (event) => this.drag(event, handle, name));
    handle.addEventListener("keydown", (event) => {
      const direction = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!direction) return;
      event.preventDefault();
      event.stopPropagation();
      const span = this.span();
      const from = name === "end" ? span.end : span.start;
      this.move(span, name, from + direction * (event.shiftKey ? LONG_STEP_S : STEP_S));
    });
  }

  drag(event, handle, name) {
    if (event.button !== 0 || !this.length) return;
    event.preventDefault();
    event.stopPropagation();
    handle.focus({ preventScroll: true });
    handle.setPointerCapture(event.pointerId);
    const [span, box, from] = [this.span(), this.bar.getBoundingClientRect(), event.clientX];
    const origin = name === "end" ? span.end : span.start;
    const follow = (moving) => {
      moving.stopPropagation();
      this.move(span, name, origin + ((moving.clientX - from) / box.width) * this.length);
    };
    handle.addEventListener("pointermove", follow);
    const release = () => handle.removeEventListener("pointermove", follow);
    handle.addEventListener("pointerup", release, { once: true });
    handle.addEventListener("pointercancel", release, { once: true });
  }

  span() {
    const { start, duration } = this.numbers.read();
    return spanOf(start, duration, this.length);
  }

  move(span, name, to) {
    const numbers = moved(span, name, to, this.length);
    this.numbers.write(numbers);
    const after = spanOf(numbers.start, numbers.duration, this.length);
    const video = this.preview();
    if (video) video.currentTime = name === "end" ? Math.max(after.start, after.end - 0.04) : after.start;
    this.refresh();
  }
}

// Pieces of a file, as `factsOf` asks for them.
function rangesOf(url) {
  return async (start, length) => {
    const answer = await fetch(url, { headers: { Range: `bytes=${start}-${start + length - 1}` } });
    if (answer.status === 416) return new DataView(new ArrayBuffer(0));
    if (answer.status !== 206) throw new Error(`no part of the file: ${answer.status}`);
    return new DataView(await answer.arrayBuffer());
  };
}
