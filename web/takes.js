// What a node that ran over several takes shows: one entry a take in ComfyUI's output. No DOM here.
const MOST_TAKES = 64;

// The first take's entry, with all entries as `takes` and the notes of all; null where there is nothing to show.
export function shownOf(output) {
  const entries = (Array.isArray(output?.deepsound) ? output.deepsound : []).filter(Boolean);
  if (!entries.length) return null;
  if (entries.length === 1) return entries[0];
  const notes = [...new Set(entries.flatMap((entry) => entry.notes ?? []))];
  const saved = entries.map((entry) => entry.note).filter(Boolean);
  return { ...entries[0], takes: entries.slice(0, MOST_TAKES), notes, ...(saved.length ? { note: saved.join("\n\n") } : {}) };
}
