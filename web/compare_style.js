// The Compare view's style sheet, added to the page once.
const ID = "deepsound-compare-style";
export const HEAD_WIDTH = 124;
export const COLOURS = { coarse: "#f4ac5c", final: "#5cccba", voice: "#f06c8e" };
export const OTHER_COLOUR = "#8fb4ea";
export const SPAN_COLOUR = "rgba(232, 72, 104, 0.26)";

const CSS = `
.deepsound-compare { display: flex; flex-direction: column; gap: 6px; width: 100%; height: 100%; padding: 8px;
  box-sizing: border-box; border-radius: 8px; overflow: hidden; outline: none; background: #12141a; color: #e8ebf2;
  font: 12px/1.35 Inter, system-ui, sans-serif; user-select: none; border: 1px solid #2a2f3c; }
.deepsound-compare:focus, .deepsound-compare:focus-within { border-color: #5b8def; }
.deepsound-compare [hidden] { display: none !important; }
.deepsound-compare .dc-message { margin: auto; padding: 8px; opacity: 0.7; text-align: center; white-space: pre-wrap; }
.deepsound-compare .dc-screen { position: relative; flex: 2 1 170px; min-height: 120px; border-radius: 6px;
  overflow: hidden; background: #000; cursor: pointer; }
.deepsound-compare video { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; }
.deepsound-compare .dc-heard { position: absolute; left: 8px; bottom: 8px; padding: 2px 9px; border-radius: 10px;
  background: rgba(12, 14, 19, 0.78); font-weight: 600; pointer-events: none; }
.deepsound-compare .dc-plots { position: relative; flex: 3 1 auto; min-height: 0; display: flex; gap: 5px;
  flex-direction: column; }
.deepsound-compare .dc-track { flex: 1 1 72px; min-height: 60px; display: flex; opacity: 0.5;
  transition: opacity 0.12s; }
.deepsound-compare .dc-track.dc-on { opacity: 1; }
.deepsound-compare .dc-head { flex: none; width: ${HEAD_WIDTH}px; box-sizing: border-box; padding: 1px 8px 1px 7px;
  display: flex; flex-direction: column; gap: 2px; border-left: 3px solid var(--dc); overflow: hidden; }
.deepsound-compare .dc-name { display: flex; align-items: center; gap: 6px; font-weight: 600; cursor: pointer;
  white-space: nowrap; overflow: hidden; text-overflow: ellipsis; background: none; border: none; padding: 0;
  color: inherit; font-size: 13px; text-align: left; }
.deepsound-compare .dc-key { flex: none; width: 17px; height: 17px; border-radius: 4px; display: inline-flex;
  align-items: center; justify-content: center; font-size: 10px; font-weight: 700; color: #12141a;
  background: var(--dc); }
.deepsound-compare .dc-facts { color: #929aaa; font-size: 11px; white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis; }
.deepsound-compare .dc-buttons { display: flex; gap: 4px; margin-top: auto; }
.deepsound-compare button.dc-small, .deepsound-compare button.dc-wide { border: 1px solid #39404f; cursor: pointer;
  background: #1d212b; color: #c9d0dd; border-radius: 4px; font: 600 11px/1 Inter, system-ui, sans-serif; }
.deepsound-compare button.dc-small { width: 24px; height: 19px; padding: 0; }
.deepsound-compare button.dc-wide { height: 24px; padding: 0 9px; white-space: nowrap; flex: none; }
.deepsound-compare button:hover { border-color: #6b7690; }
.deepsound-compare button[aria-pressed="true"] { background: #35548f; border-color: #5b8def; color: #fff; }
.deepsound-compare button.dc-mute[aria-pressed="true"] { background: #8c3346; border-color: #e8486a; color: #fff; }
.deepsound-compare button.dc-hear[aria-pressed="true"] { background: var(--dc); border-color: var(--dc);
  color: #12141a; }
.deepsound-compare .dc-plot { position: relative; flex: 1 1 auto; min-width: 0; display: flex; gap: 1px;
  flex-direction: column; border-radius: 3px; overflow: hidden; background: #161921; }
.deepsound-compare .dc-wave { flex: 2 1 0; min-height: 0; width: 100%; height: 0; }
.deepsound-compare .dc-mel { position: relative; flex: 3 1 0; min-height: 0; background: #08080f; }
.deepsound-compare .dc-mel img { position: absolute; left: 0; top: 0; height: 100%; pointer-events: none; }
.deepsound-compare .dc-axis { flex: none; height: 16px; margin-left: ${HEAD_WIDTH}px; }
.deepsound-compare .dc-axis canvas { width: 100%; height: 16px; display: block; }
.deepsound-compare .dc-stage { position: absolute; left: ${HEAD_WIDTH}px; right: 0; top: 0; bottom: 0;
  cursor: text; touch-action: none; }
.deepsound-compare .dc-at { position: absolute; top: 0; bottom: 0; width: 2px; margin-left: -1px; background: #fff;
  box-shadow: 0 0 4px rgba(0, 0, 0, 0.9); pointer-events: none; }
.deepsound-compare .dc-bar { flex: none; display: flex; align-items: center; gap: 6px; flex-wrap: wrap; }
.deepsound-compare .dc-time { font-variant-numeric: tabular-nums; color: #c9d0dd; white-space: nowrap;
  margin-right: auto; padding-left: 4px; }
.deepsound-compare .dc-hint { flex: none; color: #79818f; font-size: 10.5px; white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis; display: flex; gap: 12px; }
.deepsound-compare .dc-hint .dc-spans::before { content: ""; display: inline-block; width: 8px; height: 8px;
  margin-right: 5px; border-radius: 2px; background: #e8486a; }
.deepsound-compare .dc-note { flex: none; color: #f0c36c; font-size: 11px; white-space: pre-wrap; }
`;

export function writeStyle(page) {
  if (page.getElementById(ID)) return;
  const style = page.createElement("style");
  style.id = ID;
  style.textContent = CSS;
  page.head.append(style);
}
