// The Compare view's keyboard: from key events to actions. No DOM here.
const LETTERS = "abc";
const NUDGE_S = 0.1;
const STEP_S = 1;

// An action for a keyboard event, or null for a key that the view does not use: the page may.
export function actionOf(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code ?? "")?.[1] ?? (/^[1-9]$/.test(key) ? key : null);
  if (digit) return { type: event.shiftKey ? "solo" : "mute", track: Number(digit) - 1 };
  const letter = LETTERS.indexOf(key);
  if (key.length === 1 && letter >= 0) return { type: "hear", track: letter };
  const step = event.shiftKey ? NUDGE_S : STEP_S;
  switch (key) {
    case " ": return { type: "play" };
    case "x": return { type: "switch" };
    case "e": return { type: "equal" };
    case "l": return { type: "loop" };
    case "ArrowLeft": return { type: "step", seconds: -step };
    case "ArrowRight": return { type: "step", seconds: step };
    case "Home": return { type: "seek", share: 0 };
    case "End": return { type: "seek", share: 1 };
    case "Escape": return { type: "leave" };
    default: return null;
  }
}
