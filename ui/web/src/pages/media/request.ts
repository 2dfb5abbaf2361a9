// What is asked of the server for a page of media: all of it comes from the address.

import { useQuery } from "@tanstack/react-query";
import { get } from "../../api/client";
import type { MediaKind, MediaReply } from "../../api/types";
import { useRefresh } from "../../components/detail/refresh";

export interface MediaRequest {
  kind: MediaKind;
  q: string;
  low: string;
  high: string;
  density: number;
  limit: number;
  attributes: string[];
}

export const DENSITIES = [10, 25, 50, 100, 250, 1000];
export const PAGE = 50;

export function requestOf(kind: MediaKind, parameters: URLSearchParams): MediaRequest {
  const number = (name: string, usual: number, most: number) => {
    const given = Number(parameters.get(name) ?? usual);
    return Number.isFinite(given) && given >= 1 ? Math.min(Math.floor(given), most) : usual;
  };
  const bound = (name: string) => {
    const text = (parameters.get(name) ?? "").trim();
    return text && Number.isFinite(Number(text)) ? text : "";
  };
  return {
    kind,
    q: parameters.get("q") ?? "",
    low: bound("low"),
    high: bound("high"),
    density: number("density", 50, 10_000),
    limit: number("sequences", PAGE, 10_000),
    attributes: parameters
      .getAll("group")
      .filter((key) => key.startsWith("param:"))
      .map((key) => key.slice(6)),
  };
}

/** The sequences that a request is about. `run`: it is about this run alone, and changes of others do not matter. */
export function useMedia<K extends MediaKind>(
  request: MediaRequest & { kind: K },
  run: string | null = null,
) {
  const { kind, q, low, high, density, limit, attributes } = request;
  const key = run === null ? ["media", request] : ["run", run, "media", request];
  useRefresh("media", null);
  return useQuery({
    queryKey: key,
    queryFn: ({ signal }) =>
      get<MediaReply<K>>(
        "media",
        { kind, q, low: low || null, high: high || null, density, limit, attribute: attributes },
        signal,
      ),
    // the old answer stays until the new one is there; of another kind it would be nonsense
    placeholderData: (previous, query) =>
      JSON.stringify(query?.queryKey).includes(`"kind":"${kind}"`) ? previous : undefined,
  });
}
