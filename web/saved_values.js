// Workflows saved before LoadVideo had its inputs audio_track and downmix. No DOM here.
const ADDED = [0, "keep"];
const FORMER_COUNT = 4;

// The page keeps widget values by place, the upload button's last: added inputs belong before it.
export function withAddedInputs(values) {
  if (!Array.isArray(values) || values.length !== FORMER_COUNT || typeof values.at(-1) !== "string") return values;
  return [...values.slice(0, -1), ...ADDED, values.at(-1)];
}
