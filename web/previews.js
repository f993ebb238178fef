// A preview for videos that this browser cannot show (HEVC, ProRes, mkv): a copy that the server makes.
import { addElement, element } from "./dom.js";

const HEIGHT = 220;

// The video that a node shows: the copy, else ComfyUI's own preview in a widget or, with Nodes 2.0, in the element.
export function previewedVideo(node) {
  const widget = (name) => node.widgets?.find((found) => found.name === name)?.element;
  const places = [widget("deepsound_copy"), widget("video-preview"), node.videoContainer,
    document.querySelector(`[data-node-id="${node.id}"]`)];
  return places.map((place) => place?.querySelector?.("video")).find((video) => video?.isConnected) ?? null;
}

const copies = new Set();

// ComfyUI adds its own preview, an empty box for such a file, whenever it likes: called a few times a second.
export function hideDeadPreviews() {
  for (const copy of copies) copy.hideDeadPreview();
}

export class PreviewCopy {
  // `urlOf(place)` is where a file is fetched, `copyOf(place)` where its playable copy is.
  constructor(node, texts, urlOf, copyOf) {
    Object.assign(this, { node, texts, urlOf, copyOf, key: "" });
  }

  // Look whether the browser shows the file at `place`; null hides the copy.
  show(place) {
    const key = JSON.stringify(place);
    if (key === this.key) return;
    this.key = key;
    this.hide();
    if (!place) return;
    const probe = document.createElement("video");
    Object.assign(probe, { preload: "metadata", muted: true });
    const end = (isShown) => {
      probe.removeAttribute("src");
      probe.load();
      if (this.key === key && !isShown) this.add(place);
    };
    probe.addEventListener("loadedmetadata", () => end(probe.videoWidth > 0), { once: true });
    probe.addEventListener("error", () => probe.hasAttribute("src") && end(false), { once: true });
    probe.src = this.urlOf(place);
  }

  async add(place) {
    const { node, texts } = this;
    const box = element("div", { display: "flex", flexDirection: "column", width: "100%", height: "100%", gap: "2px",
      fontSize: "11px", color: "var(--input-text, #ddd)" });
    box.className = "deepsound-copy";
    const video = document.createElement("video");
    Object.assign(video, { controls: true, loop: true, playsInline: true, preload: "metadata" });
    Object.assign(video.style, { width: "100%", flex: "1", minHeight: "0", background: "#000", borderRadius: "6px" });
    const told = element("div", { padding: "0 4px", flex: "none", overflowWrap: "anywhere" }, texts.copyMaking);
    video.addEventListener("loadedmetadata", () => {
      told.textContent = texts.copyShown;
    });
    video.addEventListener("error", () => this.explain(told, place), { once: true });
    box.append(video, told);
    video.src = this.copyOf(place);
    addElement(node, "deepsound_copy", box, HEIGHT);
    copies.add(this);
    this.hideDeadPreview();
    node.setSize?.([node.size[0], Math.max(node.computeSize()[1], node.size[1])]);
    node.graph?.setDirtyCanvas?.(true, true);
  }

  hideDeadPreview() {
    const own = this.node.widgets?.find((widget) => widget.name === "video-preview");
    if (own?.element && own.element.style.display !== "none") own.element.style.display = "none";
  }

  async explain(told, place) {
    const answer = await fetch(this.copyOf(place)).catch(() => null);
    const { error } = answer && !answer.ok ? await answer.json().catch(() => ({})) : {};
    told.textContent = error ?? this.texts.copyFailed;
    told.style.whiteSpace = "pre-wrap";
  }

  hide() {
    const { node } = this;
    copies.delete(this);
    const index = node.widgets?.findIndex((widget) => widget.name === "deepsound_copy") ?? -1;
    if (index < 0) return;
    const [widget] = node.widgets.splice(index, 1);
    widget.onRemove?.();
    const own = node.widgets.find((other) => other.name === "video-preview");
    if (own?.element) own.element.style.display = "";
    node.setSize?.([node.size[0], Math.max(node.computeSize()[1], node.size[1] - HEIGHT)]);
  }
}
