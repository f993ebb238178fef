// Synchronised playback of several sounds and a video: all play at once, switching is a matter of volume.
// Whatever has the few members of a media element that are used here can be played.
const END_S = 0.02;
const ENOUGH_DATA = 2;
// Up to here one out of step is led back a little faster or slower, beyond it jumps.
const JUMP_S = 0.3;
const IN_STEP_S = 0.02;
const HASTE = 0.06;

export class Player {
  // `media` is a list of { element, duration }.
  constructor(media, duration, now = () => performance.now() / 1000) {
    this.media = media;
    this.duration = duration;
    this.now = now;
    this.playing = false;
    this.loop = false;
    this.time = 0;
    this.preferred = null;
    this.anchor();
    this.choose();
  }

  anchor() {
    this.anchorTime = this.time;
    this.anchorNow = this.now();
  }

  // The one that is heard leads where it can, so that only those that are not heard are ever hurried or moved.
  prefer(element) {
    this.preferred = element;
    this.choose();
  }

  choose() {
    const going = this.media.filter((medium) => this.time < medium.duration - END_S);
    const longest = Math.max(0, ...going.map((medium) => medium.duration));
    this.lead = going.find((medium) => medium.element === this.preferred)
      ?? going.find((medium) => medium.duration === longest) ?? null;
    if (this.lead) this.lead.element.playbackRate = 1;
  }

  // Go on without what cannot be played.
  drop(element) {
    this.media = this.media.filter((medium) => medium.element !== element);
    this.choose();
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
    for (const { element, duration } of this.media) {
      element.pause();
      element.playbackRate = 1;
      const place = Math.min(this.time, duration);
      if (Math.abs(element.currentTime - place) > IN_STEP_S) element.currentTime = place;
    }
  }

  seek(time) {
    this.time = Math.min(Math.max(time, 0), this.duration);
    this.anchor();
    this.choose();
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

  // The leader's own time while it plays; where none is left, time goes on by the clock; while it loads, it stands.
  heardTime() {
    if (this.lead && this.time >= this.lead.duration - END_S) this.choose();
    const { element, duration } = this.lead ?? {};
    if (!element) return this.anchorTime + this.now() - this.anchorNow;
    if (element.ended) return duration;
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
      if (element.seeking || element.readyState < ENOUGH_DATA) continue;
      const ahead = element.currentTime - this.time;
      if (Math.abs(ahead) > JUMP_S) element.currentTime = this.time;
      const isOut = Math.abs(ahead) > IN_STEP_S && Math.abs(ahead) <= JUMP_S;
      const rate = isOut ? 1 - Math.sign(ahead) * HASTE : 1;
      if (element.playbackRate !== rate) element.playbackRate = rate;
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
    for (const { element } of this.media) {
      element.pause();
      element.removeAttribute("src");
      element.load();
    }
    this.playing = false;
    this.media = [];
    this.lead = null;
  }
}
