import type { MediaKind, MediaReply } from "../../api/types";
import { Audios } from "./Audios";
import { Distributions } from "./Distributions";
import { Figures } from "./Figures";
import { Images } from "./Images";
import type { MediaRequest } from "./request";
import { Texts } from "./Texts";

/** What an answer holds, in the way of its kind. */
export function MediaView({ reply, request }: { reply: MediaReply<MediaKind>; request: MediaRequest }) {
  if (isOf("images", reply)) return <Images reply={reply} request={request} />;
  if (isOf("audios", reply)) return <Audios sequences={reply.sequences} />;
  if (isOf("texts", reply)) return <Texts sequences={reply.sequences} />;
  if (isOf("figures", reply)) return <Figures sequences={reply.sequences} />;
  if (isOf("distributions", reply)) return <Distributions sequences={reply.sequences} />;
  return null;
}

function isOf<K extends MediaKind>(kind: K, reply: MediaReply<MediaKind>): reply is MediaReply<K> {
  return reply.kind === kind;
}
