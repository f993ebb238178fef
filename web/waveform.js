// A sound's peaks as bars with stretches marked over them: the geometry, and its drawing on any 2D context.
const LEAST_BAR = 1;
const STEPS_S = [0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600];

// One bar a pixel column, symmetric about the middle: [{ x, y, width, height }] for peaks from 0 to 100.
export function barsOf(peaks, width, height) {
  const columns = Math.max(0, Math.floor(width));
  return Array.from({ length: peaks.length ? columns : 0 }, (_, x) => {
    const first = Math.floor((x * peaks.length) / columns);
    const last = Math.max(first + 1, Math.ceil(((x + 1) * peaks.length) / columns));
    const peak = Math.min(100, Math.max(0, ...peaks.slice(first, last)));
    const tall = Math.max(LEAST_BAR, (peak / 100) * height);
    return { x, y: (height - tall) / 2, width: 1, height: tall };
  });
}

// Stretches of time, in seconds, as [{ x, width }] in pixels; what lies outside the sound is cut off.
export function boxesOf(spans, duration, width) {
  if (!(duration > 0)) return [];
  const place = (time) => (Math.min(Math.max(time, 0), duration) / duration) * width;
  return spans.map(([start, end]) => ({ x: place(start), width: place(end) - place(start) }))
    .filter((box) => box.width > 0).map((box) => ({ ...box, width: Math.max(box.width, 1) }));
}

// The times to write below: round ones, at least `apart` pixels from one another.
export function ticksOf(duration, width, apart = 48) {
  if (!(duration > 0) || width < apart) return [];
  const step = STEPS_S.find((candidate) => (candidate / duration) * width >= apart);
  if (!step) return [0];
  return Array.from({ length: Math.floor(duration / step + 1e-6) + 1 }, (_, index) => Number((index * step).toFixed(3)));
}

export function clock(seconds) {
  if (seconds < 60) return `${Number(seconds.toFixed(1))} s`;
  const whole = Math.floor(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

// Draw `sound` { peaks, spans, duration, people } into width x height CSS pixels.
export function drawWaveform(context, sound, width, height, colours) {
  const axis = 14;
  const { peaks = [], spans = [], people = [], duration = 0 } = sound;
  context.clearRect(0, 0, width, height);
  context.fillStyle = colours.span;
  for (const box of boxesOf(spans, duration, width)) context.fillRect(box.x, 0, box.width, height - axis);
  context.fillStyle = colours.bar;
  for (const bar of barsOf(peaks, width, height - axis)) context.fillRect(bar.x, bar.y, bar.width, bar.height);
  const voiced = boxesOf(spans, duration, width);
  context.fillStyle = colours.voice;
  for (const bar of barsOf(peaks, width, height - axis)) {
    if (voiced.some((box) => bar.x >= box.x && bar.x < box.x + box.width)) {
      context.fillRect(bar.x, bar.y, bar.width, bar.height);
    }
  }
  context.fillStyle = colours.people;
  for (const time of duration > 0 ? people : []) {
    context.fillRect((time / duration) * width - 1, height - axis - 3, 3, 3);
  }
  context.fillStyle = colours.text;
  context.font = "10px sans-serif";
  for (const time of ticksOf(duration, width)) {
    const x = (time / duration) * width;
    context.textAlign = x < 12 ? "left" : x > width - 12 ? "right" : "center";
    context.fillText(clock(time), x, height - 3);
  }
}
