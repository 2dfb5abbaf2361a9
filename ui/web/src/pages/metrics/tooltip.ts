// What stands beside the cursor.

import { legible } from "../../legible/legible";
import styles from "./Chart.module.css";

export interface Remark {
  colour: string;
  title: string;
  /** A name and a value in each row. */
  rows: [string, string][];
}

export class Tooltip {
  readonly element = document.createElement("div");

  constructor(private readonly room: HTMLElement) {
    this.element.className = styles.tooltip ?? "";
    this.element.hidden = true;
    room.append(this.element);
  }

  show({ colour, title, rows }: Remark, left: number, top: number): void {
    const head = document.createElement("strong");
    const swatch = document.createElement("i");
    swatch.style.background = colour;
    head.append(swatch, legible(title));
    const list = document.createElement("dl");
    for (const [name, value] of rows) {
      const [term, text] = [document.createElement("dt"), document.createElement("dd")];
      term.textContent = legible(name);
      text.textContent = legible(value);
      list.append(term, text);
    }
    this.element.replaceChildren(head, list);
    this.element.hidden = false;
    const { clientWidth, clientHeight } = this.room;
    const { offsetWidth, offsetHeight } = this.element;
    const beside = left + 14 + offsetWidth <= clientWidth ? left + 14 : left - 14 - offsetWidth;
    const x = Math.min(Math.max(beside, -40), Math.max(clientWidth - offsetWidth + 10, -40));
    const y = Math.min(Math.max(top - offsetHeight / 2, 0), Math.max(clientHeight - offsetHeight, 0));
    this.element.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
  }

  hide(): void {
    this.element.hidden = true;
  }
}
