// Workflows saved before LoadVideo had its inputs audio_track and downmix. No DOM here.
const ADDED = [0, "keep"];
const FORMER_COUNT = 4;

// A Pipeline saved before it could save videos goes on saving none: another node of its graph does.
const PIPELINE_COUNT = 10;

export function withoutSaving(values) {
  if (!Array.isArray(values) || ![PIPELINE_COUNT, PIPELINE_COUNT + 1].includes(values.length)) return values;
  return [...values.slice(0, PIPELINE_COUNT), values[PIPELINE_COUNT] ?? false, false];
}

// The page keeps widget values by place, the upload button's last: added inputs belong before it.
export function withAddedInputs(values) {
  if (!Array.isArray(values) || values.length !== FORMER_COUNT || typeof values.at(-1) !== "string") return values;
  return [...values.slice(0, -1), ...ADDED, values.at(-1)];
}
