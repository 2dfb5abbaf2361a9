import { type CSSProperties, memo } from "react";
import { type Colour, cssColour, PLAIN, parse, type Span, type Style } from "./ansi";
import type { Hit } from "./lines";
import styles from "./Terminal.module.css";

interface Props {
  text: string;
  begin: Style | undefined;
  hits: Hit[] | undefined;
  current: Hit | undefined;
}

/** So many characters of a line are drawn; the whole is copied and downloaded. */
const LONGEST = 20_000;

/** One line with its colours, and what was found in it marked. */
export const TerminalLine = memo(function TerminalLine({ text, begin, hits, current }: Props) {
  const { spans } = parse(text.length > LONGEST ? text.slice(0, LONGEST) : text, begin ?? PLAIN);
  let at = 0;
  return (
    <span className={styles.text}>
      {spans.map((span, index) => {
        const from = at;
        at += span.text.length;
        return (
          <span key={index} className={classOf(span.style)} style={cssOf(span.style)}>
            {hits ? marked(span, from, hits, current) : span.text}
          </span>
        );
      })}
      {text.length > LONGEST && <em> … {text.length - LONGEST} more characters</em>}
    </span>
  );
});

function marked(span: Span, from: number, hits: Hit[], current: Hit | undefined) {
  const pieces = [];
  let at = 0;
  for (const hit of hits) {
    const [start, end] = [Math.max(hit.start - from, at), Math.min(hit.end - from, span.text.length)];
    if (start >= end) continue;
    pieces.push(span.text.slice(at, start));
    pieces.push(
      <mark key={start} data-current={hit === current}>
        {span.text.slice(start, end)}
      </mark>,
    );
    at = end;
  }
  pieces.push(span.text.slice(at));
  return pieces;
}

function classOf(style: Style): string | undefined {
  if (style === PLAIN) return undefined;
  const [ink, ground] = style.inverse ? [style.ground, style.ink] : [style.ink, style.ground];
  const names = [named("ink", ink), named("ground", ground)];
  for (const key of ["bold", "dim", "italic", "underline", "strike"] as const)
    if (style[key]) names.push(styles[key]);
  if (style.underline && style.strike) names.push(styles.struck);
  if (style.inverse && ink === null) names.push(styles.inverseInk);
  if (style.inverse && ground === null) names.push(styles.inverseGround);
  return names.filter(Boolean).join(" ");
}

function named(what: string, colour: Colour | null): string | undefined {
  return typeof colour === "number" && colour < 16 ? styles[`${what}${colour}`] : undefined;
}

function cssOf(style: Style): CSSProperties {
  const [ink, ground] = style.inverse ? [style.ground, style.ink] : [style.ink, style.ground];
  const css: CSSProperties = {};
  const [inkCss, groundCss] = [
    ink === null ? null : cssColour(ink),
    ground === null ? null : cssColour(ground),
  ];
  if (inkCss !== null) css.color = inkCss;
  if (groundCss !== null) css.backgroundColor = groundCss;
  return css;
}
