import type { MediaKind } from "../../api/types";
import { Copy } from "../../components/detail/Copy";
import { Empty } from "../../components/States";
import styles from "./NothingLogged.module.css";

const CODE: { [kind in MediaKind]: string } = {
  images: `from runstone import Image, Run
run = Run()
run.track(Image(pixels, caption="input"), name="inputs", step=0)`,
  audios: `from runstone import Audio, Run
run = Run()
run.track(Audio(samples, rate=16000, caption="tone"), name="sounds", step=0)`,
  texts: `from runstone import Run, Text
run = Run()
run.track(Text("what the model said"), name="answers", step=0)`,
  figures: `from runstone import Figure, Run
run = Run()
run.track(Figure(plotly_or_matplotlib_figure), name="confusion", step=0)`,
  distributions: `from runstone import Distribution, Run
run = Run()
run.track(Distribution(layer.weight), name="weights", step=0)`,
};
const WORDS: { [kind in MediaKind]: string } = {
  images: "images",
  audios: "sounds",
  texts: "texts",
  figures: "figures",
  distributions: "distributions",
};

export function NothingLogged({ kind, isFiltered }: { kind: MediaKind; isFiltered: boolean }) {
  if (isFiltered) {
    return (
      <Empty title={`No ${WORDS[kind]} match`}>
        <p>The query is answered, and is true for none of them.</p>
      </Empty>
    );
  }
  return (
    <Empty title={`No ${WORDS[kind]} have been logged yet`}>
      <p>This logs one; it shows up here by itself:</p>
      <div className={styles.code}>
        <pre>{CODE[kind]}</pre>
        <Copy text={CODE[kind]} label="Copy the code" />
      </div>
    </Empty>
  );
}
