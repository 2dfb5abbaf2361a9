// What a view shows is in its address, so that it can be shared, and the browser's back button works.

import { useCallback, useMemo } from "react";
import { useLocation, useSearch } from "wouter";

export type Changes = { [name: string]: string | readonly string[] | null };

/** The address with some parameters changed: null or "" takes one out, a list puts it in several times. */
export function changed(search: string, changes: Changes): string {
  const parameters = new URLSearchParams(search);
  for (const [name, value] of Object.entries(changes)) {
    parameters.delete(name);
    if (value === null || value === "") continue;
    for (const one of typeof value === "string" ? [value] : value) parameters.append(name, one);
  }
  const text = parameters.toString();
  return text && `?${text}`;
}

/** The parameters of the current address, and a function that changes some of them. */
export function useAddress(): [URLSearchParams, (changes: Changes, options?: { replace?: boolean }) => void] {
  const [path, navigate] = useLocation();
  const search = useSearch();
  const parameters = useMemo(() => new URLSearchParams(search), [search]);
  const change = useCallback(
    (changes: Changes, options: { replace?: boolean } = {}) => {
      navigate(`${path}${changed(window.location.search, changes)}`, { replace: options.replace ?? false });
    },
    [path, navigate],
  );
  return [parameters, change];
}
