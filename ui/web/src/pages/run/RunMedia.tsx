// The images, sounds, texts, figures and distributions of one run: the Media pages' views, about this run alone.

import { Link } from "wouter";
import { useAddress } from "../../address";
import type { MediaKind, RunDetails } from "../../api/types";
import { Tabs } from "../../components/detail/Tabs";
import { Empty, Failure, Loading } from "../../components/States";
import { MediaControls } from "../media/MediaControls";
import { MediaView } from "../media/MediaView";
import { requestOf, useMedia } from "../media/request";
import styles from "./RunMedia.module.css";

const KINDS: [MediaKind, string][] = [
  ["images", "Images"],
  ["audios", "Audio"],
  ["texts", "Texts"],
  ["figures", "Figures"],
  ["distributions", "Distributions"],
];

/** The kinds of media that a run has, and how many sequences of each. */
export function mediaKinds(run: RunDetails): [MediaKind, number][] {
  return KINDS.map(([kind]): [MediaKind, number] => [
    kind,
    run.sequences.filter((sequence) => sequence.kind === kind).length,
  ]).filter(([, count]) => count > 0);
}

export function RunMedia({ run }: { run: RunDetails }) {
  const [parameters, change] = useAddress();
  const kinds = mediaKinds(run);
  const chosen = kinds.find(([kind]) => kind === parameters.get("kind")) ?? kinds[0];
  if (chosen === undefined) {
    return (
      <Empty title="No media in this run">
        <pre>{`from runstone import Image\nrun.track(Image(pixels, caption="input"), name="inputs", step=step)`}</pre>
      </Empty>
    );
  }
  return (
    <Tabs
      tabs={kinds.map(([kind, count]) => ({ id: kind, title: titleOf(kind), count }))}
      value={chosen[0]}
      label="Kinds of media"
      onChange={(kind) => change({ kind, open: null })}
    >
      <MediaOfKind key={chosen[0]} run={run} kind={chosen[0]} />
    </Tabs>
  );
}

function titleOf(kind: MediaKind): string {
  return KINDS.find(([name]) => name === kind)?.[1] ?? kind;
}

function MediaOfKind({ run, kind }: { run: RunDetails; kind: MediaKind }) {
  const [parameters] = useAddress();
  const query = `run.hash == ${JSON.stringify(run.hash)}`;
  const request = { ...requestOf(kind, parameters), q: query };
  const media = useMedia(request, run.hash);
  if (media.data === undefined) {
    return media.error ? <Failure error={media.error} /> : <Loading what={kind} />;
  }
  return (
    <>
      {media.error && <Failure error={media.error} />}
      <MediaControls reply={media.data} request={request}>
        <Link className={styles.link ?? ""} href={`/${kind}?q=${encodeURIComponent(query)}`}>
          Open in {titleOf(kind)}
        </Link>
      </MediaControls>
      <MediaView reply={media.data} request={request} />
    </>
  );
}
