// The names of the repository: asked once, and again when the index has grown.

import { useQuery } from "@tanstack/react-query";
import { get } from "../../api/client";
import { useLive } from "../../api/live";
import type { Names } from "../../api/types";

export function useNames(): { names: Names | undefined; error: unknown } {
  const { generation } = useLive();
  const { data, error } = useQuery({
    queryKey: ["names", generation],
    queryFn: ({ signal }) => get<Names>("names", {}, signal),
    placeholderData: (previous) => previous,
  });
  return { names: data, error };
}
