import type { MediaKind } from "../api/types";
import { Empty } from "../components/States";

export default function Media({ kind }: { kind: MediaKind }) {
  return <Empty title={kind} />;
}
