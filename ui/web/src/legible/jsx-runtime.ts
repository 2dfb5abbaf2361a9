// What JSX is compiled to: React's own elements, of which everything that they show is seen.

import * as react from "react/jsx-runtime";
import { shown } from "./shown";

export type { JSX } from "react/jsx-runtime";
export { Fragment } from "react/jsx-runtime";

export const jsx: typeof react.jsx = (type, props, key) => react.jsx(type, shown(type, props), key);
export const jsxs: typeof react.jsxs = (type, props, key) => react.jsxs(type, shown(type, props), key);
