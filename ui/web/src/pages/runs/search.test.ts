import { expect, test } from "vitest";
import { find } from "./search";

const same = (text: string) => text;

test("all words have to be there, in any order and case", () => {
  const list = ["hparams.LR", "hparams.depth", "lr"];
  expect(find(list, same, "lr hp", 9)).toEqual({ shown: ["hparams.LR"], more: 0 });
  expect(find(list, same, " ", 2)).toEqual({ shown: ["hparams.LR", "hparams.depth"], more: 1 });
});
