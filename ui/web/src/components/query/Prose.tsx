// A sentence of the server's, with what stands between backticks as code.

export function Prose({ text }: { text: string }) {
  return text
    .split(/`([^`]+)`/)
    .map((part, place) => (place % 2 === 1 ? <code key={place}>{part}</code> : part));
}
