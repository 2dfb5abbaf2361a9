// Media of many runs: what a query finds, of one kind.

import { useAddress } from "../address";
import type { MediaKind } from "../api/types";
import { QueryBar } from "../components/QueryBar";
import { Loading } from "../components/States";
import { MediaControls } from "./media/MediaControls";
import { MediaView } from "./media/MediaView";
import styles from "./media/MediaView.module.css";
import { NothingLogged } from "./media/NothingLogged";
import { requestOf, useMedia } from "./media/request";

const UNITS: { [kind in MediaKind]: string } = {
  images: "image sequences",
  audios: "audio sequences",
  texts: "text sequences",
  figures: "figure sequences",
  distributions: "distribution sequences",
};

export default function Media({ kind }: { kind: MediaKind }) {
  const [parameters, change] = useAddress();
  const request = requestOf(kind, parameters);
  const media = useMedia(request);
  const reply = media.data;
  return (
    <div className={styles.page} key={kind}>
      <QueryBar
        kind={kind}
        value={request.q}
        onSubmit={(q) => change({ q, open: null, sequences: null })}
        answer={reply}
        unit={UNITS[kind]}
        error={media.error}
        isLoading={media.isFetching}
      />
      {reply === undefined && !media.error && <Loading what={UNITS[kind]} />}
      {reply !== undefined && reply.total === 0 && (
        <NothingLogged kind={kind} isFiltered={request.q.trim() !== ""} />
      )}
      {reply !== undefined && reply.total > 0 && (
        <>
          <MediaControls reply={reply} request={request} />
          <MediaView reply={reply} request={request} />
        </>
      )}
    </div>
  );
}
