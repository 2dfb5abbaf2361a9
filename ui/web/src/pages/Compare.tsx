import { Empty } from "../components/States";

export default function Compare() {
  return <Empty title="Compare" />;
}
