// Changes to a run: each is sent as an event of its own, and the run is asked for anew.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { ApiError, get, post } from "../../api/client";
import { useLive } from "../../api/live";
import type { Edit, EditReply, Project } from "../../api/types";

/** A function that changes a run, or throws with the server's reason. */
export function useEdit(hash: string): (change: Omit<Edit, "runs">) => Promise<void> {
  const client = useQueryClient();
  return useCallback(
    async (change) => {
      const reply = await post<EditReply>("edit", { runs: [hash], ...change });
      const reason = reply.failed[hash];
      if (reason !== undefined) throw new ApiError(409, { error: "EditFailed", message: reason });
      await client.invalidateQueries({ queryKey: ["run", hash] });
    },
    [client, hash],
  );
}

/** Whether nothing can be changed here; yes until it is known. The header asks the same under the same key. */
export function useReadOnly(): boolean {
  const live = useLive();
  const project = useQuery({
    queryKey: ["project", live.generation, live.active],
    queryFn: ({ signal }) => get<Project>("project", {}, signal),
    placeholderData: (previous) => previous,
  });
  return project.data?.read_only ?? true;
}
