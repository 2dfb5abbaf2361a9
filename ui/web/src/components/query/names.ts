// What there is in the repository to ask about.

import { type QueryClient, type UseQueryResult, useQuery } from "@tanstack/react-query";
import { get } from "../../api/client";
import { useLive } from "../../api/live";
import type { Names, Project } from "../../api/types";

const NAMES = {
  queryKey: ["names"],
  queryFn: ({ signal }: { signal: AbortSignal }) => get<Names>("names", {}, signal),
  staleTime: 60_000,
};

/** Ask for the names while the scripts of the page that needs them are on their way. */
export function askForNames(client: QueryClient): void {
  void client.prefetchQuery(NAMES);
}

/** Names for completion and for choosing columns. They are long, so they are asked anew only now and then. */
export function useNames(): UseQueryResult<Names> {
  return useQuery({
    ...NAMES,
    // a repository that has nothing yet will soon have something
    refetchInterval: ({ state: { data } }) =>
      data && data.params.length + data.metrics.length > 0 ? false : 5000,
  });
}

/** What is known of the repository as a whole. */
export function useProject(): Project | undefined {
  const live = useLive();
  return useQuery({
    queryKey: ["project", live.generation, live.active],
    queryFn: ({ signal }) => get<Project>("project", {}, signal),
    placeholderData: (previous) => previous,
  }).data;
}
