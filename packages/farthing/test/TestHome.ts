/** A home of its own for each test, on the real file system. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { Effect, FileSystem, Layer } from "effect"
import { Environment } from "../src/Environment.ts"
import * as Home from "../src/Home.ts"

export const platform = Layer.merge(NodeFileSystem.layer, NodePath.layer)

/** An empty folder that goes away with the test. */
export const folder = Effect.gen(function* () {
  const fileSystem = yield* FileSystem.FileSystem
  return yield* fileSystem.makeTempDirectoryScoped({ prefix: "farthing-test-" })
})

export const layer = Layer.unwrap(Effect.map(folder, Home.layerAt)).pipe(
  Layer.provideMerge(platform)
)

/** Nothing of the environment in which the tests run. */
export const withEnvironment = (variables: Readonly<Record<string, string>>) =>
  Effect.provideService(Environment, variables)
