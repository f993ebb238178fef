// The weights dialog's styles, in the theme's own colours.
const ID = "deepsound-weights-style";
const CSS = `
.dw-veil { position: fixed; inset: 0; z-index: 3000; display: flex; align-items: center; justify-content: center;
  background: rgba(0, 0, 0, 0.55); font: 13px/1.45 Inter, system-ui, sans-serif; }
.dw-frame { display: flex; flex-direction: column; gap: 10px; width: min(860px, 94vw); max-height: 88vh; padding: 16px;
  box-sizing: border-box; border-radius: 12px; outline: none; color: var(--input-text, #ddd);
  background: var(--comfy-menu-bg, #202020); border: 1px solid var(--border-color, #4e4e4e); }
.dw-head { display: flex; gap: 12px; align-items: center; font-size: 15px; }
.dw-head select { flex: 1; min-width: 0; }
.dw-frame select, .dw-frame button { padding: 5px 10px; border-radius: 6px; color: var(--input-text, #ddd);
  background: var(--comfy-input-bg, #333); border: 1px solid var(--border-color, #4e4e4e); font: inherit; cursor: pointer; }
.dw-frame button:disabled { opacity: 0.45; cursor: not-allowed; }
.dw-frame button:focus-visible { outline: 2px solid #5c8fef; }
.dw-close { margin-left: auto; }
.dw-summary { white-space: pre-wrap; overflow-wrap: anywhere; opacity: 0.9; }
.dw-trouble { white-space: pre-wrap; overflow-wrap: anywhere; user-select: text; }
.dw-trouble:empty { display: none; }
.dw-trouble:not(:empty) { padding: 6px 10px; border-radius: 8px; color: #ffd9cf; background: #5a1f1a; }
.dw-rows { display: flex; flex-direction: column; gap: 8px; overflow: auto; min-height: 60px; }
.dw-row { display: flex; gap: 12px; padding: 8px 10px; border-radius: 8px; background: var(--comfy-input-bg, #2b2b2b);
  border-left: 4px solid #8a6d1d; }
.dw-row[data-state="here"] { border-left-color: #2f8f56; }
.dw-row[data-state="active"] { border-left-color: #5c8fef; }
.dw-row[data-state="failed"] { border-left-color: #c2452d; }
.dw-told { flex: 1; min-width: 0; user-select: text; overflow-wrap: anywhere; }
.dw-facts { font-size: 11px; opacity: 0.8; }
.dw-state { font-size: 12px; white-space: pre-wrap; }
.dw-actions { display: flex; flex-direction: column; gap: 6px; min-width: 110px; }
.dw-bar { height: 6px; margin-top: 5px; border-radius: 3px; background: rgba(127, 140, 165, 0.3); }
.dw-bar > div { height: 100%; border-radius: 3px; background: #5c8fef; }
.dw-foot { display: flex; flex-direction: column; gap: 6px; max-height: 30vh; overflow: auto; flex: none; }
.dw-licence { display: flex; gap: 8px; align-items: flex-start; cursor: pointer; }
.dw-frame .dw-all { align-self: flex-start; color: #fff; background: #2b5fb8; }
`;

export function writeWeightsStyle(page) {
  if (page.getElementById(ID)) return;
  const style = page.createElement("style");
  style.id = ID;
  style.textContent = CSS;
  page.head.append(style);
}
