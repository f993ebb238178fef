// Elements that only ever hold text: whatever an engine wrote, nothing of it becomes markup.
export function element(tag, style = {}, text = "") {
  const made = document.createElement(tag);
  Object.assign(made.style, style);
  made.textContent = text;
  return made;
}

// A widget that is an element on a node; it is neither sent with the prompt nor saved with the workflow.
export function addElement(node, name, content, height, most = height) {
  const widget = node.addDOMWidget(name, name, content, {
    serialize: false, hideOnZoom: false, getMinHeight: () => height, getMaxHeight: () => most,
  });
  widget.serialize = false; // The option keeps it out of the prompt, this out of the saved workflow.
  return widget;
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
