// Previews that ComfyUI's page gave up on: a video that takes it longer than twice 8 seconds is never shown; here it is
// asked for again. No DOM here.
const GIVEN_UP_MS = 17_000;
const MOST_TRIES = 5;

// Whether `source`, a video's address, is that of `file`, an output { filename, subfolder, type }.
function isOf(source, file) {
  const asked = new URL(source || "about:blank", "http://page").searchParams;
  return ["filename", "subfolder", "type"].every((name) => (asked.get(name) ?? "") === String(file[name] ?? ""));
}

export class PreviewRetries {
  constructor() {
    this.waiting = new WeakMap();
  }

  // To be called a few times a second with the address of the video that a node shows, "" where it shows none. The page
  // keeps in `node.images` what it has tried to load, and compares it whenever it draws: without it, it tries again.
  // Gives whether it is to draw now.
  look(node, source, now) {
    const { images } = node;
    if (node.previewMediaType !== "video" || !images?.[0]?.filename) return false;
    const known = this.waiting.get(node);
    if (known?.images !== images) {
      this.waiting.set(node, { images, since: now, tries: 0 });
      return false;
    }
    if (isOf(source, images[0])) {
      known.tries = MOST_TRIES;
      return false;
    }
    if (known.tries >= MOST_TRIES || now - known.since < GIVEN_UP_MS * 2 ** known.tries) return false;
    Object.assign(known, { since: now, tries: known.tries + 1 });
    node.images = undefined;
    return true;
  }
}
