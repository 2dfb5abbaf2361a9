import { useQuery } from "@tanstack/react-query";
import { getBinary } from "../../api/client";
import { type Curve, decodeCurves } from "../../api/columns";
import { keyOf, portionQuery } from "./sequences";

/** The curve of one metric of a run, out of the portion that it is fetched with. */
export function useCurve(hash: string, names: readonly string[], key: string) {
  return useQuery({
    queryKey: ["run", hash, "curves", names],
    queryFn: async ({ signal }) => {
      const q = portionQuery(hash, names);
      const reply = decodeCurves(await getBinary("curves", { q, points: 300, limit: 10_000 }, signal));
      return new Map<string, Curve>(reply.sequences.map((curve) => [keyOf(curve), curve]));
    },
    placeholderData: (previous) => previous,
    select: (curves) => curves.get(key) ?? null,
  });
}
