// The weights dialog: what an engine needs, what is here and where, sizes and licences; download, cancel, verify.
import { element } from "./dom.js";
import { translated } from "./messages.js";
import { RefusedError } from "./weights_api.js";
import { fill, isActive, licenceText, missingOf, percent, roomText, sizeOf, stateOf, summaryText } from "./weights_rows.js";
import { writeWeightsStyle } from "./weights_style.js";

const POLL_MS = 700;
const IDLE_POLL_MS = 4000;

export class WeightsDialog {
  // `onChange` is called when weights came or went, so that menus and nodes can look again.
  constructor(api, texts, onChange = () => {}) {
    Object.assign(this, { api, texts, onChange, list: null, engines: [], accepted: new Set(), said: "", seen: "" });
  }

  get isOpen() {
    return Boolean(this.element?.isConnected);
  }

  async open(engines = []) {
    this.close();
    this.engines = engines;
    this.said = "";
    this.list = null;
    writeWeightsStyle(document);
    this.build();
    document.body.append(this.element);
    this.frame.focus();
    await this.refresh();
  }

  close() {
    clearTimeout(this.timer);
    this.element?.remove();
    this.element = null;
  }

  build() {
    const { texts } = this;
    this.element = element("div", "dw-veil");
    this.frame = element("div", "dw-frame");
    this.frame.tabIndex = -1;
    this.frame.setAttribute("role", "dialog");
    this.frame.setAttribute("aria-modal", "true");
    this.frame.setAttribute("aria-label", texts.title);
    this.menu = document.createElement("select");
    this.menu.setAttribute("aria-label", texts.engine);
    this.menu.addEventListener("change", () => {
      this.engines = this.menu.value ? this.menu.value.split("\n") : [];
      this.refresh();
    });
    const close = button("✕", "dw-close", () => this.close());
    close.setAttribute("aria-label", texts.close);
    const head = element("div", "dw-head");
    head.append(element("strong", "", texts.title), this.menu, close);
    this.summary = element("div", "dw-summary");
    this.trouble = element("div", "dw-trouble");
    this.trouble.setAttribute("role", "alert");
    this.rows = element("div", "dw-rows");
    this.foot = element("div", "dw-foot");
    this.frame.append(head, this.summary, this.trouble, this.rows, this.foot);
    this.element.append(this.frame);
    this.element.addEventListener("pointerdown", (event) => {
      if (event.target === this.element) this.close();
    });
    this.element.addEventListener("keydown", (event) => {
      event.stopPropagation(); // The graph's own keys: Delete would delete nodes.
      if (event.key === "Escape") this.close();
    });
  }

  async refresh() {
    clearTimeout(this.timer);
    if (!this.isOpen) return;
    const asked = this.engines;
    try {
      const list = await this.api.list(asked);
      if (!this.isOpen || asked !== this.engines) return;
      this.isAway = false;
      const before = this.list && missingOf(this.list).length;
      this.list = list;
      if (before !== null && before !== missingOf(list).length) this.onChange();
    } catch (error) {
      this.isAway = !(error instanceof RefusedError);
      if (!this.isAway) this.said = error.message;
    }
    this.show();
    const isBusy = this.isAway || this.list?.weights.some((weights) => isActive(weights.job));
    this.timer = setTimeout(() => this.refresh(), isBusy ? POLL_MS : IDLE_POLL_MS);
  }

  show() {
    if (!this.isOpen) return;
    const state = JSON.stringify([this.list, this.engines, this.said, this.isAway, [...this.accepted]]);
    if (state === this.seen && this.rows.childElementCount) return;
    this.seen = state;
    this.trouble.textContent = this.isAway ? this.texts.unreachable : translated(this.said);
    if (!this.list) return;
    this.showMenu();
    this.summary.textContent = [summaryText(this.list, this.texts), roomText(this.list, this.texts)]
      .filter(Boolean).join("\n");
    const { activeElement: focused } = document;
    const top = this.rows.scrollTop;
    this.rows.replaceChildren(...this.list.weights.map((weights) => this.row(weights)));
    this.rows.scrollTop = top;
    this.foot.replaceChildren(...this.licences(), ...this.all());
    if (focused?.isConnected) return;
    const again = [...this.frame.querySelectorAll("[data-key]")].find(({ dataset }) => dataset.key === focused?.dataset?.key);
    (again && !again.disabled ? again : this.frame).focus(); // So that the dialog's keys go on working.
  }

  showMenu() {
    const named = this.engines.join("\n");
    const options = [["", this.texts.allEngines], ...this.list.engines.map((engine) => [engine, engine])];
    if (this.engines.length && !this.list.engines.includes(named)) options.push([named, this.engines.join(" + ")]);
    this.menu.replaceChildren(...options.map(([value, text]) => Object.assign(document.createElement("option"),
      { value, textContent: text })));
    this.menu.value = named;
  }

  row(weights) {
    const { texts } = this;
    const row = element("div", "dw-row");
    row.dataset.id = weights.id;
    const { state, text } = stateOf(weights, texts);
    row.dataset.state = state;
    const told = element("div", "dw-told");
    const title = element("div", "dw-title");
    title.append(element("strong", "", weights.id), element("span", "", ` ${translated(weights.what)}`));
    const facts = [sizeOf(weights, texts), licenceText(weights.licence, texts), fill(texts.from, { value: weights.origin })];
    const place = weights.is_present ? weights.path : fill(texts.goesTo, { value: weights.path });
    told.append(title, element("div", "dw-facts", facts.join(" · ")), element("div", "dw-facts", place),
      element("div", "dw-state", text));
    if (isActive(weights.job)) told.append(bar(weights.job));
    row.append(told, this.actions(weights));
    return row;
  }

  actions(weights) {
    const { texts, api } = this;
    const actions = element("div", "dw-actions");
    const add = (text, action, title = "") => {
      const made = button(text, "", () => this.act(action));
      made.title = title;
      made.dataset.key = `${weights.id} ${text}`;
      actions.append(made);
      return made;
    };
    if (isActive(weights.job)) {
      add(texts.cancel, () => api.cancel(weights));
      return actions;
    }
    if (!weights.is_present) {
      const made = add(texts.download, () => api.download(weights));
      made.disabled = !this.isAccepted(weights);
      if (made.disabled) made.title = texts.acceptFirst;
    } else {
      add(texts.verify, () => api.verify(weights), texts.verifyWhy);
    }
    add(texts.open, async () => this.sayFolder(await api.open(weights)));
    return actions;
  }

  licences() {
    const wanted = new Map(missingOf(this.list).map((weights) => [this.keyOf(weights), weights.licence]));
    return [...wanted].map(([key, licence]) => {
      const label = element("label", "dw-licence");
      const box = document.createElement("input");
      box.type = "checkbox";
      box.dataset.key = key;
      box.checked = this.accepted.has(key);
      box.addEventListener("change", () => {
        if (box.checked) this.accepted.add(key);
        else this.accepted.delete(key);
        this.show();
      });
      label.append(box, element("span", "", fill(this.texts.accept, { value: licenceText(licence, this.texts) })));
      return label;
    });
  }

  all() {
    const missing = missingOf(this.list).filter((weights) => !isActive(weights.job));
    if (!missing.length) return [];
    const made = button(this.texts.downloadAll, "dw-all", () => this.act(async () => {
      for (const weights of missing) await this.api.download(weights);
    }));
    made.disabled = !missing.every((weights) => this.isAccepted(weights));
    if (made.disabled) made.title = this.texts.acceptFirst;
    return [made];
  }

  keyOf(weights) {
    return JSON.stringify([weights.licence.name, weights.licence.commercial, weights.licence.note]);
  }

  isAccepted(weights) {
    return this.accepted.has(this.keyOf(weights));
  }

  async sayFolder({ folder, opened }) {
    if (opened) return;
    const copied = await navigator.clipboard?.writeText(folder).then(() => true, () => false);
    this.said = fill(copied ? this.texts.copied : this.texts.folderIs, { value: folder });
  }

  async act(action) {
    this.said = "";
    try {
      await action();
    } catch (error) {
      if (error instanceof RefusedError) this.said = error.message;
      else this.isAway = true;
    }
    await this.refresh();
  }
}

function button(text, name, onClick) {
  const made = element("button", name, text);
  made.tabIndex = 0;
  made.addEventListener("click", onClick);
  return made;
}

function bar(job) {
  const made = element("div", "dw-bar");
  made.setAttribute("role", "progressbar");
  made.setAttribute("aria-valuenow", String(Math.round(100 * job.fraction)));
  const done = element("div");
  done.style.width = percent(job).replace(" ", "");
  made.append(done);
  return made;
}
