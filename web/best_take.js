// The panel of Best Take: every take to play, with its figures and a star that overrules the ranking.
import { readTakes, starred } from "./best_take_rows.js";
import { element, keepWheel } from "./dom.js";

export class TakesPanel {
  // `choice` reads and writes the widget `choose`; `urlOf` gives the address of a file.
  constructor(texts, choice, urlOf) {
    Object.assign(this, { texts, choice, urlOf, state: "empty", playing: 0, takes: [] });
    this.element = element("div", { width: "100%", height: "100%", padding: "6px", boxSizing: "border-box",
      borderRadius: "8px", overflowY: "auto", fontSize: "12px", lineHeight: "1.4", color: "var(--input-text, #ddd)",
      background: "var(--comfy-input-bg, #222)" }, texts.takesEmpty);
    this.element.className = "deepsound-takes";
    keepWheel(this.element);
    this.sound = new Audio();
    for (const ending of ["ended", "error"]) this.sound.addEventListener(ending, () => this.stop());
  }

  show(shown) {
    const takes = readTakes(shown);
    if (!takes) return;
    this.stop();
    Object.assign(this, { state: "shown", takes });
    this.draw();
  }

  draw() {
    if (this.state !== "shown") return;
    this.element.replaceChildren(...this.takes.map((take) => this.row(take)));
  }

  row(take) {
    const row = element("div", { display: "flex", alignItems: "center", gap: "6px", padding: "2px 4px",
      borderRadius: "6px", background: take.chosen ? "rgba(110, 200, 140, 0.18)" : "none" });
    row.className = "deepsound-take";
    row.dataset.take = take.number;
    const isPlaying = this.playing === take.number;
    const play = this.button(isPlaying ? "⏸" : "▶", `${this.texts.play} ${take.number}`, () => this.toggle(take));
    play.disabled = !take.place;
    const isStarred = Number(this.choice.read()) === take.number;
    const star = this.button(isStarred ? "★" : "☆", `${this.texts.star} ${take.number}`, () => {
      this.choice.write(starred(this.choice.read(), take.number));
      this.draw();
    });
    star.classList.add("deepsound-star");
    const head = element("b", {}, `${this.texts.take} ${take.number}${take.best ? ` · ${this.texts.best}` : ""}`);
    const figures = element("span", { opacity: "0.8", overflowWrap: "anywhere" }, this.worded(take));
    row.append(play, star, head, figures);
    return row;
  }

  worded(take) {
    const heard = take.silent ? this.texts.silentTake : take.voice === null ? ""
      : take.voice > 0 ? `${this.texts.voice} ${Math.max(Math.round(100 * take.voice), 1)} %` : this.texts.noVoice;
    return [heard, take.figures].filter(Boolean).join(" · ");
  }

  button(sign, label, act) {
    const made = element("button", { background: "none", border: "none", color: "inherit", cursor: "pointer",
      fontSize: "14px", padding: "0 2px", flex: "none" }, sign);
    made.title = label;
    made.setAttribute("aria-label", label);
    made.addEventListener("click", act);
    return made;
  }

  toggle(take) {
    const isPlaying = this.playing === take.number;
    this.stop();
    if (isPlaying) return;
    this.sound.src = this.urlOf(take.place);
    this.playing = take.number;
    this.sound.play().catch(() => this.stop());
    this.draw();
  }

  stop() {
    this.sound.pause();
    if (!this.playing) return;
    this.playing = 0;
    this.draw();
  }
}
