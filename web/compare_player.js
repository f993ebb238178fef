// Several sounds and a video kept in step: all play all the time, so that switching is a matter of volume alone.
// Whatever has the few members of a media element that are used here can be played.
const TOLERANCE_S = 0.06;
const END_S = 0.02;
const ENOUGH_DATA = 2;

export class Player {
  // `media` is a list of { element, duration }; the first of the longest leads, the others follow.
  constructor(media, duration, now = () => performance.now() / 1000) {
    this.media = media;
    this.duration = duration;
    this.now = now;
    this.playing = false;
    this.loop = false;
    this.time = 0;
    this.anchor();
    this.choose();
  }

  choose() {
    const longest = Math.max(0, ...this.media.map((medium) => medium.duration));
    this.lead = this.media.find((medium) => medium.duration === longest) ?? null;
  }

  // Go on without what cannot be played.
  drop(element) {
    this.media = this.media.filter((medium) => medium.element !== element);
    this.choose();
  }

  anchor() {
    this.anchorTime = this.time;
    this.anchorNow = this.now();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  play() {
    if (this.time >= this.duration - END_S) this.seek(0);
    this.playing = true;
    this.anchor();
    for (const medium of this.media) this.start(medium);
  }

  pause() {
    this.playing = false;
    for (const { element } of this.media) element.pause();
  }

  seek(time) {
    this.time = Math.min(Math.max(time, 0), this.duration);
    this.anchor();
    for (const medium of this.media) {
      medium.element.currentTime = Math.min(this.time, medium.duration);
      if (this.playing) this.start(medium);
    }
  }

  start({ element, duration }) {
    if (this.time >= duration - END_S) return;
    // A browser may refuse to play before the first click, or when the element has just gone.
    element.play()?.catch?.(() => {});
  }

  // Look where everything is; call it with every frame shown. Gives the time.
  tick() {
    if (!this.playing) return this.time;
    this.time = Math.min(this.heardTime(), this.duration);
    this.anchor();
    if (this.time >= this.duration - END_S) this.finish();
    else this.align();
    return this.time;
  }

  // The leader's own time while it plays; past its end, time goes on by the clock; while it loads, time stands still.
  heardTime() {
    const { element, duration } = this.lead ?? {};
    if (!element || this.time >= duration - END_S || element.ended) return this.anchorTime + this.now() - this.anchorNow;
    if (element.paused) {
      this.start(this.lead);
      return this.time;
    }
    return element.readyState >= ENOUGH_DATA && !element.seeking ? element.currentTime : this.time;
  }

  align() {
    for (const medium of this.media) {
      const { element, duration } = medium;
      if (medium === this.lead || this.time >= duration - END_S) continue;
      if (element.paused) this.start(medium);
      const isLate = Math.abs(element.currentTime - this.time) > TOLERANCE_S;
      if (isLate && !element.seeking && element.readyState >= ENOUGH_DATA) element.currentTime = this.time;
    }
  }

  finish() {
    if (this.loop) {
      this.seek(0);
      return;
    }
    this.time = this.duration;
    this.pause();
  }

  // Let go of what the elements hold: the files, and the decoders behind them.
  dispose() {
    this.pause();
    for (const { element } of this.media) {
      element.removeAttribute("src");
      element.load();
    }
    this.media = [];
    this.lead = null;
  }
}
