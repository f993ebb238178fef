// What the loudness meters say. No DOM here.
const QUIETEST_LUFS = -48;
const MOST_ROWS = 64;

// Rows of { title, share, loudness, peak, isResult } of a node's meters; anything that is none gives no rows.
export function meterRows(meters, prefix, texts) {
  if (!Array.isArray(meters)) return [];
  return meters.slice(0, MOST_ROWS).map((meter) => {
    const lufs = Number.isFinite(meter?.lufs) ? meter.lufs : null;
    const peak = Number.isFinite(meter?.true_peak_dbtp) ? meter.true_peak_dbtp : null;
    return {
      title: prefix + (texts[`meter_${meter?.name}`] ?? String(meter?.name ?? "").slice(0, 40)),
      share: lufs === null ? 0 : Math.min(1, Math.max(0, 1 - lufs / QUIETEST_LUFS)),
      loudness: lufs === null ? "–" : `${lufs.toFixed(1)} LUFS`,
      peak: peak === null ? "–" : `${peak.toFixed(1)} dBTP`,
      isResult: meter?.name === "master",
    };
  });
}
