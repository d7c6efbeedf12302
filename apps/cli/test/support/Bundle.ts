/** Bundles the command once, so that what the tests run is what is published. */
import { fileURLToPath } from "node:url"
import { build } from "tsdown"

const folder = fileURLToPath(new URL("../..", import.meta.url))

export const bundle = `${folder}dist/main.mjs`

export default async () => {
  await build({ cwd: folder, config: `${folder}tsdown.config.ts`, logLevel: "error" })
}
