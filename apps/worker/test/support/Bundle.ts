/** Bundles the worker once for all its tests, so that what they run is what is published. */
import { fileURLToPath } from "node:url"
import { bundling } from "../../../cli/test/support/Bundle.ts"

declare module "vitest" {
  export interface ProvidedContext {
    readonly workerBundle: string
  }
}

export default bundling(fileURLToPath(new URL("../..", import.meta.url)), (project, file) =>
  project.provide("workerBundle", file)
)
