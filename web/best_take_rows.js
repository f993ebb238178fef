// The rows of a ranking, read from a node's output and put into words. No DOM here.
const MOST_TAKES = 64;

// The takes of a node's output with their figures as text, or null where there is no ranking in it.
export function readTakes(shown) {
  if (!Array.isArray(shown?.takes) || !shown.takes.length) return null;
  return shown.takes.slice(0, MOST_TAKES).map((take, index) => ({
    number: index + 1,
    chosen: Boolean(take?.chosen),
    best: Boolean(take?.best),
    silent: Boolean(take?.is_silent),
    voice: isNumber(take?.voice_rate) ? take.voice_rate : null,
    figures: figuresOf(take ?? {}),
    place: placeOf(take?.file),
  }));
}

// What the widget `choose` becomes when the star of a take is clicked: a second click leaves it to the ranking.
export function starred(current, number) {
  return Number(current) === number ? 0 : number;
}

function figuresOf(take) {
  const parts = [["LUFS", take.lufs, 1], ["sync", take.sync, 2], ["AV-Align", take.av_align, 2],
    ["DeSync", take.desync_s, 2, " s"], ["IB", take.ib, 1]];
  return parts.filter(([, value]) => isNumber(value))
    .map(([name, value, digits, unit = ""]) => `${name} ${value.toFixed(digits)}${unit}`).join(" · ");
}

// A file of ComfyUI's temporary folder, by a plain name: nothing else is asked of the server.
function placeOf(file) {
  const name = String(file?.filename ?? "");
  return /^deepsound_\w+\.wav$/.test(name) ? { filename: name, subfolder: "", type: "temp" } : null;
}

function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}
