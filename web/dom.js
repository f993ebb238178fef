// Elements that only ever hold text: whatever came from a run, nothing of it becomes markup. `look` is a class name or
// an object of styles.
export function element(tag, look = {}, text = "") {
  const made = document.createElement(tag);
  if (typeof look === "string") made.className = look;
  else Object.assign(made.style, look);
  made.textContent = text;
  if (tag === "button") {
    made.type = "button";
    // Whatever holds the button keeps the focus, so that its keys go on working after a click.
    made.tabIndex = -1;
    made.addEventListener("pointerdown", (event) => event.preventDefault());
  }
  return made;
}

// Call `more` after a node's own `hook`, with what the hook was called with.
export function after(node, hook, more) {
  const before = node[hook];
  node[hook] = function (...given) {
    const answer = before?.apply(this, given);
    more(...given);
    return answer;
  };
}

// A widget that is an element on a node; it is neither sent with the prompt nor saved with the workflow.
// `height` and `most` are CSS pixels, or functions that give them.
export function addElement(node, name, content, height, most = height) {
  const pixels = (value) => (typeof value === "function" ? value() : value);
  const widget = node.addDOMWidget(name, name, content, {
    serialize: false, hideOnZoom: false, getMinHeight: () => pixels(height), getMaxHeight: () => pixels(most),
    hideInPanel: true, // The properties panel would move the element out of the node, and not give it back.
  });
  widget.serialize = false; // The option keeps it out of the prompt, this out of the saved workflow.
  return widget;
}

// Keep the previews that the page adds to a node after a run out of its prompt: an input more would be another request,
// which runs again and saves the same file twice.
export function leavePreviewsOut(node) {
  const { addDOMWidget } = node;
  if (!addDOMWidget) return;
  node.addDOMWidget = function (name, type, content, options = {}) {
    const isPreview = /preview/i.test(name);
    return addDOMWidget.call(this, name, type, content, isPreview ? { ...options, serialize: false } : options);
  };
}

// A colour for text that is legible in every theme: mixed with the theme's own colour of text.
export function legible(colour) {
  return `color-mix(in srgb, ${colour} 35%, var(--input-text, #ddd))`;
}

// Make `context` draw in CSS pixels on a canvas as wide as it is shown; gives the size, or null while it is hidden.
export function fitted(canvas, height) {
  const width = canvas.clientWidth;
  if (!width) return null;
  const scale = Math.max(1, Math.min(window.devicePixelRatio || 1, 3));
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.getContext("2d").setTransform(scale, 0, 0, scale, 0, 0);
  return { width, height };
}

// The wheel scrolls what has something to scroll, and else zooms the graph as everywhere.
export function keepWheel(scrolled) {
  scrolled.addEventListener("wheel", (event) => {
    if (scrolled.scrollHeight > scrolled.clientHeight + 1 && !event.ctrlKey) event.stopPropagation();
  }, { passive: true });
}
