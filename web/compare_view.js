// The Compare view: a video, its tracks on one time axis, and the buttons to play and switch.
import { actionOf } from "./compare_keys.js";
import { audible, changedMix, newMix, volumes } from "./compare_mix.js";
import { element } from "./dom.js";
import { translated } from "./messages.js";
import { Player } from "./compare_player.js";
import { writeStyle } from "./compare_style.js";
import { shareOf, timeAt, timecode } from "./compare_time.js";
import { TrackView } from "./compare_track.js";
import { clock, ticksOf } from "./waveform.js";

const SCREEN_HEIGHT = 190;
const TRACK_HEIGHT = 92;
const REST_HEIGHT = 104;
const EMPTY_HEIGHT = 64;
const NOTE_HEIGHT = 32;
const AXIS_HEIGHT = 16;

export class CompareView {
  constructor(texts, urlOf) {
    this.texts = texts;
    this.urlOf = urlOf;
    this.element = element("div", "deepsound-compare");
    this.element.tabIndex = 0;
    this.element.addEventListener("keydown", (event) => this.onKey(event));
    this.element.addEventListener("pointerdown", (event) => {
      // The graph would take it for the beginning of a drag of the node.
      event.stopPropagation();
      this.element.focus({ preventScroll: true });
    });
    writeStyle(document);
    this.sizes = new ResizeObserver(() => this.draw());
    this.sizes.observe(this.element);
    this.say(texts.empty);
  }

  // The height in CSS pixels that its content needs.
  get height() {
    if (!this.comparison) return EMPTY_HEIGHT;
    const { tracks, video, notes } = this.comparison;
    return REST_HEIGHT + (video ? SCREEN_HEIGHT : 0) + TRACK_HEIGHT * tracks.length + NOTE_HEIGHT * notes.length;
  }

  // A message in place of a comparison.
  say(message) {
    this.stop();
    this.element.replaceChildren(element("div", "dc-message", message));
    this.element.dataset.tracks = "";
  }

  show(comparison) {
    this.stop();
    this.comparison = comparison;
    this.mix = newMix(comparison.tracks.length);
    const tools = { texts: this.texts, urlOf: this.urlOf, act: (action) => this.act(action) };
    this.tracks = comparison.tracks.map((track, index) => new TrackView(track, index, comparison, tools));
    this.sounds = comparison.tracks.map((track, index) => this.soundOf(track, index));
    this.player = new Player(this.media(), comparison.duration);
    this.element.replaceChildren(...this.parts());
    this.element.dataset.tracks = comparison.tracks.map((track) => track.name).join(" ");
    this.showMix();
    this.showTime();
    this.draw();
  }

  soundOf(track, index) {
    if (track.audio === null) return null;
    const sound = document.createElement("audio");
    sound.preload = "auto";
    sound.dataset.track = track.name;
    sound.addEventListener("error", () => {
      this.player?.drop(sound);
      this.tracks[index]?.cannotPlay();
    }, { once: true });
    sound.src = this.urlOf(track.audio);
    return sound;
  }

  media() {
    const { tracks, video } = this.comparison;
    const media = this.sounds.map((element, index) => ({ element, duration: tracks[index].duration }));
    this.video = null;
    this.trouble = "";
    if (video) {
      this.video = document.createElement("video");
      Object.assign(this.video, { muted: true, playsInline: true, preload: "auto", disablePictureInPicture: true });
      this.video.addEventListener("error", () => {
        this.player?.drop(this.video);
        this.trouble = this.texts.noVideo;
        if (this.comparison) this.showMix();
      }, { once: true });
      this.video.src = this.urlOf(video.file);
      media.push({ element: this.video, duration: video.duration });
    }
    return media.filter(({ element }) => element !== null);
  }

  parts() {
    const { notes } = this.comparison;
    const sounds = element("div");
    sounds.hidden = true;
    sounds.append(...this.sounds.filter(Boolean));
    return [...this.screen(), this.plots(), this.axis(), this.bar(), this.hint(), sounds,
      ...notes.map((note) => element("div", "dc-note", translated(note)))];
  }

  screen() {
    this.heard = element("div", "dc-heard");
    if (!this.video) return [];
    const screen = element("div", "dc-screen");
    screen.addEventListener("click", () => this.act({ type: "play" }));
    screen.append(this.video, this.heard);
    return [screen];
  }

  plots() {
    const plots = element("div", "dc-plots");
    this.stage = element("div", "dc-stage");
    this.at = element("div", "dc-at");
    this.stage.append(this.at);
    const go = (event) => {
      const { left, width } = this.stage.getBoundingClientRect();
      this.goTo(timeAt(event.clientX - left, width, this.comparison.duration));
    };
    this.stage.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.stage.setPointerCapture(event.pointerId);
      go(event);
    });
    this.stage.addEventListener("pointermove", (event) => {
      if (this.stage.hasPointerCapture(event.pointerId)) go(event);
    });
    plots.append(...this.tracks.map((track) => track.element), this.stage);
    return plots;
  }

  axis() {
    const axis = element("div", "dc-axis");
    this.ruler = document.createElement("canvas");
    this.ruler.setAttribute("aria-label", this.texts.axis);
    axis.append(this.ruler);
    return axis;
  }

  bar() {
    const { texts } = this;
    const bar = element("div", "dc-bar");
    this.playButton = this.button("", texts.play, { type: "play" });
    this.time = element("span", "dc-time");
    this.pair = this.tracks.slice(0, 2).map((track, index) => {
      const button = this.button("AB"[index], `${track.track.title}: ${texts.hear}`, { type: "hear", track: index });
      button.classList.add("dc-hear");
      button.style.setProperty("--dc", track.colour);
      return button;
    });
    this.equal = this.button(texts.equal, `${texts.equalWhy} (E)`, { type: "equal" });
    this.loop = this.button("↻", `${texts.loop} (L)`, { type: "loop" });
    bar.append(this.playButton, this.time, ...this.pair, this.equal, this.loop);
    return bar;
  }

  hint() {
    const hint = element("div", "dc-hint");
    if (this.comparison.spans.length) hint.append(element("span", "dc-spans", this.texts.spans));
    this.keys = element("span", "", this.texts.clickForKeys);
    this.element.onfocus = () => { this.keys.textContent = this.texts.keys; };
    this.element.onblur = () => { this.keys.textContent = this.texts.clickForKeys; };
    hint.append(this.keys);
    return hint;
  }

  button(text, title, action) {
    const button = element("button", "dc-wide", text);
    button.title = title;
    button.addEventListener("click", () => this.act(action));
    return button;
  }

  onKey(event) {
    const action = this.comparison ? actionOf(event) : null;
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    this.act(action);
  }

  act(action) {
    if (!this.player) return;
    switch (action.type) {
      case "play":
        this.player.toggle();
        this.follow();
        break;
      case "seek": this.goTo(action.share * this.comparison.duration); break;
      case "step": this.goTo(this.player.time + action.seconds); break;
      case "loop": this.player.loop = !this.player.loop; break;
      case "leave": this.element.blur(); break;
      default: this.mix = changedMix(this.mix, action);
    }
    this.showMix();
  }

  goTo(time) {
    this.player.seek(time);
    this.showTime();
  }

  // Until it stops: keep everything in step and move the play head, once for every frame the browser shows.
  follow() {
    cancelAnimationFrame(this.request);
    const next = () => {
      if (!this.player) return;
      this.player.tick();
      this.showTime();
      if (this.player.playing) this.request = requestAnimationFrame(next);
      else this.showMix();
    };
    next();
  }

  showMix() {
    const { tracks } = this.comparison;
    const heard = audible(this.mix);
    const loud = volumes(this.mix, tracks.map((track) => track.gain));
    this.tracks.forEach((track, index) => {
      track.showMix(heard[index], this.mix.solo[index], this.mix.mute[index]);
      const sound = this.sounds[index];
      if (sound) Object.assign(sound, { volume: loud[index], muted: !heard[index] });
    });
    this.player.prefer(this.sounds[heard.indexOf(true)] ?? null);
    const names = tracks.filter((_, index) => heard[index]);
    this.element.dataset.audible = names.map((track) => track.name).join(" ");
    this.heard.textContent = names.length
      ? `${this.texts.hearing}: ${names.map((track) => this.texts[track.name] ?? track.title).join(" + ")}`
      : this.texts.nothingHeard;
    if (this.trouble) this.heard.textContent = this.trouble;
    this.pair.forEach((button, index) => pressed(button, names.length === 1 && heard[index]));
    pressed(this.equal, this.mix.equal);
    pressed(this.loop, this.player.loop);
    this.playButton.textContent = this.player.playing ? "❚❚" : "▶";
    this.playButton.title = this.player.playing ? this.texts.pause : this.texts.play;
    this.element.dataset.playing = String(this.player.playing);
  }

  showTime() {
    const { duration } = this.comparison;
    this.at.style.left = `${100 * shareOf(this.player.time, duration)}%`;
    this.time.textContent = `${timecode(this.player.time)} / ${timecode(duration)}`;
  }

  draw() {
    if (!this.comparison) return;
    for (const track of this.tracks) track.draw();
    const width = this.ruler.clientWidth;
    if (!width) return;
    const scale = Math.max(1, Math.min(window.devicePixelRatio || 1, 3));
    this.ruler.width = Math.round(width * scale);
    this.ruler.height = Math.round(AXIS_HEIGHT * scale);
    const context = this.ruler.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    Object.assign(context, { fillStyle: "#929aaa", font: "10px Inter, system-ui, sans-serif", textBaseline: "top" });
    for (const time of ticksOf(this.comparison.duration, width)) {
      const x = shareOf(time, this.comparison.duration) * width;
      context.textAlign = x < 12 ? "left" : x > width - 12 ? "right" : "center";
      context.fillRect(Math.min(x, width - 1), 0, 1, 3);
      context.fillText(clock(time), x, 5);
    }
  }

  // Let go of the sounds and the video of what was shown.
  stop() {
    cancelAnimationFrame(this.request);
    this.player?.dispose();
    this.player = null;
    this.comparison = null;
    this.sounds = [];
    this.video = null;
  }

  dispose() {
    this.stop();
    this.sizes.disconnect();
    this.element.replaceChildren();
  }
}

function pressed(button, state) {
  button.setAttribute("aria-pressed", String(state));
}
