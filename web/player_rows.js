// The sounds that a run's output describes, checked. No DOM here.
const MOST_SOUNDS = 16;
const FILE = /^[\w][\w.-]{0,254}$/;

// [{ name, audio, duration, peaks }] of a node's output, of each of its takes; what is malformed is left out.
export function playersOf(described) {
  const takes = described?.takes ?? [described];
  const found = takes.flatMap((take) => (Array.isArray(take?.players) ? take.players : []));
  return found.map(read).filter(Boolean).slice(0, MOST_SOUNDS);
}

function read(player) {
  const duration = Number(player?.duration);
  const audio = player?.audio;
  if (!(duration > 0) || typeof audio !== "string" || !FILE.test(audio)) return null;
  const peaks = Array.isArray(player.peaks) ? player.peaks.map((peak) => Number(peak) || 0) : [];
  return { name: String(player.name ?? "").slice(0, 40), audio, duration, peaks };
}
