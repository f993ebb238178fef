// Loudness meters before and after a mix, drawn on its node: a bar in LUFS and the true peak for each sound.
import { addElement, after, element } from "./dom.js";
import { meterRows } from "./meter_rows.js";

const ROW_HEIGHT = 20;
const AROUND = 36; // The widget's margins and the panel's own.

export function addMeters(node, texts) {
  const panel = element("div", { display: "grid", gridTemplateColumns: "max-content 1fr max-content max-content",
    gap: "4px 8px", alignItems: "center", width: "100%", boxSizing: "border-box", padding: "8px 10px", fontSize: "11px",
    borderRadius: "8px", color: "var(--input-text, #ddd)", background: "var(--comfy-input-bg, #222)" });
  panel.className = "deepsound-meters";
  let rows = [];
  panel.append(hint(texts.metersEmpty));
  addElement(node, "deepsound_meters", panel, () => AROUND + ROW_HEIGHT * Math.max(1, rows.length));
  after(node, "onDeepSoundShown", (described) => {
    const takes = described.takes ?? [described];
    rows = takes.flatMap((take, index) => meterRows(take.meters, takes.length > 1 ? `${index + 1} ` : "", texts));
    if (rows.length) panel.replaceChildren(...rows.flatMap(cells));
    node.setSize?.([node.size[0], Math.max(node.computeSize()[1], node.size[1])]);
    node.graph?.setDirtyCanvas?.(true, true);
  });
}

function hint(text) {
  return element("span", { gridColumn: "1 / -1", opacity: "0.65" }, text);
}

function cells({ title, share, loudness, peak, isResult }) {
  const bar = element("div", { height: "8px", borderRadius: "4px", background: "rgba(127, 140, 165, 0.25)" });
  bar.append(element("div", { height: "100%", width: `${share * 100}%`, borderRadius: "4px",
    background: isResult ? "#4fae77" : "#6b93c9" }));
  const weight = { fontWeight: isResult ? "600" : "400", fontVariantNumeric: "tabular-nums" };
  return [element("span", weight, title), bar, element("span", weight, loudness), element("span", weight, peak)];
}
