// Elements that only ever hold text: nothing that came from a run becomes markup.
export function made(tag, name = "", text = "") {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.textContent = text;
  if (tag === "button") {
    element.type = "button";
    // The card keeps the focus, so that its keys go on working after a click.
    element.tabIndex = -1;
    element.addEventListener("pointerdown", (event) => event.preventDefault());
  }
  return element;
}
