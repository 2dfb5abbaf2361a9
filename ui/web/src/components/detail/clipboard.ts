// Text goes to the clipboard; also where the page has come by plain HTTP, and the browser's own way is closed.

export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copySelected(text);
  }
}

function copySelected(text: string): boolean {
  const area = document.createElement("textarea");
  area.value = text;
  area.style.position = "fixed";
  area.style.opacity = "0";
  // inside of an open dialog: nothing else on the page can be selected then
  const place = document.querySelector("dialog[open]") ?? document.body;
  const before = document.activeElement;
  place.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (before instanceof HTMLElement) before.focus();
  return done;
}

/** Hand a text to the reader as a file. */
export function saveText(text: string, name: string): void {
  const where = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = where;
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(where), 10_000);
}
