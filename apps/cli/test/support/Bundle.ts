/**
 * Bundles the command once for all projects that run it, so that what the tests run is what is
 * published; in a folder of this run's own, so that no other build takes it away.
 */
import { existsSync } from "node:fs"
import { rm } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { build } from "tsdown"
import type { TestProject } from "vitest/node"

const folder = fileURLToPath(new URL("../..", import.meta.url))

declare module "vitest" {
  export interface ProvidedContext {
    readonly bundle: string
  }
}

export default async (project: TestProject) => {
  const outDir = `${folder}node_modules/.test-${process.pid}`
  if (!existsSync(outDir))
    await build({ cwd: folder, config: `${folder}tsdown.config.ts`, outDir, logLevel: "error" })
  project.provide("bundle", `${outDir}/main.mjs`)
  return () => rm(outDir, { recursive: true, force: true })
}
