// One track of the comparison: its name and buttons, its waveform and its spectrogram.
import { columnsOf, shareOf } from "./compare_time.js";
import { element } from "./dom.js";
import { COLOURS, OTHER_COLOUR, SPAN_COLOUR } from "./compare_style.js";

const KEYS = "ABCDEFGH";

export class TrackView {
  constructor(track, index, comparison, { texts, urlOf, act }) {
    this.track = track;
    this.comparison = comparison;
    this.texts = texts;
    this.colour = COLOURS[track.name] ?? OTHER_COLOUR;
    this.element = element("div", "dc-track");
    this.element.dataset.track = track.name;
    this.element.style.setProperty("--dc", this.colour);
    this.element.append(this.head(index, act), this.plot(urlOf));
  }

  head(index, act) {
    const { texts, track } = this;
    const head = element("div", "dc-head");
    const name = element("button", "dc-name");
    name.title = `${track.title}: ${texts.hear} (${KEYS[index]})`;
    name.append(element("span", "dc-key", KEYS[index]), element("span", "", texts[track.name] ?? track.title));
    name.addEventListener("click", () => act({ type: "hear", track: index }));
    this.solo = small("S", "dc-solo", `${texts.solo} (⇧${index + 1})`, () => act({ type: "solo", track: index }));
    this.mute = small("M", "dc-mute", `${texts.mute} (${index + 1})`, () => act({ type: "mute", track: index }));
    const buttons = element("div", "dc-buttons");
    buttons.append(this.solo, this.mute);
    this.facts = element("div", "dc-facts", this.described());
    this.facts.title = this.facts.textContent;
    head.append(name, this.facts, buttons);
    return head;
  }

  described() {
    const { track, texts } = this;
    if (track.silent || track.audio === null) return texts.silent;
    const loudness = track.lufs === null ? "" : `${track.lufs.toFixed(1)} LUFS`;
    return [loudness, track.matched ? "" : texts.unmatched].filter(Boolean).join(", ");
  }

  plot(urlOf) {
    const plot = element("div", "dc-plot");
    this.canvas = element("canvas", "dc-wave");
    const mel = element("div", "dc-mel");
    if (this.track.spectrogram !== null) {
      const picture = document.createElement("img");
      picture.alt = "";
      picture.draggable = false;
      picture.style.width = `${100 * shareOf(this.track.duration, this.comparison.duration)}%`;
      picture.src = urlOf(this.track.spectrogram);
      mel.append(picture);
    }
    plot.append(this.canvas, mel);
    return plot;
  }

  showMix(isHeard, solo, mute) {
    this.element.classList.toggle("dc-on", isHeard);
    this.solo.setAttribute("aria-pressed", String(solo));
    this.mute.setAttribute("aria-pressed", String(mute));
  }

  // A file that this browser will not play: seen, but not heard.
  cannotPlay() {
    this.facts.textContent = this.texts.noSound;
  }

  draw() {
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    if (!width || !height) return;
    const scale = Math.max(1, Math.min(window.devicePixelRatio || 1, 3));
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    const context = this.canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    const { duration, spans } = this.comparison;
    context.fillStyle = SPAN_COLOUR;
    for (const [start, end] of spans) {
      const left = shareOf(start, duration) * width;
      context.fillRect(left, 0, Math.max(1, shareOf(end, duration) * width - left), height);
    }
    context.fillStyle = this.colour;
    const columns = columnsOf(this.track.peaks, shareOf(this.track.duration, duration) * width);
    columns.forEach(([low, high], x) => {
      const [top, bottom] = [((1 - high) / 2) * height, ((1 - low) / 2) * height];
      context.fillRect(x, top, 1, Math.max(1, bottom - top));
    });
  }
}

function small(text, name, title, onClick) {
  const button = element("button", `dc-small ${name}`, text);
  button.title = title;
  button.setAttribute("aria-pressed", "false");
  button.addEventListener("click", onClick);
  return button;
}
