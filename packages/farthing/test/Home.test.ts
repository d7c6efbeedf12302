import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Path } from "effect"
import * as Environment from "../src/Environment.ts"
import * as Home from "../src/Home.ts"
import * as TestHome from "./TestHome.ts"

const place = (
  platform: NodeJS.Platform,
  environment: Readonly<Record<string, string>> = {},
  userHome = "/home/ada"
) =>
  Effect.map(Path.Path, (path) =>
    Home.place({ platform, userHome: () => userHome, environment }, path)
  ).pipe(Effect.provide(TestHome.platform))

describe("A home that cannot be made", () => {
  it.live("is refused where a file system takes no folders", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Home.make("/proc/farthing/home"))
      assert.strictEqual(error._tag, "HomeUnavailable")
    }).pipe(Effect.provide(TestHome.platform))
  )
})

describe("The home is where the platform keeps the data of programs", () => {
  it.effect("on Linux", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* place("linux"), "/home/ada/.local/share/farthing")
      assert.strictEqual(yield* place("linux", { XDG_DATA_HOME: "/data" }), "/data/farthing")
    })
  )

  it.effect("on Linux, ignoring an XDG path that depends on the current directory", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* place("linux", { XDG_DATA_HOME: "data" }),
        "/home/ada/.local/share/farthing"
      )
    })
  )

  it.effect("on macOS", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* place("darwin", {}, "/Users/ada"),
        "/Users/ada/Library/Application Support/farthing"
      )
    })
  )

  it.effect("on Windows", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* place("win32", { APPDATA: "/roaming" }), "/roaming/farthing")
    })
  )

  it.effect("unless FARTHING_HOME says otherwise", () =>
    Effect.gen(function* () {
      for (const platform of ["linux", "darwin", "win32"] as const)
        assert.strictEqual(
          yield* place(platform, { FARTHING_HOME: "/mine", XDG_DATA_HOME: "/data" }),
          "/mine"
        )
    })
  )
})

describe("The home", () => {
  it.effect("is created for its owner alone, with whatever folders lead to it", () =>
    Effect.gen(function* () {
      const fileSystem = yield* FileSystem.FileSystem
      const parent = yield* TestHome.folder
      const home = yield* Effect.provide(
        Home.Home,
        Home.layer.pipe(
          Layer.provide(Layer.succeed(Environment.Environment)({ FARTHING_HOME: `${parent}/a/b` }))
        )
      )
      assert.deepStrictEqual(home, {
        path: `${parent}/a/b`,
        config: `${parent}/a/b/farthing.toml`,
        identity: `${parent}/a/b/identity.nsec`,
        providerIdentity: `${parent}/a/b/provider.nsec`,
        database: `${parent}/a/b/farthing.db`,
        mnemonic: `${parent}/a/b/identity.mnemonic`
      })
      const info = yield* fileSystem.stat(home.path)
      assert.strictEqual(info.mode & 0o777, 0o700)
    }).pipe(Effect.provide(TestHome.platform))
  )

  it.effect("is taken as it is if it is there", () =>
    Effect.gen(function* () {
      const parent = yield* TestHome.folder
      assert.strictEqual((yield* Home.make(parent)).path, parent)
      assert.strictEqual((yield* Home.make(parent)).path, parent)
    }).pipe(Effect.provide(TestHome.platform))
  )

  it.effect("that cannot be made is an error that says what to do", () =>
    Effect.gen(function* () {
      const fileSystem = yield* FileSystem.FileSystem
      const parent = yield* TestHome.folder
      yield* fileSystem.writeFileString(`${parent}/file`, "")
      for (const folder of [`${parent}/file`, `${parent}/file/home`]) {
        const error = yield* Effect.flip(Home.make(folder))
        assert.strictEqual(error._tag, "HomeUnavailable")
        assert.strictEqual(error.path, folder)
        assert.include(error.message, "FARTHING_HOME")
      }
    }).pipe(Effect.provide(TestHome.platform))
  )
})
