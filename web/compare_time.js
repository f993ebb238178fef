// Conversion between times, text and pixels on the common axis. No DOM here.
export function timeAt(x, width, duration) {
  return width > 0 ? Math.min(Math.max(x / width, 0), 1) * duration : 0;
}

export function shareOf(time, duration) {
  return duration > 0 ? Math.min(Math.max(time / duration, 0), 1) : 0;
}

// 0:07.3, or 1:02:07.3 from an hour on.
export function timecode(seconds) {
  const tenths = Math.round(Math.max(seconds, 0) * 10);
  const [whole, rest] = [Math.floor(tenths / 10), tenths % 10];
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  const two = (number) => String(number).padStart(2, "0");
  const clock = hours ? `${hours}:${two(minutes)}` : `${minutes}`;
  return `${clock}:${two(whole % 60)}.${rest}`;
}

// The pairs (least, greatest) that `columns` pixel columns show of `peaks`.
export function columnsOf(peaks, columns) {
  return Array.from({ length: peaks.length ? Math.max(0, Math.floor(columns)) : 0 }, (_, column) => {
    const first = Math.floor((column * peaks.length) / columns);
    const last = Math.max(first + 1, Math.ceil(((column + 1) * peaks.length) / columns));
    const part = peaks.slice(first, last);
    return [Math.min(...part.map(([low]) => low)), Math.max(...part.map(([, high]) => high))];
  });
}
