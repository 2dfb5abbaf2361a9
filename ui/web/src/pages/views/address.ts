// The address of a saved view, as people read it. Anybody may have written it.

export interface Described {
  page: string;
  query: string;
}

/** Page and query of an address; null where it does not lead to a page of ours. */
export function described(address: string): Described | null {
  // "//host" and "/\host" lead elsewhere
  if (!/^\/(?![/\\])/.test(address)) return null;
  const url = new URL(address, "http://page.invalid");
  if (url.host !== "page.invalid") return null;
  const [page = ""] = url.pathname.slice(1).split("/");
  if (!/^[a-z]+$/.test(page)) return null;
  return { page, query: url.searchParams.get("q") ?? "" };
}
