import { Empty } from "../components/States";

export default function Runs() {
  return <Empty title="Runs" />;
}
