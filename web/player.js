// A player for each sound that a node gave: button, waveform to seek in, time.
import { addElement, element, fitted } from "./dom.js";
import { clock, drawWaveform } from "./waveform.js";
import { playersOf } from "./player_rows.js";

const ROW_HEIGHT = 52;
const MARGINS = 30;
const WAVE_HEIGHT = 44;
const COLOURS = { span: "transparent", bar: "#6b93c9", voice: "#6b93c9", people: "#4fbf7a" };
let heard = null; // One sound at a time on the whole page.

export class SoundPlayers {
  // `urlOf(place)` is where a file is fetched.
  constructor(node, texts, urlOf) {
    Object.assign(this, { node, texts, urlOf, rows: [], element: null });
  }

  get isEmpty() {
    return !this.rows.length;
  }

  show(described) {
    const players = playersOf(described);
    if (!players.length && !this.element) return;
    this.stop();
    this.element ??= this.add();
    this.rows = players.map((player) => new Row(player, this.texts, this.urlOf, players.length > 1));
    this.element.replaceChildren(...this.rows.map((row) => row.element));
    const { node } = this;
    node.setSize?.([node.size[0], Math.max(node.computeSize()[1], node.size[1])]);
    node.graph?.setDirtyCanvas?.(true, true);
  }

  add() {
    const made = element("div", { display: "flex", flexDirection: "column", gap: "4px", width: "100%", padding: "4px 8px",
      boxSizing: "border-box", borderRadius: "8px", color: "var(--input-text, #ddd)",
      background: "var(--comfy-input-bg, #222)", fontSize: "11px" });
    made.className = "deepsound-players";
    addElement(this.node, "deepsound_players", made, () => this.height);
    return made;
  }

  get height() {
    return this.rows.length ? MARGINS + ROW_HEIGHT * this.rows.length : 0;
  }

  stop() {
    for (const row of this.rows) row.stop();
  }
}

class Row {
  constructor(player, texts, urlOf, isNamed) {
    Object.assign(this, { player, texts });
    this.sound = document.createElement("audio");
    this.sound.preload = "none";
    this.sound.src = urlOf({ filename: player.audio, subfolder: "", type: "temp" });
    this.element = element("div", { display: "flex", alignItems: "center", gap: "8px" });
    this.element.className = "deepsound-player";
    this.element.dataset.sound = player.name;
    this.button = element("button", { width: "26px", height: "26px", borderRadius: "50%", cursor: "pointer", flex: "none",
      border: "1px solid var(--border-color, #555)", color: "inherit", background: "transparent" }, "▶");
    this.button.setAttribute("aria-label", texts.playSound);
    this.canvas = element("canvas", { flex: "1", minWidth: "0", height: `${WAVE_HEIGHT}px`, cursor: "pointer" });
    const name = isNamed ? `${texts[`sound_${player.name}`] ?? player.name} ` : "";
    this.time = element("span", { flex: "none", minWidth: "64px", textAlign: "right",
      fontVariantNumeric: "tabular-nums" }, `${name}${clock(player.duration)}`);
    this.name = name;
    this.element.append(this.button, this.canvas, this.time);
    this.listen();
  }

  listen() {
    this.button.addEventListener("click", () => (this.sound.paused ? this.play() : this.stop()));
    this.canvas.addEventListener("pointerdown", (event) => {
      event.stopPropagation();
      const box = this.canvas.getBoundingClientRect();
      this.start = (Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1)) * this.player.duration;
      this.sound.currentTime = this.start;
      this.play();
    });
    this.sound.addEventListener("loadedmetadata", () => {
      if (this.start) this.sound.currentTime = this.start;
    });
    for (const kind of ["play", "pause", "ended", "timeupdate"]) this.sound.addEventListener(kind, () => this.draw());
    this.sound.addEventListener("error", () => {
      this.time.textContent = this.texts.soundGone;
    });
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  play() {
    if (heard !== this) heard?.stop();
    heard = this;
    this.sound.play().catch(() => {});
  }

  stop() {
    this.sound.pause();
    if (heard === this) heard = null;
  }

  draw() {
    this.button.textContent = this.sound.paused ? "▶" : "❚❚";
    const size = fitted(this.canvas, WAVE_HEIGHT);
    if (!size) return;
    const { peaks, duration } = this.player;
    const context = this.canvas.getContext("2d");
    drawWaveform(context, { peaks, duration }, size.width, WAVE_HEIGHT,
      { ...COLOURS, text: getComputedStyle(this.canvas).color });
    if (!this.sound.currentTime) return;
    context.fillStyle = "#ffcf6b";
    context.fillRect((this.sound.currentTime / duration) * size.width, 0, 2, WAVE_HEIGHT - 14);
    this.time.textContent = `${this.name}${clock(this.sound.currentTime)} / ${clock(duration)}`;
  }
}
