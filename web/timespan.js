// The chosen part of a video: conversion between the node's numbers and the bar's handles. No DOM here.
export const SHORTEST_S = 0.05;

const hundredths = (seconds) => Math.round(seconds * 100) / 100;
const within = (value, low, high) => Math.min(Math.max(value, low), high);

// { start, end } in seconds for the node's numbers; a duration of 0 reaches to the end. `fits` tells whether they lie
// inside a video of `length` seconds.
export function spanOf(start, duration, length) {
  const begin = within(start, 0, length);
  const end = duration > 0 ? within(start + duration, begin, length) : length;
  return { start: begin, end, fits: start >= 0 && start < length && start + duration <= length + 0.01 };
}

// The node's numbers after `handle` ("start", "end" or "both") was moved to `to` seconds; "both" keeps the duration.
export function moved(span, handle, to, length) {
  const shortest = Math.min(SHORTEST_S, length);
  let { start, end } = span;
  if (handle === "start") start = within(to, 0, end - shortest);
  if (handle === "end") end = within(to, start + shortest, length);
  if (handle === "both") {
    const duration = end - start;
    start = within(to, 0, length - duration);
    end = start + duration;
  }
  const toTheEnd = end >= length - 0.005;
  const from = hundredths(start);
  return { start: from, duration: toTheEnd ? 0 : hundredths(end - from) };
}

export function seconds(value) {
  if (value < 60) return `${value.toFixed(2)} s`;
  const [minutes, rest] = [Math.floor(value / 60), value % 60];
  if (minutes >= 60) {
    return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest.toFixed(2).padStart(5, "0")}`;
  }
  return `${minutes}:${rest.toFixed(2).padStart(5, "0")}`;
}

export function rate(fps) {
  return `${Number(fps.toFixed(3))} fps`;
}

// What is told of a video: its size, rate and length, as far as they are known.
export function described({ width, height, fps, duration }) {
  const parts = [];
  if (width && height) parts.push(`${width} × ${height}`);
  if (fps > 0) parts.push(rate(fps));
  if (duration > 0) parts.push(seconds(duration));
  return parts.join(" · ");
}

// From this length on, the sound of a part is worth a warning: 47 minutes of stereo at 48000 Hz are 1 GB.
const LONG_S = 2800;
const SECOND_BYTES = 4 * 2 * 48000;

// How many GB the sound of so many seconds takes about as one AUDIO, as text; empty for what is not long.
export function longSound(length) {
  return length < LONG_S ? "" : ((length * SECOND_BYTES) / 1e9).toFixed(1);
}

// A menu entry such as "folder/clip.mp4 [output]" as the page asks for it: filename, subfolder and type.
export function placeOf(entry) {
  const [, path, type] = /^(.*?)(?: \[(input|output|temp)\])?$/s.exec(entry);
  const parts = path.split("/");
  return { filename: parts.pop(), subfolder: parts.join("/"), type: type ?? "input" };
}
