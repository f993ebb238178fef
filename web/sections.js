// The four tagged sections of a chain of thought, whole or while it is still being written. No DOM here.
export const SECTIONS = ["SUMMARY", "CAPTION", "REASONING", "CONCLUSION"];

const ANY = SECTIONS.join("|");
const SECTION = new RegExp(`<(${ANY})>([\\s\\S]*?)(</\\1>|(?=<(?:${ANY})>)|$)`, "g");
const BROKEN_TAG = new RegExp(`<\\/?[A-Z]{0,${Math.max(...SECTIONS.map((name) => name.length))}}$`);

// [{ name, text, open }] in the order written; text between the sections has the name "". `open` is what is still
// being written: the last section when its closing tag has not come yet.
export function sectionsOf(text) {
  const found = [];
  let end = 0;
  for (const match of text.matchAll(SECTION)) {
    add(found, "", text.slice(end, match.index), false);
    end = match.index + match[0].length;
    add(found, match[1], match[2], !match[3] && end === text.length);
  }
  add(found, "", text.slice(end), true);
  return found;
}

function add(found, name, text, open) {
  const written = (open ? text.replace(BROKEN_TAG, "") : text).trim();
  if (written || (name && open)) found.push({ name, text: written, open: open && name !== "" });
}

// How a verdict is shown: which badge, and whether it was the user's choice rather than the reasoner's.
export function badgeOf({ verdict, taken_as: takenAs }) {
  const kind = ["yes", "no", "undecided"].includes(verdict) ? verdict : "undecided";
  return { kind, takenAs: kind === "undecided" ? takenAs ?? "no" : null };
}
