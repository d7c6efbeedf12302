/**
 * The folder with everything that Farthing keeps for one user: configuration, identity, and
 * the books. `FARTHING_HOME`, else the platform's place for the data of programs.
 */
import type { PlatformError } from "effect"
import { Context, Effect, FileSystem, Layer, Path, Schema } from "effect"
import * as os from "node:os"
import { Environment } from "./Environment.ts"

export interface Shape {
  /** Absolute. */
  readonly path: string
  /** Where the configuration stands unless the user names another file. */
  readonly config: string
  /** The agent's secret key, unless it is configured elsewhere. */
  readonly identity: string
  /** The provider's, so that one who buys and sells on one machine does not trade with itself. */
  readonly providerIdentity: string
  /** The words that `init` makes: of identity and wallet. */
  readonly mnemonic: string
  /** The one database: spend ledger, journal, provider's books. */
  readonly database: string
}

export class Home extends Context.Service<Home, Shape>()("farthing/Home") {}

/** The home at a folder, which is created (mode 0700) if it is not there. */
export const make = Effect.fnUntraced(function* (folder: string) {
  const fileSystem = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const home = path.resolve(folder)
  yield* makeFolder(home).pipe(
    Effect.andThen(fileSystem.readDirectory(home)),
    Effect.andThen(fileSystem.access(home, { readable: true, writable: true })),
    Effect.mapError((error) => new HomeUnavailable({ path: home, cause: error.reason._tag }))
  )
  return Home.of({
    path: home,
    config: path.join(home, "farthing.toml"),
    identity: path.join(home, "identity.nsec"),
    providerIdentity: path.join(home, "provider.nsec"),
    mnemonic: path.join(home, "identity.mnemonic"),
    database: path.join(home, "farthing.db")
  })
})

/**
 * Makes a folder and what is missing above it. A step at a time: Node's own recursion never ends
 * where a file system takes no folders (`/proc`).
 */
const makeFolder = (
  folder: string
): Effect.Effect<void, PlatformError.PlatformError, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function* () {
    const fileSystem = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    if (yield* fileSystem.exists(folder)) return
    const parent = path.dirname(folder)
    if (parent !== folder) yield* makeFolder(parent)
    yield* Effect.catchIf(
      fileSystem.makeDirectory(folder, { mode: 0o700 }),
      // Another process was faster.
      (error) => error.reason._tag === "AlreadyExists",
      () => Effect.void
    )
  })

/** Where the home is on this machine. */
export const locate = Effect.gen(function* () {
  const path = yield* Path.Path
  const environment = yield* Environment
  return yield* Effect.try({
    try: () => place({ platform: process.platform, userHome: os.homedir, environment }, path),
    catch: () => new HomeUnavailable({ path: "~", cause: "NotFound" })
  })
})

/** Where the home is, by the customs of the platform. */
export const place = (
  machine: {
    readonly platform: NodeJS.Platform
    /** Asked only if it matters; throws for users who have none. */
    readonly userHome: () => string
    readonly environment: Readonly<Record<string, string | undefined>>
  },
  path: Path.Path
): string => {
  const { environment, platform, userHome } = machine
  if (environment["FARTHING_HOME"]) return environment["FARTHING_HOME"]
  switch (platform) {
    case "darwin":
      return path.join(userHome(), "Library", "Application Support", "farthing")
    case "win32":
      return path.join(
        environment["APPDATA"] || path.join(userHome(), "AppData", "Roaming"),
        "farthing"
      )
    default: {
      // XDG Base Directory: a path that is not absolute has to be ignored.
      const data = environment["XDG_DATA_HOME"] ?? ""
      const base = path.isAbsolute(data) ? data : path.join(userHome(), ".local", "share")
      return path.join(base, "farthing")
    }
  }
}

export const layer: Layer.Layer<Home, HomeUnavailable, FileSystem.FileSystem | Path.Path> =
  Layer.effect(Home, Effect.flatMap(locate, make))

/** The home at a given folder. */
export const layerAt = (
  folder: string
): Layer.Layer<Home, HomeUnavailable, FileSystem.FileSystem | Path.Path> =>
  Layer.effect(Home, make(folder))

/** The folder cannot be created, read or written. */
export class HomeUnavailable extends Schema.TaggedError<HomeUnavailable>()("HomeUnavailable", {
  path: Schema.String,
  /** The operating system's word for it. */
  cause: Schema.String
}) {
  override get message(): string {
    return `The folder ${this.path} cannot be used (${this.cause}). Make it writable for you, or name another one in FARTHING_HOME.`
  }
}
