/**
 * Bundles the command once for all projects that run it, so that what the tests run is what is
 * published; in a folder of this run's own, so that no other build takes it away.
 */
import { existsSync } from "node:fs"
import { rm } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { build } from "tsdown"
import type { TestProject } from "vitest/node"

declare module "vitest" {
  export interface ProvidedContext {
    readonly bundle: string
  }
}

/** Bundles the app in a folder; `provide` tells the tests where its file is. */
export const bundling =
  (folder: string, provide: (project: TestProject, file: string) => void) =>
  async (project: TestProject) => {
    const outDir = `${folder}node_modules/.test-${process.pid}`
    if (!existsSync(outDir))
      await build({ cwd: folder, config: `${folder}tsdown.config.ts`, outDir, logLevel: "error" })
    provide(project, `${outDir}/main.mjs`)
    return () => rm(outDir, { recursive: true, force: true })
  }

export default bundling(fileURLToPath(new URL("../..", import.meta.url)), (project, file) =>
  project.provide("bundle", file)
)
