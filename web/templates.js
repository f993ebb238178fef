// The pack's templates in the order of their numbers: the server lists files as the disk does.
import { api } from "../../scripts/api.js";

const NUMBERED = /^\d\d /;

// `listed` is { pack: [names] }; the names of a pack whose names are numbered are sorted.
export function inOrder(listed) {
  return Object.fromEntries(Object.entries(listed ?? {}).map(([pack, names]) => [pack,
    Array.isArray(names) && names.some((name) => NUMBERED.test(name)) ? [...names].sort() : names]));
}

const { getWorkflowTemplates } = api;
if (getWorkflowTemplates) {
  api.getWorkflowTemplates = async function (...given) {
    return inOrder(await getWorkflowTemplates.apply(this, given));
  };
}
