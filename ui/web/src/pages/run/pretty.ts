// JSON set out over several lines without being read: every digit stays as it was written.

const INDENT = "  ";

export function setOut(text: string): string {
  let [result, depth, at] = ["", 0, 0];
  const line = () => `\n${INDENT.repeat(Math.max(depth, 0))}`;
  while (at < text.length) {
    const char = text.charAt(at);
    if (char === '"') {
      const end = endOfString(text, at);
      result += text.slice(at, end);
      at = end;
      continue;
    }
    if (char === "{" || char === "[") {
      const close = char === "{" ? "}" : "]";
      if (text[at + 1] === close) {
        result += char + close;
        at += 2;
        continue;
      }
      depth += 1;
      result += char + line();
    } else if (char === "}" || char === "]") {
      depth -= 1;
      result += line() + char;
    } else if (char === ",") result += char + line();
    else if (char === ":") result += ": ";
    else result += char;
    at += 1;
  }
  return result;
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return Math.min(at + 1, text.length);
}
