// What language the browser says it speaks. uPlot asks for its numbers as it is loaded, and throws where that is none:
// WebKitGTK says "C" where no locale is set.

function isOne(language: string): boolean {
  try {
    return Intl.getCanonicalLocales(language).length === 1;
  } catch {
    return false;
  }
}

/** Have `navigator.language` name a language. */
export function settleLanguage(): void {
  if (isOne(navigator.language)) return;
  Object.defineProperty(navigator, "language", { value: "en-US", configurable: true });
}
