import { Empty } from "../components/States";

export default function RunPage({ hash }: { hash: string }) {
  return <Empty title={hash} />;
}
