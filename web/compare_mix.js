// Mute, solo and loudness matching of the tracks, as immutable values. No DOM here.
const KEPT = 1; // The final sound is what the run was for, so it is heard first.

export function newMix(count) {
  const kept = Math.min(KEPT, count - 1);
  const solo = Array.from({ length: count }, (_, index) => index === kept);
  return { solo, mute: Array(count).fill(false), equal: true };
}

export function changedMix(mix, action) {
  const flipped = (flags) => flags.map((flag, index) => (index === action.track ? !flag : flag));
  const inRange = action.track === undefined || action.track < mix.solo.length;
  if (!inRange) return mix;
  switch (action.type) {
    case "hear": return alone(mix, action.track);
    case "switch": return mix.solo.length < 2 ? mix : alone(mix, isAlone(mix, 0) ? 1 : 0);
    case "solo": return { ...mix, solo: flipped(mix.solo) };
    case "mute": return { ...mix, mute: flipped(mix.mute) };
    case "equal": return { ...mix, equal: !mix.equal };
    default: return mix;
  }
}

function alone(mix, track) {
  const solo = mix.solo.map((_, index) => index === track);
  return { ...mix, solo, mute: mix.mute.map((flag, index) => flag && index !== track) };
}

function isAlone(mix, track) {
  return audible(mix).every((heard, index) => heard === (index === track));
}

// Solo comes before all that is not solo; what is muted is silent in any case.
export function audible(mix) {
  const anySolo = mix.solo.some(Boolean);
  return mix.solo.map((solo, index) => !mix.mute[index] && (solo || !anySolo));
}

// A volume from 0 to 1 for each track. The files play at equal loudness; without it the gain (dB) that made them so is
// taken off, and what would then exceed 1 brings all down alike. Tracks heard at once share the room there is.
export function volumes(mix, gains) {
  const undone = gains.map((gain) => (mix.equal ? 1 : 10 ** (-gain / 20)));
  const loudest = Math.max(1, ...undone);
  const heard = audible(mix);
  const together = Math.max(1, heard.filter(Boolean).length);
  return undone.map((volume, index) => (heard[index] ? volume / loudest / together : 0));
}
