// Plain words for the values of menus, where the front end can show them; what is saved and sent stays the value.

// `specs` are a node's inputs as the server describes them, `translated` the texts of its inputs in the page's language.
export function labelOptions(widgets, specs, translated = () => ({})) {
  for (const widget of widgets ?? []) {
    const labels = specs?.required?.[widget.name]?.[1]?.labels ?? specs?.optional?.[widget.name]?.[1]?.labels;
    const options = () => translated()?.[widget.name]?.options;
    if (!(labels ?? options()) || !widget.options || widget.options.getOptionLabel) continue;
    widget.options.getOptionLabel = (value) => {
      const label = options()?.[value] ?? labels?.[value];
      return typeof label === "string" && label ? label : String(value ?? "");
    };
  }
}

// Large text fields show their input's name while they are empty: in the page's language, unless they have other words.
export function labelTextFields(widgets, inputs) {
  for (const { name, element } of widgets ?? []) {
    if (element?.placeholder === name && inputs?.[name]?.name) element.placeholder = inputs[name].name;
  }
}

// Gives slots and widgets back the names that ComfyUI translated, where another extension (AIGODLIKE's translation) made
// the plain input name their label, which goes before the translation. A label that a user typed is another one.
export function undoPlainLabels(node) {
  const slots = [...(node.inputs ?? []), ...(node.outputs ?? [])];
  for (const slot of slots) if (slot.localized_name && slot.label === slot.name) slot.label = undefined;
  for (const widget of node.widgets ?? []) {
    const slot = node.inputs?.find((input) => input.widget?.name === widget.name);
    if (slot?.localized_name && widget.label === widget.name) widget.label = slot.localized_name;
  }
}

// The texts of a node's inputs in `language`, from what the server has of the pack's own; {} until they are there.
export class Translations {
  constructor(api, language) {
    this.nodes = {};
    this.arrived = language === "en" ? null : this.load(api, language);
  }

  async load(api, language) {
    const answer = await api.fetchApi("/i18n").catch(() => null);
    if (answer?.ok) this.nodes = (await answer.json().catch(() => null))?.[language]?.nodeDefs ?? {};
  }

  inputsOf(type) {
    return this.nodes[type]?.inputs ?? {};
  }
}
