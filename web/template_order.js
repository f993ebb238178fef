// The order of the pack's templates: that of their numbers. No DOM here.
const NUMBERED = /^\d\d /;

// `listed` is { pack: [names] }; the names of a pack whose names are numbered are sorted.
export function inOrder(listed) {
  return Object.fromEntries(Object.entries(listed ?? {}).map(([pack, names]) => [pack,
    Array.isArray(names) && names.some((name) => NUMBERED.test(name)) ? [...names].sort() : names]));
}
