// Puts a .gz beside each built file that is worth it: the server sends these, and compresses nothing itself.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { constants, gzipSync } from "node:zlib";

const assets = fileURLToPath(new URL("../runstone_ui/page/assets/", import.meta.url));
for (const name of readdirSync(assets)) {
  if (!/\.(js|css|svg)$/.test(name)) continue;
  const data = readFileSync(join(assets, name));
  const packed = gzipSync(data, { level: constants.Z_BEST_COMPRESSION });
  if (packed.length < 0.9 * data.length) writeFileSync(join(assets, `${name}.gz`), packed);
}
