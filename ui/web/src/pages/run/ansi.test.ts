import { describe, expect, it } from "vitest";
import { cssColour, PLAIN, parse, stripped, stylesOf } from "./ansi";

const ESC = "\x1b";
const texts = (text: string) => parse(text).spans.map((span) => span.text);

describe("parse", () => {
  it("gives a plain line as one span", () => {
    expect(parse("epoch 1")).toEqual({ spans: [{ text: "epoch 1", style: PLAIN }], end: PLAIN });
  });
  it("tells colours apart, and goes back to plain", () => {
    const { spans, end } = parse(`a${ESC}[1;31mb${ESC}[0mc`);
    expect(spans.map(({ text }) => text)).toEqual(["a", "b", "c"]);
    expect(spans[1]?.style).toEqual({ ...PLAIN, bold: true, ink: 1 });
    expect(end).toBe(PLAIN);
  });
  it("takes an empty code for a reset, and each attribute back by its own code", () => {
    expect(parse(`${ESC}[32mx${ESC}[my`).spans[1]?.style).toBe(PLAIN);
    expect(parse(`${ESC}[1;2;3;4;7;9m${ESC}[22;23;24;27;29mx`).end).toBe(PLAIN);
    expect(parse(`${ESC}[91;104m${ESC}[39mx`).end).toEqual({ ...PLAIN, ground: 12 });
  });
  it("reads the large palette and true colours, in both spellings", () => {
    expect(parse(`${ESC}[38;5;208mx`).end.ink).toBe(208);
    expect(parse(`${ESC}[48:2:1:2:3mx`).end.ground).toEqual([1, 2, 3]);
    expect(parse(`${ESC}[38;2;300;2;3;1mx`).end).toEqual({ ...PLAIN, ink: [255, 2, 3], bold: true });
    expect(parse(`${ESC}[38mx`).end).toBe(PLAIN);
  });
  it("goes on in the style that the line before ended in", () => {
    const { end } = parse(`${ESC}[33mwarn`);
    expect(parse("more", end).spans[0]?.style.ink).toBe(3);
  });
  it("takes out what moves the cursor, erases, names the window or makes links", () => {
    expect(texts(`a${ESC}[2Kb${ESC}[10;5Hc${ESC}[?25ld`)).toEqual(["abcd"]);
    expect(texts(`${ESC}]0;title\x07a${ESC}]8;;http://x${ESC}\\b${ESC}]8;;${ESC}\\`)).toEqual(["ab"]);
    expect(texts(`${ESC}Pq#0;2;0;0;0${ESC}\\a${ESC}(Bb${ESC}=c`)).toEqual(["abc"]);
    expect(texts("a\r\bb\x00c\x9b31md")).toEqual(["abc", "d"]);
  });
  it("keeps tabs, and what looks like a code without its escape", () => {
    expect(texts("a\t[31mb")).toEqual(["a\t[31mb"]);
  });
  it("takes out a code that is cut off, and passes over colours of private codes", () => {
    expect(texts(`a${ESC}[31`)).toEqual(["a"]);
    expect(texts(`a${ESC}`)).toEqual(["a"]);
    expect(texts(`a${ESC}]0;never ended`)).toEqual(["a"]);
    expect(parse(`${ESC}[>4;2mx`).end).toBe(PLAIN);
  });
  it("never leaves a control character in the text", () => {
    const pieces = [ESC, "[", "]", "31", ";", "m", "\x07", "\\", "\x9b", "K", "text", "\x90", "\r", "?", "P"];
    let seed = 7;
    for (let round = 0; round < 3000; round += 1) {
      let text = "";
      for (let k = 0; k < 12; k += 1) {
        seed = (seed * 1103515245 + 12345) % 2147483648;
        text += pieces[seed % pieces.length];
      }
      const joined = texts(text).join("");
      const isControl = (char: string) => /\p{Cc}/u.test(char) && char !== "\t";
      expect([...joined].filter(isControl)).toEqual([]);
      expect(joined).toBe(stripped(text));
    }
  });
});

describe("stylesOf", () => {
  it("says in which style each line begins", () => {
    const lines = [
      { text: `${ESC}[31mred` },
      { text: "still red" },
      { text: `${ESC}[0mplain` },
      { text: "plain" },
    ];
    expect(stylesOf(lines).map(({ ink }) => ink)).toEqual([null, 1, 1, null]);
  });
});

describe("cssColour", () => {
  it("leaves the first 16 to the theme and computes the rest", () => {
    expect(cssColour(15)).toBeNull();
    expect(cssColour(16)).toBe("rgb(0 0 0)");
    expect(cssColour(196)).toBe("rgb(255 0 0)");
    expect(cssColour(231)).toBe("rgb(255 255 255)");
    expect(cssColour(232)).toBe("rgb(8 8 8)");
    expect(cssColour([1, 2, 3])).toBe("rgb(1 2 3)");
  });
});
