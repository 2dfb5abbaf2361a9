import { Empty } from "../components/States";

export default function Views() {
  return <Empty title="Views" />;
}
