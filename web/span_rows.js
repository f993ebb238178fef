// The spans of a list as lines of text: when, the verdict, what is done there and why.
import { element, legible } from "./dom.js";
import { translated } from "./messages.js";
import { MOST_EDITED } from "./span_list.js";
import { seconds } from "./timespan.js";

const MOST_LISTED = 100;
const WHY_WIDTH = 150; // Pixels, below which a reason would be a column of single words.

export class SpanRows {
  // `acts` are what a click does: choose(index), change(index, values), remove(index), reset().
  constructor(texts, acts) {
    Object.assign(this, { texts, acts });
    this.element = element("div", { flex: "none", fontSize: "11px" });
    this.element.className = "deepsound-span-rows";
  }

  show({ spans, shown, text, canEdit, actions, chosen, isUnread }) {
    const head = element("div", { display: "flex", gap: "8px", alignItems: "center", opacity: "0.8" },
      isUnread ? this.texts.spansUnread : this.headline(spans, text, canEdit));
    head.style.color = isUnread ? legible("#f06a35") : "";
    if (canEdit && text.trim()) head.append(this.button("↺", this.texts.spansReset, "reset", () => this.acts.reset()));
    const rows = spans.slice(0, MOST_LISTED).map((span, index) => this.row(span, index, shown[index],
      { actions: canEdit && spans.length <= MOST_EDITED ? actions : [], canEdit, isChosen: index === chosen }));
    const beyond = spans.length - rows.length;
    this.element.replaceChildren(head, ...rows, ...(beyond > 0 ? [element("div", {}, `+${beyond}`)] : []));
  }

  headline(spans, text, canEdit) {
    if (!canEdit) return spans.length ? this.texts.spans : this.texts.spansNone;
    if (text.trim()) return spans.length ? this.texts.spansDrawn : this.texts.spansKeepAll;
    return spans.length ? this.texts.spansFound : this.texts.spansDraw;
  }

  row(span, index, segment, { actions, canEdit, isChosen }) {
    const row = element("div", { display: "flex", gap: "6px", alignItems: "center", borderRadius: "4px",
      padding: "1px 4px", background: isChosen ? "rgba(255, 154, 118, 0.18)" : "none" });
    row.className = "deepsound-span-row";
    row.addEventListener("click", () => this.acts.choose(index));
    const time = element("span", { flex: "none" }, `${seconds(span.start)} – ${seconds(span.end)}`);
    const verdict = element("b", { flex: "none" }, this.texts[span.verdict]);
    const done = segment?.action || span.action;
    const silent = segment?.silence_ratio;
    const measured = typeof silent === "number" ? ` (${Math.round(silent * 100)} % ${this.texts.silentFrames})` : "";
    // Where the node is narrow, the reason has a line of its own.
    const said = element("div", { display: "flex", flexWrap: "wrap", columnGap: "6px", alignItems: "center",
      flex: "1 1 auto", minWidth: "0" });
    said.append(time, verdict);
    if (done && !actions.length) said.append(element("span", { flex: "0 1 auto" }, this.worded(done) + measured));
    if (actions.length) said.append(this.menu(span, index, actions, done ? done + measured : ""));
    const why = [translated(span.why), span.prompt].filter(Boolean).join(" · ");
    if (why) said.append(element("span", { opacity: "0.75", overflowWrap: "anywhere", flex: `1 1 ${WHY_WIDTH}px` }, why));
    row.append(said);
    if (canEdit) row.append(this.button("✕", this.texts.spanDelete, "delete", () => this.acts.remove(index)));
    return row;
  }

  // What is to be done in a span: the first entry leaves it to the run, and says what the last one did.
  menu(span, index, actions, done) {
    const menu = element("select", { fontSize: "11px", background: "var(--comfy-menu-bg, #333)", color: "inherit",
      border: "none", borderRadius: "4px", flex: "none", maxWidth: "150px" });
    menu.setAttribute("aria-label", `${this.texts.spanAction} ${index + 1}`);
    const isOwn = actions.includes(span.action) && span.action === done;
    const found = !isOwn && done ? `${this.texts.spanAuto}: ${this.worded(done)}` : this.texts.spanAuto;
    for (const [name, label] of [["", found], ...actions.map((action) => [action, this.worded(action)])]) {
      const entry = element("option", {}, label);
      entry.value = name;
      menu.append(entry);
    }
    menu.value = span.action;
    menu.addEventListener("click", (event) => event.stopPropagation());
    menu.addEventListener("pointerdown", (event) => event.stopPropagation());
    menu.addEventListener("change", () => this.acts.change(index, { action: menu.value }));
    return menu;
  }

  // An action in the page's words, what was measured behind it; a fallback's name is the same in every language.
  worded(action) {
    const [name] = action.split(" ");
    return (this.texts[`action_${name}`] ?? name) + action.slice(name.length);
  }

  button(sign, label, name, act) {
    const made = element("button", { background: "none", border: "none", color: "inherit", cursor: "pointer",
      padding: "0 2px", flex: "none" }, sign);
    made.className = `deepsound-span-${name}`;
    made.title = label;
    made.setAttribute("aria-label", label);
    made.addEventListener("click", (event) => {
      event.stopPropagation();
      act();
    });
    return made;
  }
}
