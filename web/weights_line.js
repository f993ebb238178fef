// A line on nodes with an engine: whether its weights are here, and the button that opens the weights dialog.
import { addElement, element } from "./dom.js";
import { enginesOf, lineText } from "./weights_rows.js";

const HEIGHT = 46; // With the page's own margins around a widget.
const AGAIN_MS = 60_000;

export class WeightsLine {
  // `open(engines)` opens the dialog.
  constructor(node, api, texts, open) {
    Object.assign(this, { node, api, texts, asked: "", at: 0 });
    this.element = element("div", { display: "flex", alignItems: "center", gap: "8px", width: "100%", fontSize: "11px",
      boxSizing: "border-box", padding: "3px 4px 3px 10px", borderRadius: "8px", color: "var(--input-text, #ddd)",
      background: "var(--comfy-input-bg, #222)" });
    this.element.className = "deepsound-weights";
    this.told = element("span", { flex: "1", minWidth: "0", overflow: "hidden", textOverflow: "ellipsis",
      whiteSpace: "nowrap" }, texts.asking);
    const button = element("button", { padding: "2px 8px", borderRadius: "6px", cursor: "pointer", font: "inherit",
      color: "inherit", background: "transparent", border: "1px solid var(--border-color, #555)" }, texts.button);
    button.addEventListener("click", () => open(this.engines));
    this.element.append(this.told, button);
    addElement(node, "deepsound_weights", this.element, HEIGHT);
  }

  get engines() {
    return enginesOf(this.node.comfyClass, this.node.widgets);
  }

  // Ask the server when the engines changed or the answer is old; cheap enough to be called a few times a second.
  async refresh(isNews = false) {
    const engines = this.engines;
    const key = engines.join("\n");
    const isOld = Date.now() - this.at > AGAIN_MS;
    if (!engines.length || (key === this.asked && !isOld && !isNews)) return;
    Object.assign(this, { asked: key, at: Date.now() });
    const list = await this.api.list(engines).catch(() => null);
    if (this.asked !== key) return;
    if (!list) {
      this.told.textContent = this.texts.asking;
      return;
    }
    this.told.textContent = lineText(list, this.texts);
    this.told.title = this.told.textContent;
    this.element.dataset.missing = String(list.weights.filter((weights) => !weights.is_present).length);
  }
}
