import { Empty } from "../components/States";

export default function Metrics() {
  return <Empty title="Metrics" />;
}
