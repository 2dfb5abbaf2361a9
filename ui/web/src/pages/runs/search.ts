// Finding names in a long list by parts of them.

export interface Found<T> {
  shown: T[];
  /** How many others there are. */
  more: number;
}

/** Those whose text has all the words of `search`, in any case; the first `most` of them. */
export function find<T>(
  list: readonly T[],
  text: (one: T) => string,
  search: string,
  most: number,
): Found<T> {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const shown: T[] = [];
  let more = 0;
  for (const one of list) {
    const lower = words.length > 0 ? text(one).toLowerCase() : "";
    if (!words.every((word) => lower.includes(word))) continue;
    if (shown.length < most) shown.push(one);
    else more += 1;
  }
  return { shown, more };
}
